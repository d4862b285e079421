"""Reads: a page of rows, or counts of them, as of the moment of the request."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from shotgun_sandbox.site.entities import Entities, Record
from shotgun_sandbox.site.errors import REQUEST, SiteFault, bad_paging, missing_field
from shotgun_sandbox.site.event_log import EventLog
from shotgun_sandbox.site.filters import Context, Selection, select
from shotgun_sandbox.site.id_ranges import ALL
from shotgun_sandbox.site.schema import TYPES, Field

Args = Mapping[str, Any]
Row = Mapping[str, Any]
Hidden = Callable[[Row], bool]
EVENT_LINKS = frozenset({"entity", "user", "project"})
UNSORTABLE = ("serializable", "jsonb", "multi_entity", "image", "url")


@dataclass(slots=True)
class PageRules:
    """What the site allows a read: rows a page, and whether it counts rows in its paging information."""

    cap: int = 500
    version: list[int] = field(default_factory=lambda: [8, 89, 0])

    @property
    def counts_pages(self) -> bool:
        """Whether the site is older than 7.4, which always counts."""
        return tuple(self.version[:2]) < (7, 4)


class Reads:
    """Answers ``read`` and ``summarize``. Not thread-safe: the owner holds a lock."""

    def __init__(self, log: EventLog, entities: Entities, pages: PageRules, now: Callable[[], float]) -> None:
        self._log = log
        self._entities = entities
        self._pages = pages
        self._now = now

    def read(self, args: Args, hidden: Hidden | None = None) -> dict[str, Any]:
        """Return a page of rows and its paging information. Raises SiteFault for what the site refuses."""
        entity_type = self._entity_type("read", args)
        number, size = self._page(
            args.get("paging") or {"current_page": 1, "entities_per_page": self._pages.cap}
        )
        selection = select(args.get("filters"), self._context("read", entity_type))
        offset = (number - 1) * size
        total: int | None = None
        if entity_type == "EventLogEntry":
            rows = self._event_page(selection, args.get("sorts") or [], offset, size + 1, hidden)
            if self._pages.counts_pages:
                total = self._count_events(selection, hidden)
        else:
            everything = self._sorted(self._entity_rows(entity_type, selection, args), entity_type, args)
            total = len(everything)
            rows = everything[offset : offset + size + 1]
        fields = self._return_fields(entity_type, args.get("return_fields") or ["id"])
        entities = [self._project(entity_type, row, fields) for row in rows[:size]]
        return {"entities": entities, "paging_info": self._paging(number, size, len(rows) > size, total)}

    def summarize(self, args: Args, hidden: Hidden | None = None) -> dict[str, Any]:
        """Return counts, sums, least and greatest values of the rows that the filter selects, grouped on demand."""
        entity_type = self._entity_type("summarize", args)
        selection = select(args.get("filters"), self._context("summarize", entity_type))
        summaries = list(args.get("summaries") or [])
        counting = all(item.get("type") == "count" and item.get("field") == "id" for item in summaries)
        grouping = list(args.get("grouping") or [])
        if entity_type == "EventLogEntry" and counting and not grouping:
            total = self._count_events(selection, hidden)
            return {"summaries": {item["field"]: total for item in summaries}, "groups": []}
        if entity_type == "EventLogEntry":
            rows: list[Row] = list(self._event_rows(selection, hidden))
        else:
            rows = self._entity_rows(entity_type, selection, args)
        context = self._context("summarize", entity_type)
        return {
            "summaries": _summaries(rows, summaries, context),
            "groups": _groups(rows, grouping, summaries, context),
        }

    def value(self, entity_type: str, row: Row, path: str) -> Any:
        """Return the value at ``path`` of a row, links named and nulled as of now."""
        name, _, rest = path.partition(".")
        if entity_type == "EventLogEntry":
            stored = row.get(name)
            value = self._entities.link(stored) if name in EVENT_LINKS else stored
        else:
            record: Record = row["record"]
            value = self._entities.value(record, name)
        if not rest:
            return value
        target_type, _, inner = rest.partition(".")
        if not isinstance(value, dict) or value["type"] != target_type:
            return None
        target = self._entities.alive(target_type, value["id"])
        return None if target is None else self.value(target_type, {"record": target}, inner)

    def field_of(self, method: str, entity_type: str, path: str) -> Field:
        """Return the field that ``path`` ends at. Raises SiteFault when there is none."""
        name, _, rest = path.partition(".")
        spec = TYPES.get(entity_type, {}).get(name)
        if spec is None:
            raise missing_field(method, entity_type, name)
        if not rest:
            return spec
        target_type, _, inner = rest.partition(".")
        if target_type not in TYPES or not inner:
            raise missing_field(method, entity_type, path)
        return self.field_of(method, target_type, inner)

    def _entity_type(self, method: str, args: Args) -> str:
        entity_type = args.get("type")
        if not isinstance(entity_type, str) or entity_type not in TYPES:
            raise SiteFault(REQUEST, f"API {method}() invalid/missing string entity 'type': {entity_type!r}.")
        return entity_type

    def _page(self, paging: Args) -> tuple[int, int]:
        number, size = paging.get("current_page", 1), paging.get("entities_per_page", self._pages.cap)
        if not isinstance(size, int) or isinstance(size, bool) or size < 1 or size > self._pages.cap:
            raise bad_paging("entities_per_page", dict(paging))
        if not isinstance(number, int) or isinstance(number, bool) or number < 1:
            raise bad_paging("current_page", dict(paging))
        return number, size

    def _context(self, method: str, entity_type: str) -> Context:
        return Context(
            method=method,
            entity_type=entity_type,
            field=lambda path: self.field_of(method, entity_type, path),
            value=lambda row, path: self.value(entity_type, row, path),
            created_between=self._log.created_between,
            now=self._now,
        )

    def _event_page(
        self, selection: Selection, sorts: list[Args], offset: int, limit: int, hidden: Hidden | None
    ) -> list[Row]:
        order = [item for item in sorts if self._sortable("EventLogEntry", item)]
        by_id = not order or order[0]["field_name"] == "id"
        descending = bool(order) and order[0].get("direction") == "desc"
        if not by_id:
            rows = self._order(list(self._event_rows(selection, hidden)), "EventLogEntry", order)
            return rows[offset : offset + limit]
        if selection.exact and hidden is None:
            ids = self._log.page(selection.ids, offset, limit, descending=descending)
            return [self._log.row(event_id) for event_id in ids]
        return list(
            islice(self._event_rows(selection, hidden, descending=descending), offset, offset + limit)
        )

    def _event_rows(
        self, selection: Selection, hidden: Hidden | None, *, descending: bool = False
    ) -> Iterator[Row]:
        for event_id in self._log.walk(selection.ids, descending=descending):
            row = self._log.row(event_id)
            if (hidden is None or not hidden(row)) and (selection.exact or selection.matches(row)):
                yield row

    def _count_events(self, selection: Selection, hidden: Hidden | None) -> int:
        if selection.exact and hidden is None:
            return self._log.count(selection.ids)
        return sum(1 for _ in self._event_rows(selection, hidden))

    def _entity_rows(self, entity_type: str, selection: Selection, args: Args) -> list[Row]:
        retired = args.get("return_only") == "retired"
        by_id = selection.ids != ALL
        rows: list[Row] = []
        for record in self._entities.of_type(entity_type):
            row = {"record": record}
            inside = not by_id or any(first <= record.id <= last for first, last in selection.ids.spans)
            if record.retired == retired and inside and (selection.exact or selection.matches(row)):
                rows.append(row)
        return rows

    def _sortable(self, entity_type: str, item: Args) -> bool:
        try:
            spec = self.field_of("read", entity_type, str(item.get("field_name")))
        except SiteFault:
            return False  # as on the real site, an unknown sort is ignored without a word
        return spec.data_type not in UNSORTABLE

    def _sorted(self, rows: list[Row], entity_type: str, args: Args) -> list[Row]:
        order = [item for item in args.get("sorts") or [] if self._sortable(entity_type, item)]
        return self._order(rows, entity_type, order)

    def _order(self, rows: list[Row], entity_type: str, order: list[Args]) -> list[Row]:
        for item in reversed(order):
            path = item["field_name"]
            rows.sort(
                key=lambda row: _sort_key(self.value(entity_type, row, path)),
                reverse=item.get("direction") == "desc",
            )
        return rows

    def _return_fields(self, entity_type: str, wanted: Iterable[str]) -> list[str]:
        found = []
        for path in dict.fromkeys(wanted):
            try:
                spec = self.field_of("read", entity_type, path)
            except SiteFault:
                continue  # as on the real site, an unknown field is dropped without a word
            if spec.data_type != "jsonb":
                found.append(path)
        return found

    def _project(self, entity_type: str, row: Row, fields: list[str]) -> dict[str, Any]:
        if entity_type == "EventLogEntry":
            plain = row.keys() - EVENT_LINKS
            shown = {
                path: row[path] if path in plain else self.value(entity_type, row, path) for path in fields
            }
            return {"type": entity_type, **shown, "id": row["id"]}
        shown = {path: self.value(entity_type, row, path) for path in fields}
        return {"type": entity_type, **shown, "id": row["record"].id}

    def _paging(self, number: int, size: int, more: bool, total: int | None) -> dict[str, Any]:
        if not self._pages.counts_pages:
            return {"current_page": number, "entities_per_page": size, "has_next_page": more}
        count = total or 0
        return {
            "current_page": number if count else 0,
            "page_count": -(-count // size),
            "entity_count": count,
            "entities_per_page": size,
        }


def _sort_key(value: Any) -> tuple[bool, Any]:
    if isinstance(value, dict):
        value = str(value.get("name", "")).casefold()
    return value is not None, value.casefold() if isinstance(value, str) else (value or 0)


def _summaries(rows: list[Row], summaries: list[Args], context: Context) -> dict[str, Any]:
    answer: dict[str, Any] = {}
    for item in summaries:
        values = [context.value(row, item["field"]) for row in rows]
        known = [value for value in values if value is not None]
        kind = item.get("type")
        if kind in ("count", "record_count"):
            answer[item["field"]] = (
                len(rows) if kind == "record_count" or item["field"] == "id" else len(known)
            )
        elif kind == "sum":
            answer[item["field"]] = sum(known)
        elif kind in ("minimum", "maximum", "earliest", "latest"):
            choose = min if kind in ("minimum", "earliest") else max
            answer[item["field"]] = choose(known) if known else None
        else:
            raise SiteFault(REQUEST, f"API summarize() invalid summary 'type': {kind!r}.")
    return answer


def _groups(
    rows: list[Row], grouping: list[Args], summaries: list[Args], context: Context
) -> list[dict[str, Any]]:
    if not grouping:
        return []
    path = grouping[0]["field"]
    sorted_rows: dict[str, list[Row]] = {}
    values: dict[str, Any] = {}
    for row in rows:
        value = context.value(row, path)
        name = str(value.get("name")) if isinstance(value, dict) else str(value if value is not None else "")
        sorted_rows.setdefault(name, []).append(row)
        values[name] = value
    names = sorted(sorted_rows, reverse=grouping[0].get("direction") == "desc")
    return [
        {
            "group_name": name,
            "group_value": values[name],
            "summaries": _summaries(sorted_rows[name], summaries, context),
            "groups": _groups(sorted_rows[name], grouping[1:], summaries, context),
        }
        for name in names
    ]
