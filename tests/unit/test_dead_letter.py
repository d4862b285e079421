"""A dead letter holds all that is needed to run its event again, under names that others know."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotgun_schemas.dead_letter import MAX_TEXT_BYTES, STACKTRACE, DeadLetter, parse_letter
from shotgun_schemas.framing import DecodeError

LETTER = DeadLetter(
    group="anim.notify",
    team="anim",
    plugin="notify",
    callback="on_change",
    topic="shotgun.events",
    partition=2,
    offset=55,
    key=b"101",
    value=b"\xc3\x01 bytes",
    timestamp=1_769_000_000.5,
    attempts=3,
    time="2026-01-21T19:47:33.000Z",
    exception_class="shotgun_api3.shotgun.Fault",
    exception_message="busy",
    stacktrace="Traceback (most recent call last): ...",
    headers={"entity": b"Task:1", "event_type": b"Shotgun_Task_Change"},
)


def test_the_record_is_told_apart_by_group_callback_and_event_and_named_as_kafka_connect_does() -> None:
    assert LETTER.record_key == b"anim.notify|on_change|101"
    headers = dict(LETTER.record_headers())
    assert headers == {
        "entity": b"Task:1",
        "event_type": b"Shotgun_Task_Change",
        "__connect.errors.topic": b"shotgun.events",
        "__connect.errors.partition": b"2",
        "__connect.errors.offset": b"55",
        "__connect.errors.connector.name": b"anim.notify",
        "__connect.errors.stage": b"TASK_PUT",
        "__connect.errors.exception.class.name": b"shotgun_api3.shotgun.Fault",
        "__connect.errors.exception.message": b"busy",
        "__connect.errors.exception.stacktrace": b"Traceback (most recent call last): ...",
        "shotgun.errors.key": b"101",
        "shotgun.errors.team": b"anim",
        "shotgun.errors.plugin": b"notify",
        "shotgun.errors.group": b"anim.notify",
        "shotgun.errors.callback": b"on_change",
        "shotgun.errors.attempts": b"3",
        "shotgun.errors.time": b"2026-01-21T19:47:33.000Z",
    }


@given(
    key=st.none() | st.binary(),
    value=st.none() | st.binary(),
    message=st.text(),
    headers=st.dictionaries(st.text(min_size=1), st.binary()),
    attempts=st.integers(1, 10**9),
)
def test_what_was_put_aside_comes_back_as_it_was(
    key: bytes | None, value: bytes | None, message: str, headers: dict[str, bytes], attempts: int
) -> None:
    letter = replace(
        LETTER, key=key, value=value, exception_message=message, headers=headers, attempts=attempts
    )
    assert parse_letter(value, letter.record_headers(), letter.timestamp) == letter  # type: ignore[arg-type]


def test_of_a_long_trace_the_end_is_kept() -> None:
    letter = replace(LETTER, stacktrace="x" * 10 * MAX_TEXT_BYTES + "the place")
    kept = dict(letter.record_headers())[STACKTRACE]
    assert isinstance(kept, bytes)
    assert len(kept) == MAX_TEXT_BYTES
    assert kept.endswith(b"the place")


def test_an_event_without_an_id_is_named_by_its_place() -> None:
    assert replace(LETTER, key=None).record_key == b"anim.notify|on_change|2@55"


@pytest.mark.parametrize("missing", ["shotgun.errors.group", "__connect.errors.offset"])
def test_a_record_of_somebody_else_is_no_letter(missing: str) -> None:
    headers = [(name, value) for name, value in LETTER.record_headers() if name != missing]
    with pytest.raises(DecodeError, match=missing):
        parse_letter(b"", headers, 0.0)  # type: ignore[arg-type]
