"""An event that ends the process is found and gets its policy; nothing else is taken for one, whoever kills what."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import Commands, EventStream, Member, Team, control_records, event
from support import Kafka, Process, wait_until

from shotgun_consumer.positions.marks import NO_MARKS
from shotgun_consumer.running.poison import POISON_FROM

pytestmark = pytest.mark.kafka

KILLS_ITS_PROCESS = """
    import os, signal
    def registerCallbacks(reg):
        for callback in (kill, second, third):
            reg.registerCallback(None, None, callback)
    def note(event, what):
        with open({path!r}, "a") as notes:
            notes.write("%s %s\\n" % (event["id"], what))
    def kill(sg, logger, event, args):
        note(event, "kill")
        if event["id"] == 4:
            os.kill(os.getpid(), signal.SIGKILL)
    def second(sg, logger, event, args):
        note(event, "second")
    def third(sg, logger, event, args):
        note(event, "third")
"""
SLOW = """
    import time
    def registerCallbacks(reg):
        reg.registerCallback(None, None, slow)
    def slow(sg, logger, event, args):
        with open({path!r}, "a") as notes:
            notes.write("%s\\n" % event["id"])
        if event["id"] == 3:
            time.sleep(3)
"""


@pytest.fixture
def team(tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]) -> Team:
    return Team(tmp_path, EventStream(kafka), spawn)


def keep_running(start: Callable[[], Member], done: Callable[[], bool]) -> tuple[Member, int]:
    """Start a process as often as it is killed. The one that is left when it is done, and how many were killed."""
    kills = 0
    while True:
        process = start().process
        wait_until(
            lambda process=process: process.returncode is not None or done(),  # type: ignore[misc]
            message="the process ends, or is done",
        )
        if process.returncode is None:
            return Member(process), kills
        assert process.returncode == -9
        kills += 1
        assert kills <= 2 * POISON_FROM + 2


def test_an_event_that_kills_its_process_gets_the_policy_of_each_callback_and_its_neighbours_run(
    team: Team, kafka: Kafka, capsys: pytest.CaptureFixture[str]
) -> None:
    run, one, slow = Commands(team, capsys), team.group("one"), team.group("slow")
    team.plugin("one", KILLS_ITS_PROCESS.format(path=str(team.folder / "one.notes")))
    team.plugin("slow", SLOW.format(path=str(team.folder / "slow.notes")))
    plugins = {
        "one/kill": {"on_failure": "skip"},
        "one/second": {"on_failure": "dead_letter"},
        "one/third": {"on_failure": "pause"},
        "slow": {"on_failure": "skip"},
    }
    team.stream.publish(event(n) for n in range(1, 7))

    def found() -> bool:
        return f"stop/{one}/0" in control_records(kafka, team.stream.control_topic)

    # When whatever starts the process starts it again each time
    member, kills = keep_running(lambda: team.run(plugins=plugins), found)
    assert kills >= POISON_FROM
    # Then the event is skipped for the first callback, is a dead letter of the second, and the third stays at it
    (letter,) = run.letters("list")
    assert (letter["event"], letter["callback"]) == (4, "second")
    assert f"the process ended {POISON_FROM} times in a row" in member.process.stdout
    # While the slow plugin, which it was killed with, goes on and has skipped nothing
    team.stream.wait_for_no_lag(slow)
    assert set(team.notes("slow")) == set(range(1, 7))
    assert member.metric("events_total", plugin="slow", outcome="skipped") == 0
    # Nobody runs it until that is ordered, and what is behind it waits
    assert run("resume", one, "--reason", "mended")[0] == 0
    team.stream.wait_for_no_lag(one)
    notes = (team.folder / "one.notes").read_text().splitlines()
    assert notes.count("4 kill") == kills
    assert [line for line in notes if line.startswith("4 ") and line != "4 kill"] == ["4 third"]
    calls = ("kill", "second", "third")
    assert {f"{n} {call}" for n in (1, 2, 3) for call in calls} <= set(notes)
    assert notes[-6:] == [f"{n} {call}" for n in (5, 6) for call in calls]
    assert member.process.terminate() == 0
    assert team.stream.marks(one) == {0: NO_MARKS}


def test_ten_kills_of_a_healthy_group_blame_nothing(team: Team) -> None:
    rng, events = random.Random(5), 100
    group = team.group("everything")
    team.note_taker("everything", work=0.001)
    team.stream.publish(event(n) for n in range(1, events + 1))
    plugins = {"everything": {"on_failure": "skip"}}
    for _ in range(10):
        member = team.run(plugins=plugins)
        # With work for each process, at a moment in its start, or so many events later
        team.stream.publish(event(n) for n in range(events + 1, events + 101))
        events += 100
        before, more = len(team.notes("everything")), rng.choice([0, 0, 1, 2, 5, 20, 30])
        member.process.wait_for_line(rng.choice(["loaded from", "assigned", "served on port"]))
        wait_until(lambda least=before + more: len(team.notes("everything")) >= least)  # type: ignore[misc]
        member.process.kill()
    last = team.run(plugins=plugins)
    team.stream.wait_for_no_lag(group)
    assert set(team.counts("everything")) == set(range(1, events + 1))
    assert last.metric("events_total", outcome="skipped") == 0
    assert last.process.terminate() == 0
    assert team.stream.marks(group) == {0: NO_MARKS}
