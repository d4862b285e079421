"""What operators have ordered about a group, from any host: to pause it, to go on, to pass an event over.

The orders are records of the control topic:

| record | meaning for the group's members |
|---|---|
| `pause/<group>` | start no event until the record is taken back |
| `resume/<group>` | try events that were stopped at again; counts once, when it is new |
| `skip/<group>/<partition>/<offset>` | pass this event over, whatever the callbacks would say |
| `replay/<group>/<partition>/<offset>/<callback>` | run the event again for this callback, `*` for all |
| `stop/<group>/<partition>` | written by members: the event that the partition stays at, for `skip` and for people |
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Protocol

from shotgun_schemas import control
from shotgun_schemas.control import ControlRecord

Records = Mapping[str, ControlRecord]
Place = tuple[int, int]
"""Partition and offset."""


class Noticeboard(Protocol):
    """The control topic, as the groups of a process use it. For any thread; nothing blocks."""

    @property
    def records(self) -> Records:
        """The newest records, as one view that is replaced when there is news, never changed."""

    def offer(self, key: str, reason: str, fields: Mapping[str, Any]) -> None:
        """Have a record written soon."""

    def take_back(self, key: str) -> None:
        """Have a record taken back soon."""


EVERY_CALLBACK = "*"


@dataclass(frozen=True, slots=True)
class Replay:
    """An event that is to be run again, without moving the position. `callbacks` empty: all that want it."""

    partition: int
    offset: int
    callbacks: frozenset[str]


@dataclass(frozen=True, slots=True)
class GroupRecords:
    """The records that concern one group."""

    pause: ControlRecord | None = None
    resume: ControlRecord | None = None
    skips: Mapping[Place, ControlRecord] = field(default_factory=lambda: MappingProxyType({}))
    stops: Mapping[int, ControlRecord] = field(default_factory=lambda: MappingProxyType({}))
    replays: Mapping[Place, Mapping[str, ControlRecord]] = field(default_factory=lambda: MappingProxyType({}))


def records_of(group: str, records: Records) -> GroupRecords:
    """Pick out one group's records. What has no form of ours is left out."""
    skips: dict[Place, ControlRecord] = {}
    stops: dict[int, ControlRecord] = {}
    replays: dict[Place, dict[str, ControlRecord]] = {}
    for key, record in records.items():
        match key.split("/", 4):
            case ["skip", name, partition, offset] if name == group and _are_numbers(partition, offset):
                skips[int(partition), int(offset)] = record
            case ["stop", name, partition] if name == group and _are_numbers(partition):
                stops[int(partition)] = record
            case ["replay", name, partition, offset, callback] if name == group and _are_numbers(
                partition, offset
            ):
                replays.setdefault((int(partition), int(offset)), {})[callback] = record
    pause, resume = records.get(control.pause_key(group)), records.get(control.resume_key(group))
    return GroupRecords(pause, resume, skips, stops, replays)


def _are_numbers(*texts: str) -> bool:
    return all(text.isdecimal() for text in texts)


class GroupOrders:
    """The orders for one group as they stand now, for all threads of the group.

    Looking is cheap as long as there is no news: workers look before each event. Reasons that come from here may hold
    what a callback raised, so they pass through `redact`, which masks secrets.
    """

    def __init__(self, group: str, board: Noticeboard, redact: Callable[[str], str] = str) -> None:
        self._group = group
        self._board = board
        self._redact = redact
        self._lock = threading.Lock()
        self._seen: Records | None = None
        self._mine = GroupRecords()
        self._quiet = False
        self._brake: str | None = None
        self._braked_at: Records | None = None
        self._told: dict[int, int] = {}
        """The offset that a stop was last told of, by partition."""

    @property
    def quiet(self) -> bool:
        """Whether there is nothing about the group, at the least cost: most events come and go so."""
        return self._quiet and self._board.records is self._seen

    @property
    def records(self) -> Records:
        """The newest orders for all groups: another view whenever there is news of whichever group."""
        return self._board.records

    @property
    def paused(self) -> str | None:
        """Why no event of the group may be started, for log and status; None when it may."""
        record = self._look().pause
        if record is not None:
            return f"paused by {record.by} at {record.at} ({record.reason or 'no reason given'}); {self._remedy()}"
        # Between the brake and its record.
        brake = self._brake
        return None if brake is None else f"paused because {brake}; {self._remedy()}"

    @property
    def release(self) -> tuple[str, frozenset[Place]]:
        """Changes whenever events that were stopped at are to be tried again. Equal values mean: stay."""
        mine = self._look()
        return (mine.resume.at if mine.resume else "", frozenset(mine.skips))

    @property
    def stops(self) -> Mapping[int, ControlRecord]:
        """The events that partitions of the group stay at, on whatever host."""
        return self._look().stops

    def skip_of(self, partition: int, offset: int) -> ControlRecord | None:
        """The order to pass this event over."""
        skips = self._look().skips
        return skips.get((partition, offset)) if skips else None

    @property
    def has_replays(self) -> bool:
        """Whether any event of the group is to be run again."""
        return bool(self._look().replays)

    def replays(self, partitions: Collection[int]) -> list[Replay]:
        """The events of these partitions that are to be run again, by their place. They stay until `replayed`.

        A later order to pass the event over cancels that.
        """
        mine = self._look()
        return [
            Replay(*place, frozenset() if EVERY_CALLBACK in records else frozenset(records))
            for place, all_records in sorted(mine.replays.items())
            if place[0] in partitions
            and (records := [key for key, one in all_records.items() if not _is_cancelled(mine, place, one)])
        ]

    def letter_of(self, partition: int, offset: int, callback: str) -> str | None:
        """The key of the dead letter for which this callback is replayed."""
        records = self._look().replays.get((partition, offset), {})
        letter = records[callback].fields.get("letter") if callback in records else None
        return letter if isinstance(letter, str) else None

    def replayed(self, partition: int, offset: int, callbacks: Collection[str]) -> None:
        """Take note that a replay has ended, for these callbacks or, without any, for all."""
        records = self._look().replays.get((partition, offset), {})
        for callback in records if not callbacks else set(records).intersection(callbacks):
            self._board.take_back(control.replay_key(self._group, partition, offset, callback))

    def pause(self, reason: str) -> None:
        """Pause the whole group, on all hosts, as an operator would."""
        reason = self._redact(reason)
        with self._lock:
            self._brake, self._braked_at, self._quiet = reason, self._board.records, False
        self._board.offer(control.pause_key(self._group), reason, {})

    def stop(self, partition: int, offset: int, event_id: int | None, reason: str) -> None:
        """Tell everybody which event the partition stays at."""
        fields = {"offset": offset, "event_id": event_id}
        with self._lock:
            self._told[partition] = offset
            self._board.offer(control.stop_key(self._group, partition), self._redact(reason), fields)

    def passed(self, partition: int, position: int, has_ended: Callable[[int], bool]) -> None:
        """Take back what was ordered or told about events of a partition that are over. For its owner alone.

        `position` is the one that Kafka has acknowledged: a skip is over when that lies behind its event, because until
        then a crash may bring the event again. A stop is over when its event has ended, which `has_ended` tells of
        an offset.
        """
        mine = self._look()
        for skipped in mine.skips:
            if skipped[0] == partition and skipped[1] < position:
                for callback, replay in mine.replays.get(skipped, {}).items():
                    if _is_cancelled(mine, skipped, replay):
                        self._board.take_back(control.replay_key(self._group, *skipped, callback))
                self._board.take_back(control.skip_key(self._group, *skipped))
        stop = mine.stops.get(partition)
        if stop is None or not has_ended(_offset(stop)):
            return
        with self._lock:
            # A worker may have told of a later event meanwhile, which the record does not show yet.
            told = self._told.get(partition)
            if told is None or has_ended(told):
                self._told.pop(partition, None)
                self._board.take_back(control.stop_key(self._group, partition))

    def _look(self) -> GroupRecords:
        records = self._board.records
        if records is not self._seen:
            with self._lock:
                self._mine = records_of(self._group, records)
                if self._brake is not None and (self._mine.pause is not None or self._was_lifted(records)):
                    self._brake = None
                mine = self._mine
                self._quiet = not (mine.pause or mine.skips or mine.stops or self._brake)
                self._seen = records
        return self._mine

    def _was_lifted(self, records: Records) -> bool:
        """Whether somebody resumed the group before the brake's own record was seen."""
        key = control.resume_key(self._group)
        before = None if self._braked_at is None else self._braked_at.get(key)
        now = records.get(key)
        return now is not None and (before is None or now.at != before.at)

    def _remedy(self) -> str:
        return f"'shotgun-consumer resume {self._group}' lets it go on"


def _is_cancelled(mine: GroupRecords, place: Place, replay: ControlRecord) -> bool:
    """Whether a replay was taken back by a later order to pass the event over."""
    skip = mine.skips.get(place)
    return skip is not None and skip.at > replay.at


def _offset(record: ControlRecord) -> int:
    offset = record.fields.get("offset")
    return offset if isinstance(offset, int) else -1
