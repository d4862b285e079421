"""Writes to entities, and the event rows that each of them makes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from shotgun_sandbox.site.clock import iso, ruby_utc
from shotgun_sandbox.site.entities import Entities, Link, Record
from shotgun_sandbox.site.schema import BACK_REFERENCES, READ_ONLY, TYPES, UNLOGGED, name_field
from shotgun_sandbox.site.transactions import Transaction, Transactions

THUMBNAIL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Actor:
    """Who writes: the user shown on the rows, the session, and the script behind a borrowed identity."""

    user: Link | None
    session_uuid: str | None = None
    sudo_by: Link | None = None
    logs: bool = True


@dataclass(slots=True)
class EventRules:
    """How the site words its events: whether an entity's ``New`` row comes after or before its field rows."""

    new_row_last: bool = True


class Writes:
    """Creates, updates, retires and revives entities inside a transaction. Not thread-safe.

    The change to the entity is seen at once, the rows when the transaction commits.
    """

    def __init__(
        self,
        entities: Entities,
        transactions: Transactions,
        now: Callable[[], float],
        rules: EventRules,
    ) -> None:
        self._entities = entities
        self._transactions = transactions
        self._now = now
        self._rules = rules
        self._attachments = 41000

    def create(self, tx: Transaction, actor: Actor, entity_type: str, values: Mapping[str, Any]) -> Record:
        """Create an entity: a row for every field, the server's defaults included, and one ``New``."""
        fields = TYPES[entity_type]
        given = {name: _stored(value) for name, value in values.items() if name not in READ_ONLY}
        defaults = {name: spec.default for name, spec in fields.items() if spec.default is not None}
        stamps = {"created_at": iso(self._now()), "created_by": actor.user, "updated_at": iso(self._now())}
        known_stamps = {name: value for name, value in stamps.items() if name in fields}
        record = self._entities.add(entity_type, {**known_stamps, **defaults, **given})
        if not self._rules.new_row_last:
            self._new_row(tx, actor, record)
        last = name_field(entity_type)
        for name in sorted({**defaults, **given}, key=lambda name: name == last):
            self._change_row(tx, actor, record, name, None, record.values[name], in_create=True)
        if self._rules.new_row_last:
            self._new_row(tx, actor, record)
        if given.get("task_template"):
            self._apply_template(tx, actor, record)
        return record

    def update(self, tx: Transaction, actor: Actor, record: Record, name: str, value: Any) -> None:
        """Set one field: one row, none when the value is the same, one more for each back-reference."""
        before, after = record.values.get(name), _stored(value)
        if before == after:
            return
        self._entities.set(record, name, after)
        self._entities.set(record, "updated_at", iso(self._now()))
        self._change_row(tx, actor, record, name, before, after)

    def retire(self, tx: Transaction, actor: Actor, record: Record) -> bool:
        """Delete an entity: a ``Retirement`` row, then one for its date. False when it was deleted before.

        The tasks on it go with it. Older rows of it show no entity from this moment.
        """
        if record.retired:
            return False
        for task in self._tasks_of(record):
            if not task.retired:
                self._set_retired(tx, actor, task, retired=True)
        meta = {
            "type": "entity_retirement",
            **self._identity(record),
            "retirement_date": ruby_utc(self._now()),
        }
        self._row(tx, actor, record, f"Shotgun_{record.type}_Retirement", meta, f"deleted {_title(record)}")
        self._set_retired(tx, actor, record, retired=True)
        return True

    def revive(self, tx: Transaction, actor: Actor, record: Record) -> bool:
        """Bring an entity and its tasks back: a row for each date, then ``Revival``. False when not retired."""
        if not record.retired:
            return False
        for task in self._tasks_of(record):
            if task.retired:
                self._set_retired(tx, actor, task, retired=False)
        self._set_retired(tx, actor, record, retired=False)
        meta = {"type": "entity_revival", **self._identity(record)}
        self._row(tx, actor, record, f"Shotgun_{record.type}_Revival", meta, f"revived {_title(record)}")
        return True

    def thumbnail(self, tx: Transaction, actor: Actor, record: Record, *, transient: bool) -> None:
        """Give an entity a new image: first a transient row, and some 30 s later the real one."""
        before = record.values.get("image")
        if transient:
            self._attachments += 1
            self._entities.set(record, "image", f"/thumbnail/{self._attachments}.jpg")
        meta = {
            **_change_meta(record, "image", "image"),
            "old_value": None if before is None or not transient else self._attachments - 1,
            "new_value": self._attachments,
            "is_transient": transient,
        }
        self._row(
            tx, actor, record, f"Shotgun_{record.type}_Change", meta, "changed Thumbnail", attribute="image"
        )

    def log(self, tx: Transaction, actor: Actor, event_type: str | None, **values: Any) -> int:
        """Write a row that no entity's change is behind: a page view, a login, a toolkit start."""
        base = {"event_type": event_type, "user": actor.user, "session_uuid": actor.session_uuid}
        return self._transactions.write(tx, {**base, **values})

    def _apply_template(self, tx: Transaction, actor: Actor, owner: Record) -> None:
        for content in ("Layout", "Animation"):
            values = {
                "project": owner.values.get("project"),
                "content": content,
                "entity": {"type": owner.type, "id": owner.id},
                "sg_description": f"{content} from the template",
                "est_in_mins": 1200,
                "start_date": iso(self._now())[:10],
                "due_date": iso(self._now() + 14 * 86400)[:10],
            }
            self.create(tx, actor, "Task", values)

    def _tasks_of(self, record: Record) -> list[Record]:
        found = (self._entities.get("Task", item["id"]) for item in record.values.get("tasks") or ())
        return [task for task in found if task is not None]

    def _set_retired(self, tx: Transaction, actor: Actor, record: Record, *, retired: bool) -> None:
        self._entities.set_retired(record, retired=retired)
        date = ruby_utc(self._now())
        meta = {
            "type": "attribute_change",
            "attribute_name": "retirement_date",
            "entity_type": record.type,
            "entity_id": record.id,
            "old_value": None if retired else date,
            "new_value": date if retired else None,
        }
        event_type = f"Shotgun_{record.type}_Change"
        self._row(tx, actor, record, event_type, meta, "changed Retirement Date", attribute="retirement_date")

    def _new_row(self, tx: Transaction, actor: Actor, record: Record) -> None:
        meta = {"type": "new_entity", "entity_type": record.type, "entity_id": record.id}
        if record.type == "Reply":
            meta["content"] = record.values.get("content")
        self._row(tx, actor, record, f"Shotgun_{record.type}_New", meta, f"created {_title(record)}")

    def _change_row(
        self,
        tx: Transaction,
        actor: Actor,
        record: Record,
        name: str,
        before: Any,
        after: Any,
        *,
        in_create: bool = False,
    ) -> None:
        spec = TYPES[record.type][name]
        back = BACK_REFERENCES.get((record.type, name))
        row_id = None
        if name not in UNLOGGED:
            meta = _change_meta(record, name, spec.data_type)
            if in_create:
                meta["in_create"] = True
            if spec.data_type == "multi_entity":
                meta["added"] = self._members(_difference(after, before))
                meta["removed"] = self._members(_difference(before, after))
            else:
                meta["old_value"] = self._member(before) if spec.data_type == "entity" else before
                meta["new_value"] = self._member(after) if spec.data_type == "entity" else after
            label = spec.label or name
            words = f'changed "{label}" from "{before}" to "{after}" on {_title(record)}'
            event_type = f"Shotgun_{record.type}_Change"
            row_id = self._row(tx, actor, record, event_type, meta, words, attribute=name)
        if back is not None:
            origin = (f"{record.type}.{name}", spec.data_type, row_id, in_create)
            self._back_references(tx, actor, record, back, _difference(before, after), origin, added=False)
            self._back_references(tx, actor, record, back, _difference(after, before), origin, added=True)

    def _back_references(
        self,
        tx: Transaction,
        actor: Actor,
        record: Record,
        back: str,
        targets: list[Link],
        origin: tuple[str, str, int | None, bool],
        *,
        added: bool,
    ) -> None:
        mine = {"type": record.type, "id": record.id}
        for target in (self._entities.get(item["type"], item["id"]) for item in targets):
            if target is None or back not in TYPES[target.type]:
                continue
            kept = [item for item in target.values.get(back) or () if item != mine]
            self._entities.set(target, back, [*kept, mine] if added else kept)
            actual, data_type, row_id, in_create = origin
            meta: dict[str, Any] = {
                "type": "attribute_change",
                "attribute_name": back,
                "actual_attribute_changed": actual,
                "original_event_log_entry_id": row_id,
                "entity_type": record.type,
                "entity_id": record.id,
                "field_data_type": data_type,
            }
            if in_create:
                meta["in_create"] = True
            meta["added"] = self._members([mine] if added else [])
            meta["removed"] = self._members([] if added else [mine])
            event_type = f"Shotgun_{target.type}_Change"
            self._row(tx, actor, target, event_type, meta, f"changed {back}", attribute=back)

    def _row(
        self,
        tx: Transaction,
        actor: Actor,
        record: Record,
        event_type: str,
        meta: dict[str, Any],
        words: str,
        *,
        attribute: str | None = None,
    ) -> int | None:
        if not actor.logs:
            return None
        if actor.sudo_by is not None:
            meta["sudo_actual_user"] = {**actor.sudo_by, "valid": "valid"}
        who = (actor.user or {}).get("name", "Somebody")
        return self._transactions.write(
            tx,
            {
                "event_type": event_type,
                "attribute_name": attribute,
                "description": f"{who} {words}",
                "meta": meta,
                "entity": {"id": record.id, "name": self._entities.name(record), "type": record.type},
                "user": actor.user,
                "project": record.values.get("project") if record.type != "Project" else None,
                "session_uuid": actor.session_uuid,
            },
        )

    def _identity(self, record: Record) -> dict[str, Any]:
        return {
            "class_name": record.type,
            "display_name": self._entities.name(record),
            "entity_id": record.id,
            "entity_type": record.type,
            "id": record.id,
        }

    def _members(self, links: list[Link]) -> list[Link | None]:
        return [self._member(item) for item in links]

    def _member(self, item: Link | None) -> Link | None:
        if item is None:
            return None
        record = self._entities.get(item["type"], item["id"])
        return {
            "id": item["id"],
            "name": item.get("name") if record is None else self._entities.name(record),
            "type": item["type"],
            "status": None if record is None else record.values.get("sg_status_list"),
            "valid": "valid" if record is not None and not record.retired else "retired",
            "uuid": str(uuid.uuid5(uuid.NAMESPACE_OID, f"{item['type']}:{item['id']}")),
        }


def _change_meta(record: Record, name: str, data_type: str) -> dict[str, Any]:
    return {
        "type": "attribute_change",
        "attribute_name": name,
        "entity_type": record.type,
        "entity_id": record.id,
        "field_data_type": data_type,
    }


def _title(record: Record) -> str:
    return f"{record.type} {record.values.get(name_field(record.type)) or record.id}"


def _stored(value: Any) -> Any:
    if isinstance(value, list):
        return [_stored(item) for item in value]
    if isinstance(value, dict) and "type" in value and "id" in value:
        return {"type": value["type"], "id": value["id"]}
    return value


def _difference(links: Any, others: Any) -> list[Link]:
    mine = links if isinstance(links, list) else [links]
    theirs = others if isinstance(others, list) else [others]
    return [item for item in mine if item is not None and item not in theirs]
