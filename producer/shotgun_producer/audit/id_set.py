"""Sets of ids as bits: what is said about millions of neighbouring ids takes kilobytes. Pure.

`Bits` are the ids of one window: bit 0 is the window's first id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

BLOCK = 10_000
Bits = int
_RUN = re.compile("1+")


class IdSet:
    """Ids in blocks of `BLOCK`: a million neighbouring ids take 125 kB. One owner."""

    def __init__(self) -> None:
        self._blocks: dict[int, Bits] = {}

    def __len__(self) -> int:
        return sum(bits.bit_count() for bits in self._blocks.values())

    def add(self, number: int) -> None:
        """Takes one id."""
        block, place = divmod(number, BLOCK)
        self._blocks[block] = self._blocks.get(block, 0) | 1 << place

    def bits(self, first: int, last: int) -> Bits:
        """Those of the ids from `first` to `last`, which must lie in one block."""
        block, place = divmod(first, BLOCK)
        return self._blocks.get(block, 0) >> place & span_bits(first, last, first)

    def put(self, first: int, last: int, bits: Bits) -> None:
        """Sets what is known of the ids from `first` to `last`, which must lie in one block."""
        block, place = divmod(first, BLOCK)
        others = self._blocks.get(block, 0) & ~(span_bits(first, last, first) << place)
        self._blocks[block] = others | bits << place

    def drop_below(self, number: int) -> None:
        """Forgets the blocks that lie wholly below the id."""
        for block in [block for block in self._blocks if (block + 1) * BLOCK <= number]:
            del self._blocks[block]


def span_bits(first: int, last: int, start: int) -> Bits:
    """The ids from `first` to `last` as bits of a window that begins at `start`; none when `last` is below `first`."""
    return ((1 << max(0, last - first + 1)) - 1) << (first - start)


def ranges_of(bits: Bits, start: int) -> Iterator[tuple[int, int]]:
    """The ids of a window that begins at `start`, as ascending ranges."""
    for run in _RUN.finditer(f"{bits:b}"[::-1]):
        yield start + run.start(), start + run.end() - 1


def ids_of(bits: Bits, start: int) -> Iterator[int]:
    """The ids of a window that begins at `start`, ascending."""
    for first, last in ranges_of(bits, start):
        yield from range(first, last + 1)


def ranges_bits(ranges: Iterable[tuple[int, int]], first: int, last: int) -> Bits:
    """What of the ranges lies between `first` and `last`, as bits of the window from `first`."""
    bits = 0
    for low, high in ranges:
        bits |= span_bits(max(low, first), min(high, last), first) if low <= last and high >= first else 0
    return bits
