"""Subject, headers and partition: what a consumer sees without decoding."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotgun_schemas import headers
from shotgun_schemas.event import Event, subject
from shotgun_schemas.headers import event_headers
from shotgun_schemas.partition import murmur2, partition_for

SHOT = {"type": "Shot", "id": 862, "name": "sh010"}
PROJECT = {"type": "Project", "id": 70, "name": "Demo"}


@pytest.mark.parametrize(
    ("row", "expected"),
    [
        ({"entity": SHOT, "meta": {"entity_type": "Task", "entity_id": 1}, "project": PROJECT}, "Shot:862"),
        ({"entity": None, "meta": {"entity_type": "Task", "entity_id": 1}, "project": PROJECT}, "Task:1"),
        ({"entity": None, "meta": {"class_name": "Task", "entity_id": 1}, "project": PROJECT}, "Task:1"),
        ({"entity": None, "meta": {"entity_id": 1}, "project": PROJECT}, "Project:70"),
        ({"entity": None, "meta": None, "project": PROJECT}, "Project:70"),
        ({"entity": None, "meta": {}, "project": None}, "EventLogEntry:5"),
        ({"entity": "odd", "meta": "odd", "project": 3}, "EventLogEntry:5"),
    ],
)
def test_the_subject_is_found_in_this_order(row: dict[str, Any], expected: str) -> None:
    assert subject(Event({"id": 5, **row})) == expected


def test_a_retirement_has_the_subject_of_the_changes_before_it() -> None:
    change = Event({"id": 5, "entity": SHOT, "meta": {"entity_type": "Shot", "entity_id": 862}})
    retirement = Event(
        {"id": 6, "entity": None, "meta": {"class_name": "Shot", "entity_type": "Shot", "entity_id": 862}}
    )
    assert subject(change) == subject(retirement)


def test_headers_hold_what_a_filter_needs() -> None:
    row = {
        "id": 5,
        "event_type": "Shotgun_Shot_Change",
        "attribute_name": "sg_status_list",
        "entity": SHOT,
        "project": PROJECT,
    }
    found = dict(event_headers(Event(row), site="https://studio", schema="00ff", late_seconds=61.4))
    assert found == {
        "event_type": b"Shotgun_Shot_Change",
        "attribute_name": b"sg_status_list",
        "entity": b"Shot:862",
        "project": b"70",
        "site": b"https://studio",
        "schema": b"00ff",
        "late": b"61",
    }


@pytest.mark.parametrize("age", [None, 0.0, 10.0])
def test_a_null_field_and_a_small_delay_have_no_header(age: float | None) -> None:
    found = dict(event_headers(Event({"id": 5}), site="s", schema="f", late_seconds=age))
    assert found.keys() == {"entity", "site", "schema"}


@given(st.text())
def test_any_text_survives_in_a_header(text: str) -> None:
    found = dict(event_headers(Event({"id": 5, "event_type": text}), site="s", schema="f"))
    assert headers.decode(found["event_type"]) == text


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (b"21", -973932308),
        (b"foobar", -790332482),
        (b"a-little-bit-long-string", -985981536),
        (b"a-little-bit-longer-string", -1486304829),
        (b"lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58897971),
        (b"abc", 479470107),
    ],
)
def test_the_hash_is_the_java_clients(data: bytes, expected: int) -> None:
    """Vectors of Apache Kafka's own unit test of `Utils.murmur2`."""
    assert murmur2(data) == expected & 0xFFFFFFFF


@given(st.text(min_size=1), st.integers(1, 200))
def test_a_subject_always_has_one_existing_partition(text: str, partitions: int) -> None:
    found = partition_for(text, partitions)
    assert 0 <= found < partitions
    assert found == partition_for(text, partitions)
