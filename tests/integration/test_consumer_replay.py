"""`replay` orders single events to be run again, by records in the control topic that the members obey."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, control_records, event
from support import PATIENCE, Kafka, Process

from shotgun_consumer.positions.marks import Marks, encode_marks

pytestmark = pytest.mark.kafka


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    stream = EventStream(kafka)
    stream.publish(event(number) for number in (10, 20, 15, 30, 40))
    return stream


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process]) -> Team:
    """A team whose group was through with 10, 20 and 30."""
    team = Team(tmp_path, stream, spawn)
    stream.set_position(team.group("notify"), 2, encode_marks(2, Marks(top=3)))
    return team


def test_events_that_were_run_are_ordered_again_and_those_to_come_are_left_out(
    team: Team, stream: EventStream, kafka: Kafka
) -> None:
    group = team.group("notify")
    arguments = (
        "--event",
        "30",
        "--event",
        "15",
        "--event",
        "10",
        "--reason",
        "wrong name",
        "--yes",
        "--json",
    )
    done = team.command("replay", group, *arguments)
    assert done.returncode == 0, done.stderr
    assert [(one["event_id"], one["ordered"]) for one in json.loads(done.stdout)] == [
        (30, True),
        (15, False),
        (10, True),
    ]
    assert "has no members now" in done.stderr
    records = control_records(kafka, stream.control_topic)
    assert records.keys() == {f"replay/{group}/0/3/*", f"replay/{group}/0/0/*"}
    assert records[f"replay/{group}/0/3/*"]["event_id"] == 30
    assert records[f"replay/{group}/0/3/*"]["reason"] == "wrong name"
    # And the position stays where it is
    assert stream.committed(group) == {0: 2}


def test_one_callback_may_be_named_and_a_dry_run_orders_nothing(team: Team, kafka: Kafka) -> None:
    group = team.group("notify")
    dry = team.command("replay", group, "--event", "10", "--dry-run")
    assert dry.returncode == 0, dry.stderr
    assert "[0]@0" in dry.stdout
    assert team.command("replay", group, "--event", "10").returncode == 5
    assert team.stream.control_topic not in kafka.admin.list_topics(timeout=PATIENCE).topics
    assert team.command("replay", group, "--event", "10", "--callback", "note", "--yes").returncode == 0
    assert control_records(kafka, team.stream.control_topic).keys() == {f"replay/{group}/0/0/note"}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["anim.misspelt", "--event", "10"], "no group 'anim.misspelt' is known"),
        (["GROUP", "--event", "17", "--event", "10"], "event 17 is not in"),
        (["GROUP", "--event", "10", "--callback", "a/b/c"], "'a/b/c' is no callback"),
        (["GROUP"], "Missing option '--event'"),
    ],
)
def test_a_mistake_of_replay_gets_one_message(team: Team, arguments: list[str], words: str) -> None:
    given = [team.group("notify") if one == "GROUP" else one for one in arguments]
    done = team.command("replay", *given, "--yes")
    assert done.returncode == 2
    assert words in done.stderr
