"""The newest checkpoint, found from the end of its topic."""

from __future__ import annotations

from dataclasses import dataclass

from shotgun_schemas.checkpoint import CHECKPOINT_KEY

from .log_reader import LogReader

_FIRST_WINDOW = 64


@dataclass(frozen=True, slots=True)
class StoredCheckpoint:
    """The newest record of the checkpoint's key. `value` None: a tombstone, somebody decided to start anew."""

    offset: int
    value: bytes | None


def newest_checkpoint(reader: LogReader, topic: str) -> StoredCheckpoint | None:
    """The newest committed checkpoint in `topic`, None when it never had one. Raises as the reader does.

    Compaction may leave wide gaps between offsets, so the window grows until it holds a record.
    """
    first = reader.first_offset(topic, 0)
    end = reader.end_offset(topic, 0)
    window = _FIRST_WINDOW
    until = end
    while until > first:
        start = max(first, end - window)
        newest = None
        for message in reader.read(topic, 0, start, until):
            if message.key() == CHECKPOINT_KEY:
                value = message.value()
                newest = StoredCheckpoint(message.offset() or 0, None if value is None else bytes(value))
        if newest is not None:
            return newest
        until, window = start, window * 4
    return None
