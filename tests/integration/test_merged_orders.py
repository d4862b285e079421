"""Two plugins in one group: what is ordered about the group, or about one callback in it, happens to just that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import Commands, EventStream, Member, Team, control_records, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka

PLUGIN = """
    import os
    def registerCallbacks(reg):
        reg.registerCallback(None, None, note)
        reg.registerCallback(None, None, fail)
    def note(sg, logger, event, args):
        with open({order!r}, "a") as order:
            order.write("{name}%s\\n" % event["id"])
    def fail(sg, logger, event, args):
        if event["id"] == {fails_at} and not os.path.exists({mended!r}):
            raise ValueError("not yet")
        with open({order!r}, "a") as order:
            order.write("{name}%s ok\\n" % event["id"])
"""


@pytest.fixture
def team(tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]) -> Team:
    """Plugin `b` of the group `pair` fails at event 3, `a` never."""
    team = Team(tmp_path, EventStream(kafka), spawn)
    paths = {"order": str(team.folder / "order"), "mended": str(team.folder / "mended")}
    team.plugin("a", PLUGIN.format(name="a", fails_at=0, **paths))
    team.plugin("b", PLUGIN.format(name="b", fails_at=3, **paths))
    team.stream.publish(event(n) for n in range(1, 5))
    return team


@pytest.fixture
def run(team: Team, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(team, capsys)


def start(team: Team, **plugins: object) -> Member:
    return team.run(groups={"pair": ["a", "b"]}, plugins=plugins).wait_ready()


def order(team: Team) -> list[str]:
    """What was called, in order."""
    path = team.folder / "order"
    return path.read_text().splitlines() if path.exists() else []


def whole(*events: int) -> list[str]:
    """The calls of events that both plugins ran to their end."""
    return [f"{name}{n}{end}" for n in events for name in "ab" for end in ("", " ok")]


STOPPED_AT_3 = ["a3", "a3 ok", "b3"]


def test_the_event_that_the_group_stays_at_is_skipped_for_what_has_not_ended_it(
    team: Team, run: Commands, kafka: Kafka
) -> None:
    group, member = team.group("pair"), start(team)
    wait_until(lambda: f"stop/{group}/0" in control_records(kafka, team.stream.control_topic))
    assert order(team) == [*whole(1, 2), *STOPPED_AT_3]
    assert run("skip", group, "--reason", "a test asset")[0] == 0
    team.stream.wait_for_no_lag(group)
    assert order(team) == [*whole(1, 2), *STOPPED_AT_3, *whole(4)]
    assert member.metric("events_total", plugin="pair", outcome="skipped") == 1
    assert member.process.terminate() == 0


def test_a_pause_holds_both_and_resume_tries_again_only_what_had_not_ended(team: Team, run: Commands) -> None:
    group, member = team.group("pair"), start(team)
    wait_until(lambda: member.metric("paused", plugin="pair") == 1)
    assert run("pause", group, "--reason", "look")[0] == 0
    wait_until(lambda: member.metric("paused_by_order", plugin="pair") == 1)
    (team.folder / "mended").touch()
    assert order(team) == [*whole(1, 2), *STOPPED_AT_3]
    assert run("resume", group)[0] == 0
    team.stream.wait_for_no_lag(group)
    assert order(team) == [*whole(1, 2), *STOPPED_AT_3, "b3 ok", *whole(4)]
    assert member.metric("paused_by_order", plugin="pair") == 0


def test_a_single_event_is_run_again_by_both_or_by_one_callback(team: Team, run: Commands) -> None:
    (team.folder / "mended").touch()
    group, member = team.group("pair"), start(team)
    team.stream.wait_for_no_lag(group)
    before = team.stream.committed(group)
    assert run("replay", group, "--event", "2", "--yes")[0] == 0
    wait_until(lambda: order(team)[16:] == whole(2))
    assert run("replay", group, "--event", "1", "--callback", "b/note", "--yes")[0] == 0
    wait_until(lambda: order(team)[20:] == ["b1"])
    wait_until(lambda: member.metric("replays_total", plugin="pair") == 2)
    assert team.stream.committed(group) == before


def test_a_dead_letter_names_its_callback_and_is_replayed_to_that_alone(team: Team, run: Commands) -> None:
    group = team.group("pair")
    member = start(team, b={"on_failure": "dead_letter"})
    team.stream.wait_for_no_lag(group)
    (letter,) = run.letters("list")
    assert (letter["plugin"], letter["callback"], letter["event"]) == ("b", "b/fail", 3)
    assert member.metric("events_total", plugin="pair", outcome="dead_lettered") == 1
    assert order(team) == [*whole(1, 2), *STOPPED_AT_3, *whole(4)]
    # When it is mended and replayed
    (team.folder / "mended").touch()
    assert run("dead-letters", "replay", "3")[0] == 0
    # Then that callback takes it in, nobody else is called, and the letter is gone
    wait_until(lambda: order(team)[len(whole(1, 2, 4)) + 3 :] == ["b3 ok"])
    wait_until(lambda: run.listed() == [])
    assert member.process.terminate() == 0
    assert order(team)[-1] == "b3 ok"
