"""Create, update, delete and revive, alone or as part of a batch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shotgun_sandbox.site.core import SiteCore
from shotgun_sandbox.site.entities import Record
from shotgun_sandbox.site.errors import (
    REQUEST,
    SiteFault,
    event_not_deletable,
    event_not_editable,
    missing_attribute,
    missing_field,
    no_such_entity,
)
from shotgun_sandbox.site.rules import Actor
from shotgun_sandbox.site.schema import READ_ONLY, TYPES
from shotgun_sandbox.site.transactions import Transaction

Args = Mapping[str, Any]
WITHOUT_PROJECT = ("Project", "HumanUser", "ApiUser", "ClientUser", "Step", "TaskTemplate", "Reply", "Page")
EXPECTED: Mapping[str, tuple[type, ...]] = {
    "text": (str,),
    "status_list": (str,),
    "list": (str,),
    "number": (int,),
    "duration": (int, float),
    "float": (int, float),
    "percent": (int, float),
    "checkbox": (bool,),
    "entity": (dict,),
    "multi_entity": (list,),
}


class Crud:
    """Runs one write of a client inside a transaction. Not thread-safe: the caller holds the site's lock."""

    def __init__(self, core: SiteCore) -> None:
        self._core = core

    def run(self, tx: Transaction, actor: Actor, method: str, args: Args) -> Any:
        """Do the write and return what the site answers. Raises SiteFault for what it refuses."""
        entity_type = args.get("type")
        if not isinstance(entity_type, str) or entity_type not in TYPES:
            raise SiteFault(REQUEST, f"API {method}() invalid/missing string entity 'type': {entity_type!r}.")
        if method == "create":
            return self._create(tx, actor, entity_type, args)
        if entity_type == "EventLogEntry":
            raise self._event_refusal(method, args)
        if method == "update":
            return self._update(tx, actor, entity_type, args)
        if method == "delete":
            return self._core.writes.retire(tx, actor, self._record(entity_type, args))
        if method == "revive":
            return self._core.writes.revive(tx, actor, self._record(entity_type, args))
        raise SiteFault(REQUEST, f"API batch() invalid 'request_type': {method!r}.")

    def _create(self, tx: Transaction, actor: Actor, entity_type: str, args: Args) -> dict[str, Any]:
        values = self._values("create", entity_type, args)
        if entity_type not in WITHOUT_PROJECT and not values.get("project"):
            raise missing_attribute("create", "project", dict(args))
        if entity_type == "EventLogEntry":
            return self._create_event(tx, values, args)
        record = self._core.writes.create(tx, actor, entity_type, values)
        return self._shown(record, [*values, *(args.get("return_fields") or [])])

    def _create_event(self, tx: Transaction, values: dict[str, Any], args: Args) -> dict[str, Any]:
        values.setdefault("description", "New Event")
        event_id = self._core.transactions.write(tx, values)
        row = tx.rows[-1]
        wanted = [
            name for name in (*values, *(args.get("return_fields") or [])) if name in TYPES["EventLogEntry"]
        ]
        shown = {name: self._core.reads.value("EventLogEntry", row, name) for name in wanted}
        return {"type": "EventLogEntry", **shown, "id": event_id}

    def _update(self, tx: Transaction, actor: Actor, entity_type: str, args: Args) -> dict[str, Any]:
        record = self._record(entity_type, args)
        if record.retired:
            raise no_such_entity(entity_type, record.id)
        values = self._values("update", entity_type, args)
        modes = {
            item["field_name"]: item.get("multi_entity_update_mode") for item in args.get("fields") or []
        }
        for name, value in values.items():
            chosen = _merged(record.values.get(name), value, modes.get(name))
            self._core.writes.update(tx, actor, record, name, chosen)
        return self._shown(record, list(values))

    def _record(self, entity_type: str, args: Args) -> Record:
        entity_id = args.get("id")
        record = self._core.entities.get(entity_type, entity_id) if isinstance(entity_id, int) else None
        if record is None:
            raise no_such_entity(entity_type, entity_id)
        return record

    def _values(self, method: str, entity_type: str, args: Args) -> dict[str, Any]:
        values: dict[str, Any] = {}
        for item in args.get("fields") or []:
            name, value = item["field_name"], item["value"]
            spec = TYPES[entity_type].get(name)
            if spec is None:
                raise missing_field(method, entity_type, name)
            if name in READ_ONLY:
                raise SiteFault(REQUEST, f"API {method}() {entity_type}.{name} is not editable.")
            expected = EXPECTED.get(spec.data_type)
            wrong = expected is not None and value is not None and not isinstance(value, expected)
            if wrong and entity_type != "EventLogEntry":
                raise SiteFault(
                    REQUEST,
                    f"API {method}() {entity_type}.{name} expected [{spec.data_type}] data type(s) "
                    f"but got [{type(value).__name__}] {value!r}.",
                )
            values[name] = value
        return values

    def _event_refusal(self, method: str, args: Args) -> SiteFault:
        entity_id = args.get("id")
        if not isinstance(entity_id, int) or entity_id not in self._core.log:
            return no_such_entity("EventLogEntry", entity_id)
        if method != "update":
            return event_not_deletable()
        fields = [item["field_name"] for item in args.get("fields") or []]
        return event_not_editable(fields[0] if fields else "id")

    def _shown(self, record: Record, names: list[str]) -> dict[str, Any]:
        known = [name for name in dict.fromkeys(names) if name in TYPES[record.type]]
        values = {name: self._core.entities.value(record, name) for name in known}
        return {"type": record.type, **values, "id": record.id}


def _merged(before: Any, value: Any, mode: str | None) -> Any:
    if mode not in ("add", "remove"):
        return value
    kept = [item for item in before or [] if not _holds(value, item)]
    return [*kept, *value] if mode == "add" else kept


def _holds(links: list[Any], wanted: Any) -> bool:
    return any((link["type"], link["id"]) == (wanted["type"], wanted["id"]) for link in links)
