"""Ranges of ids as few bytes.

Coding, version 1: zlib (RFC 1950) over five columns of unsigned LEB128 varints, each column whole before the next,
after one varint with the number of ranges:

1. the distance of each range's first id from the end of the range before it (from 0 for the first),
2. its length minus one,
3. when it was first seen and 4. when it was last probed: whole seconds since 1970, as zigzag differences to the
   range before, and
5. its probe interval in whole seconds (0 while it is probed with every poll).
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass


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
    columns: tuple[list[int], ...] = ([], [], [], [], [])
    end = seen = probed = 0
    for hole in holes:
        if hole.first < end or hole.last < hole.first:
            raise ValueError(f"hole {hole.first}-{hole.last} is out of order")
        columns[0].append(hole.first - end)
        columns[1].append(hole.last - hole.first)
        columns[2].append(_zigzag(hole.first_seen - seen))
        columns[3].append(_zigzag(hole.probed - probed))
        columns[4].append(hole.interval)
        end, seen, probed = hole.last + 1, hole.first_seen, hole.probed
    out = bytearray()
    _write(out, (len(holes),))
    for column in columns:
        _write(out, column)
    return zlib.compress(bytes(out), 6)


def decode_holes(data: bytes) -> tuple[Hole, ...]:
    """What `encode_holes` was given. Raises ValueError when `data` is damaged."""
    try:
        numbers = _read(zlib.decompress(data))
        count = next(numbers)
        columns = [[next(numbers) for _ in range(count)] for _ in range(5)]
    except (zlib.error, StopIteration) as error:
        raise ValueError(f"damaged hole ranges: {error}") from error
    holes = []
    end = seen = probed = 0
    for distance, length, seen_step, probed_step, interval in zip(*columns, strict=True):
        first = end + distance
        seen += _unzigzag(seen_step)
        probed += _unzigzag(probed_step)
        end = first + length + 1
        holes.append(Hole(first, end - 1, seen, probed, interval))
    return tuple(holes)


def _zigzag(number: int) -> int:
    return number << 1 if number >= 0 else ((-number) << 1) - 1


def _unzigzag(number: int) -> int:
    return -((number + 1) >> 1) if number & 1 else number >> 1


def _write(out: bytearray, numbers: Iterable[int]) -> None:
    for number in numbers:
        while number > 0x7F:
            out.append(number & 0x7F | 0x80)
            number >>= 7
        out.append(number)


def _read(data: bytes) -> Iterator[int]:
    number = shift = 0
    for byte in data:
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            yield number
            number = shift = 0
