"""Async plugins with hundreds of events in flight, on a real Kafka."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

from shotgun_schemas.event import Event

pytestmark = pytest.mark.kafka

AT_ONCE = 300
ENTITIES = 900
NOTES = """
import asyncio, os
from shotgun_consumer import on
NOTES = __file__.replace(".py", ".notes")
def say(what, number):
    with open(NOTES, "a", buffering=1) as notes:
        notes.write(f"{what} {number}\\n")
"""


class Async:
    """An async plugin, which notes the beginning and the end of each event."""

    def __init__(self, team: Team) -> None:
        self._team = team
        self._path = team.folder / "awaited.notes"

    def write(self, body: str, **options: object) -> None:
        """Write the plugin: `body` is what it does with `number`, an event's id, between beginning and end."""
        said = ", ".join(f"{name}={value!r}" for name, value in options.items())
        lines = [f"    {line}" for line in body.strip().splitlines()]
        text = [
            NOTES,
            "RUNNING = set()",
            f"@on('Shotgun_Task_Change', {said})",
            "async def awaited(context):",
            "    number = context.event['id']",
            "    say('begin', number)",
            *lines,
            "    say('end', number)",
        ]
        self._team.plugin("awaited", "\n".join(text))

    def said(self, what: str) -> list[int]:
        lines = self._path.read_text().split("\n")[:-1] if self._path.exists() else []
        return [int(line.split()[1]) for line in lines if line.startswith(what)]

    def assert_each_entity_in_order(self) -> None:
        firsts: dict[int, list[int]] = defaultdict(list)
        for number in dict.fromkeys(self.said("begin")):
            firsts[number % ENTITIES].append(number)
        assert all(mine == sorted(mine) for mine in firsts.values())


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process]) -> Team:
    return Team(tmp_path, stream, spawn)


def changes(first: int, last: int) -> list[Event]:
    return [
        event(number, entity={"type": "Task", "id": number % ENTITIES, "name": "a task"})
        for number in range(first, last + 1)
    ]


def test_hundreds_are_in_flight_and_one_that_fails_holds_up_its_entity_alone(
    team: Team, stream: EventStream
) -> None:
    # Given an event that fails until the events of all other entities have ended, and no event that ends before
    # hundreds are there
    plugin, gate = Async(team), team.folder / "gate"
    plugin.write(
        f"""
RUNNING.add(number)
most = max(globals().get("most", 0), len(RUNNING)); globals()["most"] = most
while globals()["most"] < {AT_ONCE}:
    await asyncio.sleep(0.01)
RUNNING.discard(number)
if number == 7 and not os.path.exists({str(gate)!r}):
    raise ConnectionError("away")
say("attempt", context.attempt)
""",
        concurrency=AT_ONCE,
    )
    events = 3 * ENTITIES
    stream.publish(changes(1, events))
    behind = {number for number in range(1, events + 1) if number % ENTITIES == 7}
    # When it runs
    retry = {"max_attempts": 1_000, "retry_backoff": "100ms", "retry_backoff_max": "200ms"}
    member = team.run(plugins={"awaited": retry})
    wait_until(lambda: set(plugin.said("end")) == set(range(1, events + 1)) - behind)
    assert set(plugin.said("begin")) & behind == {7}
    gate.touch()
    # Then everything has run, once
    stream.wait_for_no_lag(team.group("awaited"))
    assert Counter(plugin.said("end")) == Counter(range(1, events + 1))
    assert max(plugin.said("attempt")) > 1
    plugin.assert_each_entity_in_order()
    assert member.metric("events_total", plugin="awaited", outcome="succeeded") == events
    assert member.process.terminate() == 0


def test_a_kill_repeats_what_ran_and_what_was_unconfirmed_and_nothing_else(
    team: Team, stream: EventStream
) -> None:
    # Given a process that is killed again and again while hundreds are in flight
    plugin, bound, kills, events = Async(team), 20, 3, 6_000
    plugin.write("await asyncio.sleep(0.02 + number % 7 / 100)", concurrency=AT_ONCE)
    stream.publish(changes(1, events))
    for kill in range(1, kills + 1):
        member = team.run(max_uncommitted=bound)
        goal = kill * events // (kills + 2)
        wait_until(lambda goal=goal: len(set(plugin.said("end"))) > goal)  # type: ignore[misc]
        member.process.kill()
    member = team.run(max_uncommitted=bound)
    wait_until(lambda: set(plugin.said("end")) == set(range(1, events + 1)))
    stream.wait_for_no_lag(team.group("awaited"))
    # Then hardly any event has ended twice, and each entity's began in their order
    repeats = sum(count - 1 for count in Counter(plugin.said("end")).values())
    assert repeats <= kills * (bound + AT_ONCE - 1)
    plugin.assert_each_entity_in_order()
    assert member.process.terminate() == 0


def test_a_new_version_takes_over_between_events_and_the_old_loop_ends(
    team: Team, stream: EventStream
) -> None:
    background = """
if "beat" not in globals():
    async def beat():
        say("beats", {version})
        try:
            await asyncio.sleep(3600)
        finally:
            say("over", {version})
    globals()["beat"] = beat
    globals()["task"] = asyncio.create_task(beat())
say("version", {version})
await asyncio.sleep(0.05)
"""
    # Given a version with hundreds in flight, and a task of its own in the background
    plugin = Async(team)
    plugin.write(background.format(version=1), concurrency=AT_ONCE)
    stream.publish(changes(1, 6_000))
    member = team.run()
    wait_until(lambda: len(plugin.said("end")) > AT_ONCE)
    # When the file changes
    plugin.write(background.format(version=2), concurrency=AT_ONCE)
    stream.wait_for_no_lag(team.group("awaited"))
    # Then no event was lost or repeated, and the old one's task has ended before the new one's began
    assert Counter(plugin.said("end")) == Counter(range(1, 6_001))
    assert plugin.said("version") == sorted(plugin.said("version"))
    assert set(plugin.said("version")) == {1, 2}
    lines = (team.folder / "awaited.notes").read_text().splitlines()
    assert [line for line in lines if line.startswith(("beats", "over"))] == [
        "beats 1",
        "over 1",
        "beats 2",
    ]
    assert member.process.terminate() == 0
    assert plugin.said("over") == [1, 2]


def test_a_stop_cancels_what_does_not_end_in_time_and_it_is_run_again(
    team: Team, stream: EventStream
) -> None:
    # Given two events that do not end, one of them not even when it is cancelled
    plugin, gate = Async(team), team.folder / "gate"
    plugin.write(
        f"""
while number in (5, 6) and not os.path.exists({str(gate)!r}):
    try:
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        say("cancelled", number)
        if number == 5:
            raise
""",
        concurrency=AT_ONCE,
        on_failure="dead_letter",
    )
    stream.publish(changes(1, 600))
    member = team.run("--set", "shutdown_timeout=10s")
    wait_until(lambda: len(plugin.said("end")) == 598)
    # When the process is stopped
    assert member.process.terminate() == 0
    assert sorted(plugin.said("cancelled")) == [5, 6]
    assert "goes on, so it is given up" in member.process.stdout
    # Then the next one runs these two, and they are no dead letters
    gate.touch()
    member = team.run()
    stream.wait_for_no_lag(team.group("awaited"))
    assert Counter(plugin.said("end")) == Counter(range(1, 601))
    assert member.metric("events_total", plugin="awaited", outcome="succeeded") == 2
    assert member.process.terminate() == 0
