"""A set of ids, kept as ranges."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator


class IdRanges:
    """The ids of any ranges (first and last, both included), which may overlap and come in any order. Unchanging.

    Each question costs the logarithm of the number of ranges, and what it returns.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]] = ()) -> None:
        self._firsts: list[int] = []
        self._lasts: list[int] = []
        for first, last in sorted(ranges):
            if last < first:
                continue
            if self._lasts and first <= self._lasts[-1] + 1:
                self._lasts[-1] = max(last, self._lasts[-1])
            else:
                self._firsts.append(first)
                self._lasts.append(last)

    def __contains__(self, number: int) -> bool:
        at = bisect_right(self._firsts, number) - 1
        return at >= 0 and number <= self._lasts[at]

    def __iter__(self) -> Iterator[tuple[int, int]]:
        """The ranges, ascending; none overlaps or touches the next one."""
        return zip(self._firsts, self._lasts, strict=True)

    def within(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The parts of `first`..`last` that lie in this set, ascending."""
        at = max(0, bisect_right(self._firsts, first) - 1)
        while at < len(self._firsts) and self._firsts[at] <= last:
            low, high = max(first, self._firsts[at]), min(last, self._lasts[at])
            if low <= high:
                yield low, high
            at += 1

    def outside(self, first: int, last: int) -> Iterator[tuple[int, int]]:
        """The parts of `first`..`last` that do not lie in this set, ascending."""
        for low, high in self.within(first, last):
            if first < low:
                yield first, low - 1
            first = high + 1
        if first <= last:
            yield first, last


def size_of(ranges: Iterable[tuple[int, int]]) -> int:
    """How many ids ranges have that do not overlap."""
    return sum(last - first + 1 for first, last in ranges)
