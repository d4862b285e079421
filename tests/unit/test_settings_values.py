"""Durations and start positions, as people and YAML write them."""

from __future__ import annotations

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotgun_runtime.duration import format_duration, parse_duration
from shotgun_runtime.start import Start, parse_start


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("1s", 1),
        ("250ms", 0.25),
        ("2h", 7200),
        ("1h30m", 5400),
        ("1.5s", 1.5),
        ("1d", 86400),
        ("0s", 0),
        ("90", 90),
    ],
)
def test_durations_are_read(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    "value", ["", "s", "1x", "-1s", "1 week", "1s2", "nan", "inf", True, None, [], -1, float("nan")]
)
def test_what_is_no_duration_is_refused_with_the_form(value: Any) -> None:
    with pytest.raises(ValueError, match="a duration such as 250ms"):
        parse_duration(value)


@given(st.integers(min_value=0, max_value=10**11))
def test_a_duration_that_is_written_is_read_back(milliseconds: int) -> None:
    seconds = milliseconds / 1000
    if seconds < 1e10:
        assert parse_duration(format_duration(seconds)) == pytest.approx(seconds, abs=0.0005)


UTC = timezone.utc
NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "start"),
    [
        ("latest", Start("latest")),
        ("Earliest", Start("earliest")),
        ("123456", Start("id", event_id=123456)),
        (123456, Start("id", event_id=123456)),
        ("2026-01-01", Start("date", moment=NEW_YEAR)),
        (date(2026, 1, 1), Start("date", moment=NEW_YEAR)),
        ("2026-01-01T00:00:00Z", Start("date", moment=NEW_YEAR)),
        ("2026-01-01 01:00:00+01:00", Start("date", moment=NEW_YEAR)),
        (datetime(2026, 1, 1), Start("date", moment=NEW_YEAR)),  # noqa: DTZ001 - as YAML makes it
        (datetime(2026, 1, 1, 2, tzinfo=timezone(timedelta(hours=2))), Start("date", moment=NEW_YEAR)),
    ],
)
def test_starts_are_read(value: Any, start: Start) -> None:
    assert parse_start(value) == start
    assert parse_start(str(start)) == start


@pytest.mark.parametrize(
    "value", ["", "newest", "-5", "2026-13-01", "2026-1-1", "12.5", 2**70, True, None, [], 1.5, "²"]
)
def test_what_is_no_start_is_refused_with_the_form(value: Any) -> None:
    with pytest.raises(ValueError, match="latest, earliest, an event id"):
        parse_start(value)
