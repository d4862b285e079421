"""A group's position in a topic, from which of its events have ended. Pure.

Offsets of one topic mean nothing in another one, and ids are in no order within a topic. So the topic is read, and each
record is judged by its event's id: the watermark of a partition is the first record that has not ended, and what has
ended behind it is marked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from .marks import Marks, decode_marks, encode_marks
from .position import Position
from .topic_reader import Bounds, Record

IsDone = Callable[[int], bool]
"""Whether a group was through with an event, by its id."""


class Placing:
    """Finds the position of one group while the topic is read. One owner.

    `limits` are the topic's bounds. Feed it the records of each partition in order, then ask for `positions`.
    """

    def __init__(self, is_done: IsDone, limits: Bounds) -> None:
        self._is_done = is_done
        self._limits = limits
        self._watermarks: dict[int, int] = {}
        self._unfinished: dict[int, list[int]] = {}
        self._tops: dict[int, int] = {}
        self.unfinished_ids = 0
        self.smallest_id: int | None = None
        """The smallest id that the topic holds; None while none was seen."""
        self.highest_id: int | None = None
        """The highest one."""

    def add(self, record: Record) -> None:
        """Take in one record."""
        number = record.event_id
        if number is not None and (self.smallest_id is None or number < self.smallest_id):
            self.smallest_id = number
        if number is not None and (self.highest_id is None or number > self.highest_id):
            self.highest_id = number
        # A foreign record is nobody's event: it stands in nobody's way.
        done = number is None or self._is_done(number)
        if not done:
            self.unfinished_ids += 1
        if record.partition not in self._watermarks:
            if not done:
                self._watermarks[record.partition] = record.offset
        elif done:
            self._tops[record.partition] = record.offset
        else:
            self._unfinished.setdefault(record.partition, []).append(record.offset)

    def positions(self) -> dict[int, Position]:
        """The position of each partition: its end where everything has ended."""
        found: dict[int, Position] = {}
        for partition, (_, end) in self._limits.items():
            watermark = self._watermarks.get(partition)
            if watermark is None:
                found[partition] = Position(end)
                continue
            top = self._tops.get(partition, -1)
            between = [offset for offset in self._unfinished.get(partition, ()) if offset < top]
            found[partition] = (
                Position(watermark, Marks(top=top, unfinished=tuple(between)))
                if top > watermark
                else Position(watermark)
            )
        return found


def place_all(records: Iterable[Record], placings: Iterable[Placing]) -> None:
    """Read the topic once for several groups."""
    groups = list(placings)
    for record in records:
        for group in groups:
            group.add(record)


def forgotten(positions: Mapping[int, Position]) -> bool:
    """Whether a map of what has ended ahead is too long for Kafka, so that those events will be repeated."""
    for position in positions.values():
        kept = decode_marks(position.offset, encode_marks(position.offset, position.marks))
        if kept is None or kept.top != position.marks.top:
            return True
    return False
