"""Positions as event ids: the form that outlives a topic. Pure.

A group was through with every event up to `done_up_to`, and above it with those in `done`. All others are unfinished,
also those that the old topic did not hold.
"""

from __future__ import annotations

import bisect
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any

from shotgun_runtime.errors import ConfigurationError

from .position import Position
from .topic_reader import Record

FORMAT = "shotgun-consumer positions 1"
LATE_IDS = 10_000
"""So far below the newest id, ids may still turn up late; below that, what was not seen counts as done."""


@dataclass(frozen=True, slots=True)
class GroupExport:
    """One group. `first_unfinished` is the smallest id that had not ended, None when all had.

    `done` are ranges of ids, both ends included, in order; each id in them was seen and had ended.
    """

    group: str
    first_unfinished: int | None
    highest_done: int | None
    done_up_to: int
    done: tuple[tuple[int, int], ...]

    def is_done(self, event_id: int) -> bool:
        """Whether the group was through with this event."""
        if event_id <= self.done_up_to:
            return True
        index = bisect.bisect_right(self.done, event_id, key=lambda span: span[0]) - 1
        return index >= 0 and self.done[index][0] <= event_id <= self.done[index][1]

    @property
    def first_needed(self) -> int:
        """The smallest id that a topic must hold so that nothing is left out."""
        if self.first_unfinished is not None:
            return self.first_unfinished
        return self.done_up_to + 1 if self.highest_done is None else self.highest_done + 1


class FirstUnfinished:
    """The first reading: what is the smallest unfinished id of each group, and the highest id of all. One owner."""

    def __init__(self, positions: Mapping[str, Mapping[int, Position]]) -> None:
        self._positions = positions
        self.ids: dict[str, int] = {}
        self.highest = 0

    def add(self, record: Record) -> None:
        """Take in one record."""
        number = record.event_id
        if number is None:
            return
        self.highest = max(self.highest, number)
        for group, mine in self._positions.items():
            if not _ended(mine, record) and number < self.ids.get(group, number + 1):
                self.ids[group] = number

    def floor(self, group: str) -> int:
        """The id up to which everything counts as done."""
        first = self.ids.get(group, self.highest + 1)
        return max(0, min(first - 1, self.highest - LATE_IDS))


class Export:
    """The second reading: what each group was through with above its floor. One owner."""

    def __init__(self, positions: Mapping[str, Mapping[int, Position]], first: FirstUnfinished) -> None:
        self._positions = positions
        self._first = first
        self._floors = {group: first.floor(group) for group in positions}
        self._done: dict[str, list[int]] = {group: [] for group in positions}

    def add(self, record: Record) -> None:
        """Take in one record."""
        number = record.event_id
        if number is None:
            return
        for group, mine in self._positions.items():
            if number > self._floors[group] and _ended(mine, record):
                self._done[group].append(number)

    def groups(self) -> list[GroupExport]:
        """The result, once everything was read."""
        return [
            GroupExport(
                group=group,
                first_unfinished=self._first.ids.get(group),
                highest_done=max(done, default=None),
                done_up_to=self._floors[group],
                done=tuple(_ranges(done)),
            )
            for group, done in self._done.items()
        ]


def _ended(positions: Mapping[int, Position], record: Record) -> bool:
    position = positions.get(record.partition)
    return position is not None and position.is_finished(record.offset)


def _ranges(numbers: Iterable[int]) -> Iterable[tuple[int, int]]:
    ordered = sorted(set(numbers))
    begin = 0
    for index in range(1, len(ordered) + 1):
        if index == len(ordered) or ordered[index] != ordered[index - 1] + 1:
            yield ordered[begin], ordered[index - 1]
            begin = index


def encode(topic: str, topic_id: str, groups: Iterable[GroupExport]) -> str:
    """The file's text."""
    content = {
        "format": FORMAT,
        "topic": topic,
        "topic_id": topic_id,
        "exported_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "groups": [asdict(group) for group in groups],
    }
    return json.dumps(content, indent=1)


def decode(text: str, source: str) -> list[GroupExport]:
    """The groups of a file. Raises ConfigurationError for anything that `positions export` does not write."""
    try:
        content = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"{source} holds no JSON: {error}") from None
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ConfigurationError(
            f"{source} was not written by `shotgun-consumer positions export` of this version: its format is "
            f"{content.get('format')!r}, not {FORMAT!r}"
            if isinstance(content, dict)
            else f"{source} was not written by `shotgun-consumer positions export`"
        )
    try:
        return [_group(one) for one in content["groups"]]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigurationError(f"{source} is damaged: {type(error).__name__} {error}") from None


def _group(found: Any) -> GroupExport:
    done = tuple((int(first), int(last)) for first, last in found["done"])
    if any(first > last for first, last in done) or list(done) != sorted(done):
        raise ValueError(f"the ranges of {found['group']!r} are not in order")
    return GroupExport(
        group=str(found["group"]),
        first_unfinished=_optional(found["first_unfinished"]),
        highest_done=_optional(found["highest_done"]),
        done_up_to=int(found["done_up_to"]),
        done=done,
    )


def _optional(value: Any) -> int | None:
    return None if value is None else int(value)
