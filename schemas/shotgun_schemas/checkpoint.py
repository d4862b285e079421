"""The producer's memory, as it stands in the checkpoint topic."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from .framing import DecodeError, Schema, frame_fingerprint
from .hole_ranges import Hole, decode_holes, encode_holes

__all__ = [
    "CHECKPOINT_KEY",
    "FORMAT",
    "SCHEMA",
    "Anchor",
    "Backfill",
    "Checkpoint",
    "Filter",
    "Hole",
    "decode_checkpoint",
    "encode_checkpoint",
]

CHECKPOINT_KEY = b"checkpoint"
FORMAT = 2
SCHEMA = Schema.load("checkpoint.avsc")
_EARLIER = MappingProxyType({schema.fingerprint: schema for schema in (Schema.load("checkpoint-1.avsc"),)})
_CRC_BYTES = 4


@dataclass(frozen=True, slots=True)
class Anchor:
    """An event that was published. `created_at`: the date of its row, as the site sent it."""

    id: int
    created_at: str


@dataclass(frozen=True, slots=True)
class Backfill:
    """How far a backfill has come. It is over when `next_id` lies behind `last`."""

    job: str
    first: int
    last: int
    next_id: int

    @property
    def is_over(self) -> bool:
        """Whether nothing is left to do."""
        return self.next_id > self.last


@dataclass(frozen=True, slots=True)
class Filter:
    """Which events are left out, and the head at which that came into force."""

    rule: str
    since: int


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """All that a producer must know to go on. The fields are documented in `checkpoint.avsc`."""

    installation: str
    site: str
    topic: str
    topic_id: str
    partitions: int
    head: int
    holes: tuple[Hole, ...]
    start_head: int
    initial_holes: tuple[tuple[int, int], ...]
    end_offsets: tuple[int, ...]
    written_at: float
    anchor: Anchor | None = None
    backfills: tuple[Backfill, ...] = ()
    filter: Filter | None = None

    def at(self, written_at: float) -> Checkpoint:
        """The same, written at another time (seconds since 1970)."""
        return replace(self, written_at=written_at)


_PLAIN = tuple(
    field.name
    for field in fields(Checkpoint)
    if field.name not in ("holes", "initial_holes", "anchor", "backfills", "filter")
)


def encode_checkpoint(checkpoint: Checkpoint) -> bytes:
    """The value of the checkpoint's record. Raises ValueError when holes overlap or are out of order."""
    record: dict[str, Any] = {field: getattr(checkpoint, field) for field in _PLAIN}
    record["format"] = FORMAT
    record["holes"] = encode_holes(checkpoint.holes)
    record["initial_holes"] = encode_holes([Hole(first, last) for first, last in checkpoint.initial_holes])
    record["anchor"] = asdict(checkpoint.anchor) if checkpoint.anchor else None
    record["backfills"] = [asdict(job) for job in checkpoint.backfills]
    record["filter"] = asdict(checkpoint.filter) if checkpoint.filter else None
    framed = SCHEMA.write(record)
    return framed + zlib.crc32(framed).to_bytes(_CRC_BYTES, "big")


def decode_checkpoint(data: bytes) -> Checkpoint:
    """What `encode_checkpoint` was given. Raises DecodeError when `data` is damaged or from a newer version."""
    framed, crc = data[:-_CRC_BYTES], data[-_CRC_BYTES:]
    found = frame_fingerprint(framed)
    if found != SCHEMA.fingerprint and found not in _EARLIER:
        raise DecodeError(
            f"the checkpoint was written with schema {found}, this version knows {SCHEMA.fingerprint}; "
            "run the version that wrote it, or a newer one"
        )
    if zlib.crc32(framed).to_bytes(_CRC_BYTES, "big") != crc:
        raise DecodeError(f"the checkpoint of {len(data)} bytes is damaged: its CRC-32 does not match")
    record = SCHEMA.read(framed, _EARLIER.get(found))
    if record.pop("format") > FORMAT:
        raise DecodeError(f"the checkpoint's format is newer than {FORMAT}; run the version that wrote it")
    try:
        record["holes"] = decode_holes(record["holes"])
        record["initial_holes"] = tuple(
            (hole.first, hole.last) for hole in decode_holes(record["initial_holes"])
        )
    except ValueError as error:
        raise DecodeError(f"the checkpoint is damaged: {error}") from error
    record["end_offsets"] = tuple(record["end_offsets"])
    record["anchor"] = Anchor(**record["anchor"]) if record["anchor"] else None
    record["backfills"] = tuple(Backfill(**job) for job in record["backfills"])
    record["filter"] = Filter(**record["filter"]) if record["filter"] else None
    return Checkpoint(**record)
