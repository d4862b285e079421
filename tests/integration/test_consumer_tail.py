"""`tail` shows events as they come, joins no group, and ends well on Ctrl-C."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

from shotgun_schemas import codec

pytestmark = pytest.mark.kafka


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process]) -> Team:
    return Team(tmp_path, stream, spawn)


@pytest.fixture
def tail(team: Team, spawn: Callable[..., Process]) -> Callable[..., Process]:
    return lambda *arguments: spawn(["shotgun-consumer", "tail", *arguments, "--config", str(team.config())])


def test_tail_shows_what_comes_from_an_event_on_and_ends_with_0_on_ctrl_c(
    stream: EventStream, tail: Callable[..., Process]
) -> None:
    # Given events of which one came late, and one of another type and project
    for number in (10, 30, 20):
        stream.publish([event(number)])
    stream.publish([event(40, "Shotgun_Shot_New", attribute_name=None, project={"type": "Project", "id": 9})])
    # When somebody looks on from event 30
    shown = tail("--since", "30")
    shown.wait_for_line("  40  ")
    # Then the events come in the order of the stream, and new ones as they are published
    stream.publish([event(50, backfill="x")])
    shown.wait_for_line("  50  ")
    assert [line.split()[1] for line in shown.stdout.splitlines()] == ["30", "20", "40", "50"]
    assert shown.stdout.splitlines()[0] == (
        "2026-01-21T19:47:33Z  30  Shotgun_Task_Change  Task 30 'task 30'  sg_status_list: wtg → ip  by somebody"
    )
    shown.signal(signal.SIGINT)
    assert shown.wait() == 0
    assert shown.stderr == ""


def test_tail_filters_and_prints_json(stream: EventStream, tail: Callable[..., Process]) -> None:
    stream.publish([event(1), event(2, "Shotgun_Shot_New"), event(3, project={"type": "Project", "id": 9})])
    # A record without headers is judged by what it holds
    stream.publish_raw(4, codec.encode(event(4)), [])
    stream.publish_raw(5, codec.encode(event(5, "Shotgun_Shot_New")), [])
    stream.publish_raw(6, b"no event", [])
    stream.publish([event(7)])
    shown = tail("--since", "1d", "--type", "*_Task_*", "--project", "70", "--json")
    wait_until(lambda: shown.stdout.count("\n") == 3)
    lines = [json.loads(line) for line in shown.stdout.splitlines()]
    assert [line["event"]["id"] for line in lines] == [1, 4, 7]
    assert lines[0]["event"]["meta"]["new_value"] == "ip"
    assert (lines[0]["partition"], lines[0]["offset"]) == (0, 0)
    assert lines[0]["headers"]["entity"] == "Task:1"
    assert "cannot be decoded" in shown.stderr
    shown.signal(signal.SIGTERM)
    assert shown.wait() == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--since", "soon"], "'soon' is not an event id such as 123456, a date"),
        (["--since", "99"], "event 99 is not in"),
        (["--project", "demo"], "'demo' is not a valid integer"),
    ],
)
def test_a_mistake_of_tail_gets_one_message(
    team: Team, stream: EventStream, arguments: list[str], words: str
) -> None:
    stream.publish([event(1)])
    done = team.command("tail", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
