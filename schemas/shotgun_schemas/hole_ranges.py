"""Ranges of ids as few bytes.

Coding, version 1, in unsigned LEB128 varints. One varint: the number of groups. Ranges of one probe interval are a
group, in ascending order of intervals. A group is its interval (seconds), its number of ranges, the greatest common
divisors of its `first_seen` and of its `probed`, and four columns. A column is its length in bytes and a zlib stream
(RFC 1950, Huffman codes only) of varints:

1. the distance of each range's first id from the end of the group's range before it (from 0 for the first),
2. its length minus one,
3. when it was first seen and 4. when it was last probed: whole seconds since 1970 divided by the divisor, as zigzag
   differences to the range before.

Each column has statistics of its own, and times that were rounded cost only what is left of them: ten thousand ranges
over two weeks take less than 25 kB.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from math import gcd


@dataclass(frozen=True, slots=True)
class Hole:
    """A range of ids that the site has not shown. Times are whole seconds since 1970 by the site's clock."""

    first: int
    last: int
    first_seen: int = 0
    probed: int = 0
    interval: int = 0


def encode_holes(holes: Sequence[Hole]) -> bytes:
    """Bytes of `holes`, which must be in ascending order and not overlap. Raises ValueError when they do."""
    for before, hole in pairwise((Hole(-1, -1), *holes)):
        if hole.first <= before.last or hole.last < hole.first:
            raise ValueError(f"hole {hole.first}-{hole.last} is out of order")
    groups: dict[int, list[Hole]] = {}
    for hole in holes:
        groups.setdefault(hole.interval, []).append(hole)
    out = bytearray()
    _write(out, (len(groups),))
    for interval in sorted(groups):
        _write_group(out, interval, groups[interval])
    return bytes(out)


def decode_holes(data: bytes) -> tuple[Hole, ...]:
    """What `encode_holes` was given. Raises ValueError when `data` is damaged."""
    source = _Source(data)
    try:
        holes = [hole for _ in range(source.number()) for hole in _read_group(source)]
    except (zlib.error, IndexError, StopIteration) as error:
        raise ValueError(f"damaged hole ranges: {error or type(error).__name__}") from error
    return tuple(sorted(holes, key=lambda hole: hole.first))


def _write_group(out: bytearray, interval: int, holes: Sequence[Hole]) -> None:
    seen_unit = gcd(*(hole.first_seen for hole in holes)) or 1
    probed_unit = gcd(*(hole.probed for hole in holes)) or 1
    _write(out, (interval, len(holes), seen_unit, probed_unit))
    ends = [0, *(hole.last + 1 for hole in holes)]
    columns = (
        [hole.first - end for hole, end in zip(holes, ends, strict=False)],
        [hole.last - hole.first for hole in holes],
        _differences(hole.first_seen // seen_unit for hole in holes),
        _differences(hole.probed // probed_unit for hole in holes),
    )
    for column in columns:
        packer = zlib.compressobj(9, strategy=zlib.Z_HUFFMAN_ONLY)
        numbers = bytearray()
        _write(numbers, column)
        packed = packer.compress(bytes(numbers)) + packer.flush()
        _write(out, (len(packed),))
        out += packed


def _read_group(source: _Source) -> Iterator[Hole]:
    interval, count, seen_unit, probed_unit = (source.number() for _ in range(4))
    columns = []
    for _ in range(4):
        numbers = _Source(zlib.decompress(source.take(source.number())))
        columns.append([numbers.number() for _ in range(count)])
    end = seen = probed = 0
    for distance, length, seen_step, probed_step in zip(*columns, strict=True):
        first = end + distance
        end = first + length + 1
        seen += _unzigzag(seen_step)
        probed += _unzigzag(probed_step)
        yield Hole(first, end - 1, seen * seen_unit, probed * probed_unit, interval)


class _Source:
    """Bytes that are read from front to back. Raises IndexError at their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def number(self) -> int:
        number = shift = 0
        while True:
            byte = self._data[self._at]
            self._at += 1
            number |= (byte & 0x7F) << shift
            if byte < 0x80:
                return number
            shift += 7

    def take(self, count: int) -> bytes:
        if self._at + count > len(self._data):
            raise IndexError("too short")
        self._at += count
        return self._data[self._at - count : self._at]


def _differences(numbers: Iterable[int]) -> list[int]:
    before, steps = 0, []
    for number in numbers:
        step = number - before
        steps.append(step << 1 if step >= 0 else ((-step) << 1) - 1)
        before = number
    return steps


def _unzigzag(number: int) -> int:
    return -((number + 1) >> 1) if number & 1 else number >> 1


def _write(out: bytearray, numbers: Iterable[int]) -> None:
    for number in numbers:
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)
