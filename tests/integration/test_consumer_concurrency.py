"""A plugin that runs many events at once: each entity's in their order, nothing lost, and little repeated."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka

WORKERS = 8
ENTITIES = 50  # see `event`
GATED = """
    import os, threading
    lock = threading.Lock()
    def registerCallbacks(reg):
        reg.registerCallback(None, None, note)
    def note(sg, logger, event, args):
        say("begin", event["id"])
        if event["id"] == {stuck}:
            while not os.path.exists({gate!r}):
                threading.Event().wait(0.01)
        say("end", event["id"])
    def say(what, number):
        with lock, open({path!r}, "a", buffering=1) as notes:
            notes.write(f"{{what}} {{number}}\\n")
"""


class Notes:
    """What the gated plugin has said, in order."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def said(self, what: str) -> list[int]:
        lines = self.path.read_text().split("\n")[:-1] if self.path.exists() else []
        return [int(line.split()[1]) for line in lines if line.startswith(what)]


def gated(team: Team, stuck: int) -> tuple[Notes, Path]:
    notes, gate = team.folder / "gated.notes", team.folder / "gate"
    team.plugin("gated", GATED.format(stuck=stuck, gate=str(gate), path=str(notes)))
    return Notes(notes), gate


def test_a_stuck_entity_holds_up_its_own_events_alone_also_over_a_kill(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    # Given an event that does not end, and many of the same entity and of others behind it
    stream, events, stuck, bound = EventStream(kafka), 600, 3, 20
    team = Team(tmp_path, stream, spawn)
    notes, gate = gated(team, stuck)
    stream.publish(event(number) for number in range(1, events + 1))
    options = {"max_uncommitted": bound, "plugins": {"gated": {"concurrency": WORKERS}}}
    behind = {number for number in range(1, events + 1) if number % ENTITIES == stuck}

    # When all others have ended, and the process is killed
    member = team.run(**options)
    wait_until(lambda: set(notes.said("end")) == set(range(1, events + 1)) - behind)
    assert set(notes.said("begin")) & behind == {stuck}
    wait_until(lambda: member.metric("unfinished_events") == len(behind))
    member.process.kill()
    gate.touch()

    # Then the next one runs the stuck one and those behind it, in their order, and hardly any other
    member = team.run(**options).wait_ready()
    wait_until(lambda: set(notes.said("end")) == set(range(1, events + 1)))
    stream.wait_for_no_lag(team.group("gated"))
    assert [number for number in notes.said("end") if number in behind] == sorted(behind)
    assert sum(count - 1 for count in Counter(notes.said("end")).values()) <= bound + WORKERS - 1
    assert member.process.terminate() == 0


def test_kills_and_rebalances_keep_each_entity_in_order_and_repeats_within_the_bound(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    # Given two members on two partitions that are killed in turns
    stream, events, bound, kills = EventStream(kafka, 2), 3_000, 20, 4
    team = Team(tmp_path, stream, spawn)
    notes, _ = gated(team, stuck=0)
    stream.publish(event(number) for number in range(1, events + 1))
    options = {"max_uncommitted": bound, "plugins": {"gated": {"concurrency": WORKERS}}}
    members = [team.run(**options), team.run(**options)]
    for kill in range(1, kills + 1):
        goal = kill * events // (kills + 2)
        wait_until(lambda goal=goal: len(set(notes.said("end"))) > goal)  # type: ignore[misc]
        members[kill % 2].process.kill()
        members[kill % 2] = team.run(**options)
    wait_until(lambda: set(notes.said("end")) == set(range(1, events + 1)))
    stream.wait_for_no_lag(team.group("gated"))

    # Then each event of an entity began for the first time in its order
    firsts: dict[int, list[int]] = defaultdict(list)
    for number in dict.fromkeys(notes.said("begin")):
        firsts[number % ENTITIES].append(number)
    for mine in firsts.values():
        assert mine == sorted(mine)
    repeats = sum(count - 1 for count in Counter(notes.said("end")).values())
    assert repeats <= kills * 2 * (bound + WORKERS - 1)
    assert [member.wait_ready().process.terminate() for member in members] == [0, 0]
