"""Everything on the site that is not an event: projects, shots, tasks, versions, people, in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from shotgun_sandbox.site.schema import TYPES, name_field

Link = dict[str, Any]
Key = tuple[str, int]


@dataclass(slots=True)
class Record:
    """One entity: its type and id, its stored values, and whether it is retired (deleted, can be revived)."""

    type: str
    id: int
    values: dict[str, Any] = field(default_factory=dict)
    retired: bool = False


class Entities:
    """All entities of the site by type and id, with an undo list for batches.

    Links are stored as ``{"type", "id"}``; their name is looked up when they are read. Not thread-safe.
    """

    def __init__(self) -> None:
        self._records: dict[str, dict[int, Record]] = {name: {} for name in TYPES}
        self._next: dict[str, int] = {}
        self._first: dict[str, int] = {}
        self._undo: list[Callable[[], None]] | None = None

    def add(self, entity_type: str, values: dict[str, Any], *, first_id: int = 1) -> Record:
        """Store a new entity under the next id of its type and return it."""
        self._first.setdefault(entity_type, first_id)
        entity_id = self._next.get(entity_type, first_id)
        self._next[entity_type] = entity_id + 1
        record = Record(entity_type, entity_id, dict(values))
        self._records[entity_type][entity_id] = record
        self._remember(lambda: self._forget(record))
        return record

    def get(self, entity_type: str, entity_id: int) -> Record | None:
        """Return an entity, retired or not; none when there never was one."""
        return self._records.get(entity_type, {}).get(entity_id)

    def alive(self, entity_type: str, entity_id: int) -> Record | None:
        """Return an entity that is not retired, or none."""
        record = self.get(entity_type, entity_id)
        return None if record is None or record.retired else record

    def of_type(self, entity_type: str) -> Iterator[Record]:
        """Go through every entity of a type in id order, retired ones too."""
        return iter(list(self._records[entity_type].values()))

    def any_alive(self, entity_type: str, random: Random) -> Record | None:
        """Return an entity of a type at random, not a retired one; none when a few tries find none."""
        ids = range(self._first.get(entity_type, 1), self._next.get(entity_type, 1))
        for _ in range(20 if ids else 0):
            record = self.alive(entity_type, random.choice(ids))
            if record is not None:
                return record
        return None

    def set(self, record: Record, name: str, value: Any) -> None:
        """Store ``value`` in a field."""
        before = record.values.get(name)
        record.values[name] = value
        self._remember(lambda: record.values.__setitem__(name, before))

    def set_retired(self, record: Record, *, retired: bool) -> None:
        """Retire or revive an entity."""
        before = record.retired
        record.retired = retired
        self._remember(lambda: setattr(record, "retired", before))

    def name(self, record: Record) -> str:
        """Return the display name that links to this entity carry now."""
        if record.type == "ApiUser":
            parts = (record.values.get("firstname"), record.values.get("lastname"))
            return " ".join(part for part in parts if part)
        return str(record.values.get(name_field(record.type)) or f"{record.type} {record.id}")

    def link(self, stored: Link | None) -> Link | None:
        """Return a stored link as a read shows it: named as now, null when the target is retired.

        A link to a type or id that this site does not hold is returned as it was stored.
        """
        if stored is None:
            return None
        record = self.get(stored["type"], stored["id"])
        if record is None:
            return stored
        if record.retired:
            return None
        return {**stored, "name": self.name(record)}

    def value(self, record: Record, name: str) -> Any:
        """Return the value of a field as a read shows it."""
        if name == "id":
            return record.id
        if name == "cached_display_name":
            return self.name(record)
        stored = record.values.get(name)
        kind = TYPES[record.type][name].data_type
        if kind == "multi_entity":
            links = (self.link(item) for item in stored or ())
            return [link for link in links if link is not None]
        return self.link(stored) if kind == "entity" else stored

    def begin(self) -> None:
        """Remember every change from here on, so that ``rollback`` can undo it."""
        self._undo = []

    def keep(self) -> None:
        """Make the changes since ``begin`` final."""
        self._undo = None

    def rollback(self) -> None:
        """Undo every change since ``begin``."""
        changes, self._undo = self._undo or [], None
        for undo in reversed(changes):
            undo()

    def _remember(self, undo: Callable[[], None]) -> None:
        if self._undo is not None:
            self._undo.append(undo)

    def _forget(self, record: Record) -> None:
        del self._records[record.type][record.id]
