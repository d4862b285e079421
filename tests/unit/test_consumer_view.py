"""What commands show and read: an event as one line, times as people write them, and a hold that ends by itself."""

from __future__ import annotations

from datetime import datetime, timezone
from typing import Any

import pytest

from shotgun_consumer.commands.options import parse_since, parse_time
from shotgun_consumer.event_line import event_line
from shotgun_consumer.orders.hold import LEASE_SECONDS, HoldWatch
from shotgun_schemas.control import ControlRecord

NOW = datetime(2026, 2, 1, 12, tzinfo=timezone.utc)
ROW: dict[str, Any] = {
    "id": 7,
    "event_type": "Shotgun_Task_Change",
    "attribute_name": "sg_status_list",
    "meta": {"old_value": "wtg", "new_value": "ip"},
    "entity": {"type": "Task", "id": 3, "name": "anim"},
    "user": {"type": "HumanUser", "id": 1, "name": "Alice"},
    "created_at": "2026-01-21T19:47:33Z",
}


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "Shotgun_Task_Change  Task 3 'anim'  sg_status_list: wtg → ip  by Alice"),
        ({"meta": {"old_value": None, "new_value": ""}}, "sg_status_list: (none) → (none)"),
        ({"meta": None}, "  sg_status_list  by Alice"),
        (
            {
                "meta": {
                    "added": [{"type": "Asset", "id": 1, "name": "tree"}],
                    "removed": [{"type": "Asset", "id": 2}],
                }
            },
            "sg_status_list: +tree -Asset 2",
        ),
        ({"meta": {"old_value": [{"type": "Asset", "id": 1, "name": "a"}], "new_value": []}}, ": a → (none)"),
        (
            {"entity": None, "attribute_name": None, "meta": {"entity_type": "Shot", "entity_id": 9}},
            "Shotgun_Task_Change  Shot 9  by Alice",
        ),
        ({"user": None}, "wtg → ip"),
        ({"meta": {"new_value": "long " * 50}}, "(none) → long long long long long long long long…  by"),
        ({"meta": "odd", "entity": "odd", "user": 5}, "7  Shotgun_Task_Change  sg_status_list"),
    ],
)
def test_an_event_is_one_readable_line(changes: dict[str, Any], line: str) -> None:
    shown = event_line({**ROW, **changes})
    assert line in shown
    assert shown.startswith("2026-01-21T19:47:33Z  7  ")
    assert "\n" not in shown


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2h", "2026-02-01T10:00:00+00:00"),
        ("1d", "2026-01-31T12:00:00+00:00"),
        ("2026-01-31", "2026-01-31T00:00:00+00:00"),
        ("2026-01-31T08:00:00+01:00", "2026-01-31T07:00:00+00:00"),
    ],
)
def test_a_time_is_a_date_or_how_long_ago(text: str, moment: str) -> None:
    assert parse_time(text, lambda: NOW).moment == datetime.fromisoformat(moment)
    assert parse_since(text, lambda: NOW).moment == datetime.fromisoformat(moment)


@pytest.mark.parametrize("text", ["", "soon", "123456", "1.5", "latest", "earliest", "-2h", "9999999d"])
def test_anything_else_is_no_time(text: str) -> None:
    with pytest.raises(ValueError, match="a date such as"):
        parse_time(text, lambda: NOW)


def test_a_number_is_an_event_where_events_are_meant() -> None:
    assert parse_since("123456").event_id == 123456
    with pytest.raises(ValueError, match="an event id"):
        parse_since("9" * 30)


def hold(until: float) -> ControlRecord:
    return ControlRecord("hold/g", "alice", "", "rewind", {"until": until})


def test_a_hold_lasts_while_it_is_renewed_and_a_lease_longer() -> None:
    watch = HoldWatch()
    assert watch.look(None, 0.0, 1000.0) is None
    first, renewed = hold(1060.0), hold(1075.0)
    assert watch.look(first, 10.0, 1000.0) == first
    assert watch.look(renewed, 25.0, 1015.0) == renewed
    assert watch.look(renewed, 25.0 + LEASE_SECONDS - 1, 1070.0) == renewed
    assert watch.look(renewed, 25.0 + LEASE_SECONDS, 1075.0) is None
    assert watch.look(None, 100.0, 1090.0) is None


def test_a_hold_does_not_ask_for_clocks_that_agree() -> None:
    # This host's clock is five minutes ahead of the command's
    watch = HoldWatch()
    assert watch.look(hold(1060.0), 10.0, 1300.0) is not None
    assert watch.look(hold(1060.0), 10.0 + LEASE_SECONDS, 1360.0) is None


def test_a_hold_from_long_ago_is_nothing_to_wait_for() -> None:
    assert HoldWatch().look(hold(1060.0), 0.0, 90_000.0) is None
