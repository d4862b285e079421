"""Sets of ids as sorted ranges: what a filter on ``id`` selects without looking at a single row."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

LAST = 2**62


@dataclass(frozen=True, slots=True)
class IdRanges:
    """Disjoint, ascending, inclusive ranges of ids."""

    spans: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, spans: Iterable[tuple[int, int]]) -> IdRanges:
        """Build the union of ``spans`` in any order; an empty span (last < first) is left out."""
        merged: list[tuple[int, int]] = []
        for first, last in sorted(span for span in spans if span[0] <= span[1]):
            if merged and first <= merged[-1][1] + 1:
                merged[-1] = (merged[-1][0], max(merged[-1][1], last))
            else:
                merged.append((first, last))
        return cls(tuple(merged))

    @classmethod
    def ids(cls, ids: Iterable[int]) -> IdRanges:
        """Build the set that holds exactly ``ids``."""
        return cls.of((number, number) for number in ids)

    def union(self, other: IdRanges) -> IdRanges:
        """Return the ids that are in either set."""
        return IdRanges.of(self.spans + other.spans)

    def intersection(self, other: IdRanges) -> IdRanges:
        """Return the ids that are in both sets."""
        found: list[tuple[int, int]] = []
        mine, theirs = 0, 0
        while mine < len(self.spans) and theirs < len(other.spans):
            first = max(self.spans[mine][0], other.spans[theirs][0])
            last = min(self.spans[mine][1], other.spans[theirs][1])
            if first <= last:
                found.append((first, last))
            if self.spans[mine][1] < other.spans[theirs][1]:
                mine += 1
            else:
                theirs += 1
        return IdRanges(tuple(found))

    def complement(self) -> IdRanges:
        """Return every id that is not in this set."""
        found: list[tuple[int, int]] = []
        start = 0
        for first, last in self.spans:
            if start < first:
                found.append((start, first - 1))
            start = last + 1
        if start <= LAST:
            found.append((start, LAST))
        return IdRanges(tuple(found))


ALL = IdRanges(((0, LAST),))
NONE = IdRanges(())
