"""What operators order from anywhere, a running group does, without a restart."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import Commands, EventStream, Team, control_records, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka

FAILS_UNTIL_MENDED = """
    import os
    def registerCallbacks(reg):
        reg.registerCallback(None, None, note)
        reg.registerCallback(None, None, fail)
    def note(sg, logger, event, args):
        with open({path!r}, "a") as notes:
            notes.write("%s\\n" % event["id"])
    def fail(sg, logger, event, args):
        if event["id"] == 3 and not os.path.exists({mended!r}):
            raise ValueError("not yet")
"""
CONCURRENCY = pytest.mark.parametrize("concurrency", [1, 4])


@pytest.fixture
def team(tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]) -> Team:
    team = Team(tmp_path, EventStream(kafka), spawn)
    paths = {"path": str(team.folder / "one.notes"), "mended": str(team.folder / "mended")}
    team.plugin("one", FAILS_UNTIL_MENDED.format(**paths))
    return team


@pytest.fixture
def run(team: Team, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(team, capsys)


@CONCURRENCY
def test_a_group_that_stays_at_an_event_goes_on_when_it_is_resumed(
    team: Team, run: Commands, concurrency: int
) -> None:
    team.stream.publish(event(n) for n in range(1, 7))
    member = team.run(plugins={"one": {"concurrency": concurrency}}).wait_ready()
    wait_until(lambda: member.metric("paused", plugin="one") == 1)
    (team.folder / "mended").touch()
    assert run("resume", team.group("one"), "--reason", "mended")[0] == 0
    team.stream.wait_for_no_lag(team.group("one"))
    # The callback that had ended for it is not called again
    assert sorted(team.notes("one")) == list(range(1, 7))
    assert member.metric("events_total", plugin="one", outcome="succeeded") == 6
    wait_until(lambda: member.metric("paused", plugin="one") == 0)


@CONCURRENCY
def test_a_group_passes_over_the_event_that_it_stays_at_when_that_is_ordered(
    team: Team, run: Commands, kafka: Kafka, concurrency: int
) -> None:
    group = team.group("one")
    team.stream.publish(event(n) for n in range(1, 7))
    member = team.run(plugins={"one": {"concurrency": concurrency}}).wait_ready()
    wait_until(lambda: member.metric("paused", plugin="one") == 1)
    wait_until(lambda: f"stop/{group}/0" in control_records(kafka, team.stream.control_topic))
    assert run("skip", group, "--reason", "a test asset")[0] == 0
    team.stream.wait_for_no_lag(group)
    assert member.metric("events_total", plugin="one", outcome="skipped") == 1
    assert member.metric("events_total", plugin="one", outcome="succeeded") == 5
    # And nothing is left of the order
    wait_until(
        lambda: (
            {
                key: record
                for key, record in control_records(kafka, team.stream.control_topic).items()
                if key.startswith(("skip/", "stop/")) and record is not None
            }
            == {}
        )
    )


@CONCURRENCY
def test_single_events_are_run_again_and_the_position_stays(
    team: Team, run: Commands, kafka: Kafka, concurrency: int
) -> None:
    group = team.group("one")
    (team.folder / "mended").touch()
    team.stream.publish(event(n) for n in range(1, 7))
    member = team.run(plugins={"one": {"concurrency": concurrency}}).wait_ready()
    team.stream.wait_for_no_lag(group)
    before = team.stream.committed(group)
    assert run("replay", group, "--event", "2", "--event", "5", "--yes")[0] == 0
    wait_until(lambda: sorted(team.notes("one")[6:]) == [2, 5])
    # The order is taken back, so nobody runs them a third time
    wait_until(
        lambda: (
            [
                key
                for key, record in control_records(kafka, team.stream.control_topic).items()
                if key.startswith("replay/") and record is not None
            ]
            == []
        )
    )
    assert member.metric("replays_total", plugin="one") == 2
    assert member.metric("events_total", plugin="one", outcome="succeeded") == 6
    assert team.stream.committed(group) == before
    # And what comes next is run as ever
    team.stream.publish([event(7)])
    team.stream.wait_for_no_lag(group)
    assert team.notes("one")[-1] == 7
    assert member.process.terminate() == 0
