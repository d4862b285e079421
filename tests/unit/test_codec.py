"""The codec keeps every row that a site can send, and says clearly what it cannot read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotgun_schemas import codec
from shotgun_schemas.codec import (
    DecodeError,
    Decoder,
    encode,
    encode_fields,
    encode_whole,
    encode_without_meta,
)
from shotgun_schemas.event import Event
from shotgun_schemas.framing import Schema

ROWS: list[dict[str, Any]] = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "fixtures" / "recorded_events.jsonl")
    .read_text("utf-8")
    .splitlines()
]


def decode(value: bytes | None, decoder: Decoder | None = None) -> dict[str, Any]:
    event = (decoder or Decoder()).decode(value, topic="shotgun.events", partition=0, offset=7)
    return dict(event.row)


def same(left: Any, right: Any) -> bool:
    """Equal in value and in type, at every depth: 1, 1.0 and True are three values."""
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    return bool(left == right)


TEXT = st.text(max_size=20) | st.sampled_from(
    ["2026-01-21T19:47:33Z", "샷 🎬 \U0001f3ac", "&lt;b&gt;", "\x00", ""]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
LINK = st.fixed_dictionaries(
    {"type": TEXT, "id": st.integers(-(2**63), 2**63 - 1)},
    optional={"name": st.none() | TEXT, "status": JSON, "valid": JSON},
)
META = st.none() | st.just({}) | st.dictionaries(TEXT, JSON, max_size=6)
ROW = st.fixed_dictionaries(
    {"type": st.just("EventLogEntry"), "id": st.integers(0, 2**63 - 1)},
    optional={
        **{
            name: st.none() | TEXT for name in ("event_type", "attribute_name", "description", "session_uuid")
        },
        "created_at": st.none() | TEXT,
        "meta": META,
        **{name: st.none() | LINK for name in ("entity", "user", "project")},
        "cached_display_name": JSON,
    },
)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_a_recorded_row_survives(row: dict[str, Any]) -> None:
    assert same(decode(encode(Event(row))), row)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_a_recorded_row_fits_the_fields(row: dict[str, Any]) -> None:
    assert same(decode(encode_fields(Event(row))), row)


@settings(max_examples=100, deadline=None)
@given(ROW)
def test_any_row_of_the_known_shape_survives_in_the_fields(row: dict[str, Any]) -> None:
    assert same(decode(encode_fields(Event(row))), row)


@settings(max_examples=100, deadline=None)
@given(
    st.dictionaries(
        st.sampled_from(
            ["type", "event_type", "entity", "user", "project", "meta", "created_at", "absent", "row"]
        )
        | TEXT,
        JSON,
        max_size=6,
    ),
    st.integers(0, 2**63 - 1),
)
def test_a_row_of_any_shape_survives(row: dict[str, Any], number: int) -> None:
    row["id"] = number
    assert same(decode(encode(Event(row))), row)


@pytest.mark.parametrize(
    "changes",
    [
        {"meta": {"old_value": "x" * 1_000_000, "new_value": None}},
        {"meta": {"new_value": "2026-09-15T17:01:00Z"}},
        {"meta": {"new_value": 2**70, "old_value": -0.0}},
        {"meta": {"new_value": "\ud800 alone"}},
        {"meta": {}},
        {"meta": None},
        {"meta": []},
        {"description": "\ud800 alone"},
        {"entity": {"type": "Shot", "id": 1, "name": None}},
        {"entity": {"type": "Shot", "id": 1}},
        {"entity": {"type": "Shot", "id": True, "name": "x"}},
        {"entity": {"type": "Shot", "id": 2**63, "name": "x"}},
        {"entity": ["not", "a", "link"]},
        {"event_type": 5},
        {"type": "Something"},
    ],
    ids=lambda changes: str(changes)[:50],
)
def test_a_hard_value_survives(changes: dict[str, Any]) -> None:
    row = {**ROWS[0], **changes}
    assert same(decode(encode(Event(row))), row)


def test_a_missing_key_is_not_a_null_one() -> None:
    row = {"type": "EventLogEntry", "id": 5, "user": None}
    assert decode(encode(Event(row))) == row


def test_without_meta_names_what_was_left_out() -> None:
    row = {**ROWS[0], "description": "long", "cached_display_name": "long", "meta": {"new_value": "long"}}
    kept = decode(encode_without_meta(Event(row)))
    assert kept == {key: row[key] for key in row.keys() - {"meta", "description", "cached_display_name"}}


@pytest.mark.parametrize("row", [{}, {"id": None}, {"id": "5"}, {"id": True}, {"id": 2**63}])
def test_a_row_without_a_usable_id_is_refused(row: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="id"):
        encode(Event(row))


WHOLE = encode(Event(ROWS[0]))


@pytest.mark.parametrize(
    ("value", "found"),
    [
        (None, "tombstone"),
        (b"", "empty"),
        (b"\xc3", "found c3, expected c3 01"),
        (b"\xc3\x02" + WHOLE[2:], "found c3 02"),
        (b'{"id": 5}', "JSON"),
        (b"\x00\x00\x00\x00\x2a\x02", "schema registry (schema 42)"),
        (b"\xc3\x01\x01\x02\x03\x04\x05\x06\x07\x08rest", "written with schema 0102030405060708"),
        (WHOLE[:-3], "damaged"),
        (WHOLE[:10], "damaged"),
        (WHOLE + b"xyz", "3 bytes stand after the end"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_cannot_be_read_is_named_with_its_place(value: bytes | None, found: str) -> None:
    with pytest.raises(DecodeError) as caught:
        decode(value)
    message = str(caught.value)
    assert message.startswith("shotgun.events[0] offset 7: ")
    assert found in message


@settings(max_examples=100, deadline=None)
@given(st.integers(10, len(WHOLE) - 1))
def test_a_value_cut_anywhere_is_refused(length: int) -> None:
    with pytest.raises(DecodeError):
        decode(WHOLE[:length])


def test_damaged_json_inside_is_named() -> None:
    value = encode_whole(Event({"id": 5})).replace(b'{"id":5}', b'{"id":5 ')
    with pytest.raises(DecodeError, match=r"offset 7: the field row holds damaged JSON"):
        decode(value)


def test_an_event_of_a_newer_writer_is_read_with_its_schema() -> None:
    # Given a writer whose schema has one more field, with a default
    newer_source = json.loads(codec.SCHEMA.text)
    newer_source["fields"].append({"name": "audit", "type": ["null", "string"], "default": None})
    newer = Schema(json.dumps(newer_source))
    asked: list[str] = []

    def resolve(fingerprint: str) -> str | None:
        asked.append(fingerprint)
        return newer.text if fingerprint == newer.fingerprint else None

    # When an older reader gets two of its events
    value = newer.write({"id": 5, "event_type": "Shotgun_Shot_New", "audit": "new"})
    decoder = Decoder(resolve)
    rows = [decode(value, decoder), decode(value, decoder)]
    # Then it reads what it knows, and looks the schema up once
    assert [row["event_type"] for row in rows] == ["Shotgun_Shot_New"] * 2
    assert asked == [newer.fingerprint]


def test_an_event_of_an_older_writer_is_read_with_defaults() -> None:
    older_source = json.loads(codec.SCHEMA.text)
    older_source["fields"] = [field for field in older_source["fields"] if field["name"] != "description"]
    older = Schema(json.dumps(older_source))
    row = decode(older.write({"id": 5, "event_type": "Shotgun_Shot_New"}), Decoder(lambda _: older.text))
    assert row["description"] is None


def test_a_schema_learned_later_is_found_on_the_next_try() -> None:
    newer_source = json.loads(codec.SCHEMA.text)
    newer_source["fields"].append({"name": "audit", "type": ["null", "string"], "default": None})
    newer = Schema(json.dumps(newer_source))
    known: dict[str, str] = {}
    decoder = Decoder(known.get)
    value = newer.write({"id": 5})
    with pytest.raises(DecodeError, match="control topic"):
        decode(value, decoder)
    known[newer.fingerprint] = newer.text
    assert decode(value, decoder)["id"] == 5


def test_the_fingerprint_is_the_published_one() -> None:
    """Test vector of the Avro specification's reference implementation for the schema "null"."""
    assert Schema('"null"').fingerprint == "8a8f25cce724dd63"


def test_the_schema_of_released_versions_keeps_its_fingerprint() -> None:
    """A changed fingerprint is a changed contract: old readers must be able to resolve it."""
    assert codec.FINGERPRINT == "24a7d0d687f6fcc3"
