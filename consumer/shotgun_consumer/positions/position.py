"""A group's place in one partition. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from .marks import NO_MARKS, Marks


@dataclass(frozen=True, slots=True)
class Position:
    """A group's place in one partition: the watermark, and what has ended ahead of it."""

    offset: int
    marks: Marks = NO_MARKS

    def is_finished(self, offset: int) -> bool:
        """Whether what lies at this offset counts as ended."""
        if offset < self.offset:
            return True
        marks = self.marks
        return self.offset < offset <= marks.top and offset not in marks.unfinished

    def finished_between(self, start: int, end: int) -> int:
        """How many offsets from `start` up to, not including, `end` count as ended."""
        below = max(0, min(end, self.offset) - start)
        first, last = max(start, self.offset + 1), min(end - 1, self.marks.top)
        ahead = max(0, last - first + 1) - sum(first <= one <= last for one in self.marks.unfinished)
        return below + ahead

    @property
    def known_unfinished(self) -> int:
        """How many offsets up to the last one that has ended have not ended themselves."""
        return len(self.marks.unfinished) + 1 if self.marks.top > self.offset else 0
