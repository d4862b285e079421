"""Entities in memory, in the form in which a site keeps them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from .matching import Row, matches

_NAMES = ("code", "content", "subject", "name", "title", "login", "firstname", "short_name")
Link = dict[str, Any]


class Entities:
    """Entities by type and id. Links in answers carry the name that their target has now."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[int, dict[str, Any]]] = {}
        self._retired: set[tuple[str, int]] = set()

    def add(self, entity_type: str, number: int, fields: Mapping[str, Any]) -> None:
        """Keep an entity. Raises ValueError when there is one already."""
        rows = self._rows.setdefault(entity_type, {})
        if number in rows:
            raise ValueError(f"there is a {entity_type} {number} already; give another id")
        rows[number] = {
            **{name: _stored(value) for name, value in fields.items()},
            "type": entity_type,
            "id": number,
        }

    def get(self, entity_type: str, number: int | None) -> dict[str, Any] | None:
        """An entity's own fields, also of a deleted one; None when there never was one."""
        return None if number is None else self._rows.get(entity_type, {}).get(number)

    def is_retired(self, entity_type: str, number: int) -> bool:
        """Whether it was deleted."""
        return (entity_type, number) in self._retired

    def next_id(self, entity_type: str) -> int:
        """An id that no entity of this type has."""
        return max(self._rows.get(entity_type, {}), default=0) + 1

    def update(
        self, entity_type: str, number: int, fields: Mapping[str, Any], modes: Mapping[str, str]
    ) -> dict[str, Any]:
        """Set fields; those with a mode are added to or removed from lists. Returns what they are now."""
        row = self._rows[entity_type][number]
        for name, value in fields.items():
            row[name] = _changed(row.get(name), _stored(value), modes.get(name, "set"))
        return {name: self._shown(row[name]) for name in fields}

    def set_retired(self, entity_type: str, number: int, *, retired: bool) -> bool:
        """Delete or revive an entity; False when it was so before."""
        key = (entity_type, number)
        if (key in self._retired) == retired:
            return False
        (self._retired.add if retired else self._retired.discard)(key)
        return True

    def select(
        self, entity_type: str, filters: Mapping[str, Any] | None, *, retired: bool = False
    ) -> list[Row]:
        """The entities that a filter selects, by id. Raises UnsupportedError."""
        rows = self._rows.get(entity_type, {})
        chosen = [rows[number] for number in sorted(rows) if self.is_retired(entity_type, number) is retired]
        return [row for row in chosen if matches(row, filters, self.value_at)]

    def read(self, params: Mapping[str, Any]) -> dict[str, Any]:
        """The site's answer to a read."""
        rows = self.select(
            params["type"], params.get("filters"), retired=params.get("return_only") == "retired"
        )
        for sort in reversed(params.get("sorts") or []):
            rows = self._sorted(rows, sort)
        size, page = params["paging"]["entities_per_page"], params["paging"]["current_page"]
        shown = rows[(page - 1) * size : page * size]
        fields: Sequence[str] = params["return_fields"]
        return {
            "entities": [self._entity(row, fields) for row in shown],
            "paging_info": {"has_next_page": len(rows) > page * size, "entity_count": len(rows)},
        }

    def link(self, entity_type: str, number: int) -> Link:
        """A link to an entity, with its name."""
        return {"type": entity_type, "id": number, "name": self._name(entity_type, number)}

    def value_at(self, row: Row, path: str) -> Any:
        """A field, or a path over links such as `entity.Shot.code`; None where it leads nowhere."""
        field, dot, rest = path.partition(".")
        value = row.get(field)
        if not dot:
            return self._shown(value)
        wanted, _, inner = rest.partition(".")
        if not isinstance(value, Mapping) or value.get("type") != wanted:
            return None
        target = self.get(wanted, value["id"])
        return value.get(inner) if target is None else self.value_at(target, inner)

    def _entity(self, row: Row, fields: Iterable[str]) -> dict[str, Any]:
        shown = {name: self.value_at(row, name) for name in fields}
        return {"type": row["type"], **shown, "id": row["id"]}

    def _sorted(self, rows: list[Row], sort: Mapping[str, str]) -> list[Row]:
        def key(row: Row) -> tuple[bool, Any]:
            value = self.value_at(row, sort["field_name"])
            value = value.get("name") if isinstance(value, Mapping) else value
            return value is not None, value if value is not None else 0

        return sorted(rows, key=key, reverse=sort["direction"] == "desc")

    def _shown(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._shown(one) for one in value]
        if _is_link(value):
            return {**value, "name": self._name(value["type"], value["id"]) or value.get("name")}
        return value

    def _name(self, entity_type: str, number: int) -> str | None:
        row = self.get(entity_type, number) or {}
        return next((str(row[name]) for name in _NAMES if row.get(name)), None)


def _is_link(value: Any) -> bool:
    return isinstance(value, Mapping) and "type" in value and "id" in value


def _stored(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_stored(one) for one in value]
    return dict(value) if isinstance(value, Mapping) else value


def _changed(before: Any, value: Any, mode: str) -> Any:
    if mode == "set":
        return value
    given = {(one["type"], one["id"]) for one in value}
    kept = [one for one in before or [] if (one["type"], one["id"]) not in given]
    return [*kept, *value] if mode == "add" else kept
