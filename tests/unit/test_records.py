"""A row as a Kafka record: what readers find in it, and that there is one for every row."""

from __future__ import annotations

from typing import Any

import pytest

from shotgun_producer.records import Record, RecordMaker
from shotgun_producer.times import kafka_timestamp, parse_created_at
from shotgun_schemas.codec import FINGERPRINT, Decoder
from shotgun_schemas.partition import partition_for
from shotgun_schemas.topics import MAX_EVENT_BYTES

NOW = 1_800_000_000.0
MAKER = RecordMaker(site="https://studio", partitions=1)


def row(**changes: Any) -> dict[str, Any]:
    return {
        "type": "EventLogEntry",
        "id": 7,
        "event_type": "Shotgun_Task_Change",
        "attribute_name": "sg_status_list",
        "description": None,
        "meta": {"type": "attribute_change", "new_value": "ip"},
        "entity": {"type": "Task", "id": 5, "name": "Animation"},
        "user": None,
        "project": {"type": "Project", "id": 70, "name": "Demo"},
        "session_uuid": None,
        "created_at": "2026-01-21T19:47:33Z",
        **changes,
    }


def make(source: dict[str, Any], late: float | None = None) -> Record:
    return MAKER.make(source, late=late, now=NOW)


def decoded(record: Record) -> Any:
    return Decoder().decode(record.value, topic="t", partition=0, offset=0).row


def test_the_record_of_a_row_holds_the_row() -> None:
    record = make(row())
    assert record.key == b"7"
    assert decoded(record) == row()
    assert record.timestamp == 1_769_024_853_000
    assert dict(record.headers) == {
        "entity": b"Task:5",
        "site": b"https://studio",
        "schema": FINGERPRINT.encode(),
        "event_type": b"Shotgun_Task_Change",
        "attribute_name": b"sg_status_list",
        "project": b"70",
    }


def test_an_event_that_comes_late_says_how_late() -> None:
    assert dict(make(row(), late=75.4).headers)["late"] == b"75"
    assert "late" not in dict(make(row(), late=9.0).headers)


def test_a_backfilled_event_names_its_job() -> None:
    record = MAKER.make(row(), late=None, now=NOW, backfill="winter-2025")
    assert dict(record.headers)["backfill"] == b"winter-2025"
    assert "backfill" not in dict(make(row()).headers)


def test_events_of_one_entity_share_a_partition_that_any_client_can_compute() -> None:
    maker = RecordMaker(site="s", partitions=12)
    records = [maker.make(row(id=number), late=None, now=NOW) for number in range(1, 5)]
    assert {record.partition for record in records} == {partition_for("Task:5", 12)}


def test_a_row_that_does_not_fit_goes_whole() -> None:
    odd = row(event_type=["not", "a", "text"])
    record = make(odd)
    assert record.is_misfit
    assert decoded(record) == odd


def test_a_large_event_is_published_whole_up_to_the_limit() -> None:
    large = row(meta={"text": "x" * (MAX_EVENT_BYTES - 4_000)})
    record = make(large)
    assert record.left_out is None
    assert decoded(record) == large


def test_a_larger_event_leaves_its_meta_out_and_says_how_much_that_was() -> None:
    record = make(row(meta={"text": "x" * 20_000_000}))
    assert len(record.value) < 1_000
    assert record.left_out is not None
    assert record.left_out > 20_000_000
    assert dict(record.headers)["meta_bytes"] == str(record.left_out).encode()
    assert "meta" not in decoded(record)
    assert decoded(record)["event_type"] == "Shotgun_Task_Change"


def test_an_event_whose_other_fields_are_too_large_still_has_a_record() -> None:
    record = make(row(entity={"type": "Task", "id": 5, "name": "x" * 20_000_000}))
    assert decoded(record) == {"type": "EventLogEntry", "id": 7}
    assert "meta_bytes" in dict(record.headers)


def test_a_row_nested_deeper_than_any_coding_goes_still_has_a_record() -> None:
    nested: Any = []
    for _ in range(100_000):
        nested = [nested]
    record = make(row(meta={"deep": nested}))
    assert record.key == b"7"
    assert "meta_bytes" in dict(record.headers)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("2026-01-21T19:47:33Z", 1_769_024_853.0),
        ("2026-01-21T20:47:33+01:00", 1_769_024_853.0),
        ("2026-01-21 19:47:33", 1_769_024_853.0),
        ("yesterday", None),
        ("2026-02-30T00:00:00Z", None),
        (None, None),
        (12, None),
    ],
)
def test_reading_the_sites_dates(text: object, seconds: float | None) -> None:
    assert parse_created_at(text) == seconds


def test_a_records_time_is_never_in_the_future_and_never_before_1970() -> None:
    assert kafka_timestamp(NOW + 3600, NOW) == NOW * 1000
    assert kafka_timestamp(-5.0, NOW) == 0
    assert kafka_timestamp(None, NOW) == 0
