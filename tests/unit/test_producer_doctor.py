"""What the doctor makes of what it finds: ok, warning or problem, and what to do."""

from __future__ import annotations

import pytest

from shotgun_runtime.doctor_checks import (
    Check,
    judge_broker,
    judge_clock,
    judge_rows,
    judge_topic,
    missing_topic,
)
from shotgun_runtime.site_clock import clock_skew
from shotgun_runtime.topics import TopicSpec
from shotgun_schemas.topics import EVENTS_SETTINGS

GOOD = {
    "group.coordinator.rebalance.protocols": "classic,consumer",
    "transaction.partition.verification.enable": "true",
    "offsets.retention.minutes": "10080",
}
SPEC = TopicSpec("events", 1, EVENTS_SETTINGS)


def broker(subject: str, **settings: str | None) -> Check:
    merged = {**GOOD, **{name.replace("_", "."): value for name, value in settings.items()}}
    given = {name: value for name, value in merged.items() if value is not None}
    return next(check for check in judge_broker(given) if check.subject == subject)


def test_a_broker_with_kafkas_own_settings_is_well() -> None:
    assert [check.state for check in judge_broker(GOOD)] == ["ok", "ok", "ok"]


def test_transactions_that_are_not_verified_are_a_problem_with_the_setting_to_change() -> None:
    check = broker("transactions", transaction_partition_verification_enable="false")
    assert check.state == "problem"
    assert "set transaction.partition.verification.enable=true" in check.advice


def test_short_memory_for_positions_is_a_warning_that_names_how_short() -> None:
    check = broker("positions", offsets_retention_minutes="1440")
    assert check.state == "warning"
    assert "has not run for 1d" in check.found


@pytest.mark.parametrize(
    ("version", "state"), [("3.6-IV2", "warning"), ("3.7-IV4", "ok"), ("3.9", "ok"), ("2.8", "warning")]
)
def test_the_version_is_judged_where_the_broker_tells_it(version: str, state: str) -> None:
    check = broker("version", inter_broker_protocol_version=version)
    assert check.state == state
    assert version in check.found


def test_what_a_broker_does_not_tell_is_left_to_the_operator() -> None:
    checks = judge_broker({})
    assert [check.state for check in checks] == ["warning"] * 3
    assert all(check.advice.startswith("make sure") for check in checks)


@pytest.mark.parametrize(("skew", "side"), [(90.0, "1m30s behind"), (-3600.0, "1h ahead of")])
def test_a_clock_that_is_off_is_told_by_how_much(skew: float, side: str) -> None:
    assert side in judge_clock(skew).found
    assert judge_clock(skew).state == "warning"


def test_a_slow_answer_is_no_skew() -> None:
    assert clock_skew(1000, asked=1000.9, answered=1060.0) == 0
    assert clock_skew(1059, asked=1000.9, answered=1060.0) == 0
    assert clock_skew(1120, asked=1000.0, answered=1060.0) == 60
    assert clock_skew(939, asked=1000.0, answered=1060.0) == -60
    assert clock_skew(None, asked=1000.0, answered=1060.0) is None


def test_a_second_of_skew_is_none() -> None:
    assert judge_clock(-0.9).state == "ok"
    assert judge_clock(None).state == "warning"


def test_events_that_are_not_visible_or_not_whole_are_a_question_of_permission() -> None:
    assert judge_rows(True, []).state == "ok"
    assert "EventLogEntry" in judge_rows(False, []).advice
    assert "without meta, user" in judge_rows(True, ["user", "meta"]).found


def test_a_topic_is_judged_by_the_rules_of_the_start() -> None:
    assert judge_topic(SPEC, 1, dict(EVENTS_SETTINGS))[0].state == "ok"
    (small,) = judge_topic(SPEC, 1, {**EVENTS_SETTINGS, "max.message.bytes": "1000"})
    assert small.state == "problem"
    assert "--alter --topic events --add-config max.message.bytes=" in small.advice
    (finite,) = judge_topic(SPEC, 1, {**EVENTS_SETTINGS, "retention.ms": "1000"})
    assert finite.state == "warning"


def test_a_topic_that_is_missing_comes_with_what_makes_it() -> None:
    check = missing_topic(SPEC, 3)
    assert check.state == "warning"
    assert "--create --topic events" in check.advice
    assert "--replication-factor 3" in check.advice
