"""Which differences of a topic do no harm and which would break a promise."""

from __future__ import annotations

import pytest

from shotgun_runtime.topic_rules import judge
from shotgun_runtime.topics import TopicSpec, creation_command
from shotgun_schemas.topics import CHECKPOINT_SETTINGS, EVENTS_SETTINGS


def judged(wanted: dict[str, str], partitions: int = 1, **found: str) -> list[tuple[bool, str]]:
    settings = {**wanted, **{name.replace("_", "."): value for name, value in found.items()}}
    return [(finding.breaks, finding.reason) for finding in judge(wanted, 1, settings, partitions)]


EVENTS, STATE = dict(EVENTS_SETTINGS), dict(CHECKPOINT_SETTINGS)


@pytest.mark.parametrize("wanted", [EVENTS, STATE])
def test_a_topic_as_it_should_be_is_not_mentioned(wanted: dict[str, str]) -> None:
    assert (
        judged(
            wanted,
            unclean_leader_election_enable="false",
            retention_ms=wanted.get("retention.ms", "604800000"),
        )
        == []
    )


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("retention.ms", "604800000"),
        ("retention.bytes", "1000000"),
        ("cleanup.policy", "compact"),
        ("message.timestamp.type", "LogAppendTime"),
        ("message.timestamp.after.max.ms", "3600000"),
        ("unclean.leader.election.enable", "true"),
    ],
)
def test_what_a_studio_may_choose_for_events_is_a_warning(setting: str, value: str) -> None:
    ((breaks, reason),) = judged(EVENTS, **{setting.replace(".", "_"): value})

    assert not breaks
    assert reason.startswith(f"{setting} is {value}")


@pytest.mark.parametrize(
    ("setting", "value"), [("max.message.bytes", "1048588"), ("message.timestamp.before.max.ms", "1000")]
)
def test_what_would_stop_the_stream_is_refused_with_the_value_that_mends_it(setting: str, value: str) -> None:
    found = {**EVENTS, setting: value}

    (finding,) = judge(EVENTS, 1, found, 1)

    assert finding.breaks
    assert finding.setting == setting
    assert finding.wanted is not None
    assert int(finding.wanted) > int(value)


def test_a_larger_message_size_is_fine() -> None:
    assert judged(EVENTS, max_message_bytes="99999999") == []


@pytest.mark.parametrize("policy", ["delete", "compact,delete"])
def test_state_that_kafka_would_delete_is_refused(policy: str) -> None:
    ((breaks, reason),) = judged(STATE, cleanup_policy=policy, retention_ms="604800000")

    assert breaks
    assert "positions" in reason


def test_state_that_is_kept_without_compaction_is_a_warning() -> None:
    ((breaks, _),) = judged(STATE, cleanup_policy="delete", retention_ms="-1", retention_bytes="-1")

    assert not breaks


def test_state_in_several_partitions_is_refused_and_events_in_several_are_used() -> None:
    assert [breaks for breaks, _ in judged(STATE, partitions=3)] == [True]
    assert [breaks for breaks, _ in judged(EVENTS, partitions=3)] == [False]


def test_the_command_that_creates_a_topic_is_complete() -> None:
    command = creation_command(TopicSpec("a", 2, {"cleanup.policy": "compact"}), 3)

    assert command == (
        "kafka-topics.sh --bootstrap-server HOST:PORT --create --topic a --partitions 2 --replication-factor 3 "
        "--config cleanup.policy=compact"
    )
