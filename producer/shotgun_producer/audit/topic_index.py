"""Which ids the topic holds, read on from one audit to the next."""

from __future__ import annotations

import threading

from ..log_reader import LogReader
from .id_set import IdSet

_CHUNK = 5_000
_PAUSE_SECONDS = 0.02
_CUT_RECORDS = 10_000
"""So many records behind what Kafka has deleted tell how high the head was by then: some of them moved it."""


class TopicIndex:
    """Keeps the ids of committed records in `ids`. One owner, one thread.

    It begins at a time, because a topic may hold years; `complete` reads what lies before. Every method raises as
    `LogReader` does.
    """

    def __init__(self, topic: str, partitions: int, ids: IdSet, halt: threading.Event) -> None:
        self._topic = topic
        self._partitions = range(partitions)
        self._ids = ids
        self._halt = halt
        self._begins: list[int] = []
        self._ends: list[int] = []
        self._is_complete = False
        self._cut: tuple[list[int], int] = ([], 0)

    @property
    def has_begun(self) -> bool:
        """Whether it is known where to read on."""
        return bool(self._ends)

    def begin(self, reader: LogReader, moment: float) -> None:
        """Where to begin: with the records of this time (seconds since 1970) and later."""
        self._begins = [reader.offset_since(self._topic, number, moment) for number in self._partitions]
        self._ends = list(self._begins)

    def read_on(self, reader: LogReader) -> None:
        """Everything that was committed when this was called."""
        for number in self._partitions:
            end = reader.end_offset(self._topic, number)
            start = max(self._ends[number], reader.first_offset(self._topic, number))
            self._read(reader, number, start, end)
            self._ends[number] = max(end, self._ends[number])

    def complete(self, reader: LogReader) -> bool:
        """Reads what lies before the beginning, once. Returns whether there was anything left to do.

        Times are no proof: a record whose event has an odd date may stand further up.
        """
        if self._is_complete:
            return False
        for number in self._partitions:
            start = reader.first_offset(self._topic, number)
            self._read(reader, number, start, self._begins[number])
        self._is_complete = True
        return True

    def cut(self, reader: LogReader) -> int:
        """No id above this one was in what Kafka has deleted from the topic; 0 when nothing was deleted."""
        firsts = [reader.first_offset(self._topic, number) for number in self._partitions]
        if firsts != self._cut[0]:
            self._cut = (firsts, max(self._highest_at(reader, *place) for place in enumerate(firsts)))
        return self._cut[1]

    def _highest_at(self, reader: LogReader, partition: int, first: int) -> int:
        if not first:
            return 0
        end = min(first + _CUT_RECORDS, reader.end_offset(self._topic, partition))
        keys = (message.key() or b"" for message in reader.read(self._topic, partition, first, end))
        return max((int(key) for key in keys if key.isdigit()), default=0)

    def _read(self, reader: LogReader, partition: int, start: int, end: int) -> None:
        for count, message in enumerate(reader.read(self._topic, partition, start, end), 1):
            key = message.key() or b""
            if key.isdigit():
                self._ids.add(int(key))
            if not count % _CHUNK:
                self._halt.wait(_PAUSE_SECONDS)  # polling goes first
