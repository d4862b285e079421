"""The checkpoint keeps the producer's memory exactly, in few bytes, and refuses what is damaged."""

from __future__ import annotations

import random
import zlib
from dataclasses import asdict, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotgun_schemas.checkpoint import (
    Anchor,
    Backfill,
    Checkpoint,
    Hole,
    decode_checkpoint,
    encode_checkpoint,
)
from shotgun_schemas.codec import encode
from shotgun_schemas.event import Event
from shotgun_schemas.framing import DecodeError, Schema
from shotgun_schemas.hole_ranges import decode_holes, encode_holes

CHECKPOINT = Checkpoint(
    installation="2f1c",
    site="https://studio.example",
    topic="shotgun.events",
    topic_id="AAAA",
    partitions=2,
    head=1_000,
    holes=(Hole(5, 9, 1_700_000_000, 1_700_000_030, 0), Hole(800, 800, 1_700_000_900, 1_700_001_000, 300)),
    start_head=500,
    initial_holes=((5, 9), (11, 11)),
    end_offsets=(120, 80),
    written_at=1_700_001_001.25,
    anchor=Anchor(1_000, "2026-01-21T19:47:33Z"),
    backfills=(Backfill("old", 1, 100, 101), Backfill("new", 101, 400, 250)),
)


@st.composite
def holes(draw: st.DrawFn) -> list[Hole]:
    made, end = [], 0
    for _ in range(draw(st.integers(0, 30))):
        first = end + draw(st.integers(0, 10**7))
        last = first + draw(st.integers(0, 10**6))
        times = (draw(st.integers(0, 2**33)) for _ in range(2))
        made.append(Hole(first, last, *times, draw(st.sampled_from([0, 300, 21_600]))))
        end = last + 1
    return made


def test_a_checkpoint_survives() -> None:
    assert decode_checkpoint(encode_checkpoint(CHECKPOINT)) == CHECKPOINT


def test_a_checkpoint_of_the_first_version_is_still_read() -> None:
    record = asdict(CHECKPOINT) | {
        "format": 1,
        "holes": encode_holes(CHECKPOINT.holes),
        "initial_holes": encode_holes([Hole(first, last) for first, last in CHECKPOINT.initial_holes]),
    }
    framed = Schema.load("checkpoint-1.avsc").write(record)
    data = framed + zlib.crc32(framed).to_bytes(4, "big")
    assert decode_checkpoint(data) == replace(CHECKPOINT, anchor=None, backfills=())


@settings(deadline=None)
@given(holes())
def test_any_holes_survive(ranges: list[Hole]) -> None:
    assert decode_holes(encode_holes(ranges)) == tuple(ranges)


@pytest.mark.parametrize("ranges", [[Hole(5, 9), Hole(9, 12)], [Hole(5, 9), Hole(1, 2)], [Hole(5, 4)]])
def test_holes_out_of_order_are_refused(ranges: list[Hole]) -> None:
    with pytest.raises(ValueError, match="out of order"):
        encode_holes(ranges)


def test_ten_thousand_open_ranges_take_less_than_25_kilobytes() -> None:
    """Ten thousand dead ids over two weeks: seen to the minute, probed every six hours to the quarter of an hour."""
    rng = random.Random(1)
    made, end, seen = [], 2_000_000, 1_700_000_000
    now = seen + 14 * 86_400
    for _ in range(10_000):
        end += rng.randint(2, 400)
        seen += rng.randint(0, 240)
        probed = now - rng.randrange(21_600)
        made.append(Hole(end, end, seen // 60 * 60, probed // 900 * 900, 21_600))
    encoded = encode_holes(made)
    assert len(encoded) < 25_000
    assert decode_holes(encoded) == tuple(made)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, len(encode_checkpoint(CHECKPOINT)) - 1), st.integers(1, 255))
def test_a_changed_byte_is_noticed(place: int, change: int) -> None:
    data = bytearray(encode_checkpoint(CHECKPOINT))
    data[place] ^= change
    with pytest.raises(DecodeError):
        decode_checkpoint(bytes(data))


@pytest.mark.parametrize("data", [b"", b"x", encode_checkpoint(CHECKPOINT)[:-1], encode(Event({"id": 5}))])
def test_what_is_no_checkpoint_is_refused(data: bytes) -> None:
    with pytest.raises(DecodeError):
        decode_checkpoint(data)
