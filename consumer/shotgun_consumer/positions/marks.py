"""What a commit says besides its offset: what has ended ahead of the watermark, as text for the commit's metadata.

Kafka keeps up to 4,096 characters with an offset (`offset.metadata.max.bytes`). Unfinished offsets are stored as
differences, so 1,000 of them fit whatever ended between them.
"""

from __future__ import annotations

import base64
import binascii
import operator
import zlib
from collections.abc import Iterator
from dataclasses import dataclass, replace

MAX_CHARACTERS = 4_096
_SIGN = "ss1:"
"""Ours, first version. Others' metadata in a group that was once theirs must not be read as marks."""


@dataclass(frozen=True, slots=True)
class Marks:
    """What is known above the watermark.

    `top` is the highest offset that has ended, `unfinished` are those between the watermark and `top`, the watermark
    itself left out, that have not. Offsets between them that the log does not hold count as ended. `ended` are the keys
    of the callbacks that have ended for the event at the watermark. `unclean` counts the memberships in a row that
    ended without a clean stop and without progress, and `running` is the offset of the one event that was being run
    alone because of that.
    """

    top: int = -1
    unfinished: tuple[int, ...] = ()
    ended: tuple[str, ...] = ()
    unclean: int = 0
    running: int | None = None

    def without_map(self) -> Marks:
        """The same, knowing nothing of what ended ahead: that is repeated after a restart, and nothing is lost."""
        return replace(self, top=-1, unfinished=(), ended=())


NO_MARKS = Marks()


def encode_marks(watermark: int, marks: Marks) -> str:
    """The metadata to commit with this watermark; empty when there is nothing to say.

    What would be too long for Kafka is left out, the callbacks first, then the map.
    """
    for candidate in (marks, replace(marks, ended=()), marks.without_map()):
        text = _encode(watermark, candidate)
        if len(text) <= MAX_CHARACTERS:
            return text
    return ""


def decode_marks(watermark: int, metadata: str | None) -> Marks | None:
    """The marks in a commit's metadata; no marks at all when it is empty. None when it cannot be read.

    Metadata of somebody else, cut off, or of a later version is as good as none: the watermark holds by itself.
    """
    if not metadata:
        return NO_MARKS
    if not metadata.startswith(_SIGN):
        return None
    try:
        data = base64.b64decode(metadata[len(_SIGN) :].encode("ascii"), validate=True)
        body, check = data[:-4], data[-4:]
        if len(data) < 4 or zlib.crc32(body).to_bytes(4, "big") != check:
            return None
        return _decode(watermark, body)
    except (ValueError, binascii.Error, StopIteration):
        return None


def _encode(watermark: int, marks: Marks) -> str:
    ahead = marks.top > watermark
    if not (ahead or marks.ended or marks.unclean or marks.running is not None):
        return ""
    body = bytearray()
    _put(body, marks.unclean)
    _put(body, 0 if marks.running is None else marks.running - watermark + 1)
    _put(body, marks.top - watermark if ahead else 0)
    unfinished = marks.unfinished if ahead else ()
    _put(body, len(unfinished))
    steps = list(map(operator.sub, unfinished, (watermark, *unfinished)))
    if steps and max(steps) < 0x80:
        # Nearly always so, and a thousand of them are written some hundred times a second.
        body += bytes(steps)
    else:
        for step in steps:
            _put(body, step)
    for key in marks.ended:
        text = key.encode()
        _put(body, len(text))
        body += text
    body += zlib.crc32(body).to_bytes(4, "big")
    return _SIGN + base64.b64encode(body).decode("ascii")


def _decode(watermark: int, body: bytes) -> Marks:
    numbers = _Reader(body)
    unclean, running, top = next(numbers), next(numbers), next(numbers)
    unfinished, last = [], watermark
    for _ in range(next(numbers)):
        last += next(numbers)
        unfinished.append(last)
    ended = []
    while numbers.left:
        ended.append(numbers.take(next(numbers)).decode())
    return Marks(
        top=watermark + top if top else -1,
        unfinished=tuple(unfinished),
        ended=tuple(ended),
        unclean=unclean,
        running=watermark + running - 1 if running else None,
    )


class _Reader(Iterator[int]):
    """Varints out of bytes. Raises StopIteration at their end, ValueError for what ends in the middle."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def __next__(self) -> int:
        value = shift = 0
        while self._at < len(self._data):
            byte = self._data[self._at]
            self._at += 1
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
        raise StopIteration

    def take(self, size: int) -> bytes:
        if size > self.left:
            raise ValueError(f"{size} bytes announced, {self.left} there")
        self._at += size
        return self._data[self._at - size : self._at]


def _put(body: bytearray, value: int) -> None:
    while value >= 0x80:
        body.append(value & 0x7F | 0x80)
        value >>= 7
    body.append(value)
