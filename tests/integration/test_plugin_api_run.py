"""Plugins of the new API in the running service."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka

NOTES = """
from shotgun_consumer import on
def note(name, event):
    with open(__file__.replace(".py", f".{name}"), "a", buffering=1) as notes:
        notes.write(f"{event['id']}\\n")
"""


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process]) -> Team:
    return Team(tmp_path, stream, spawn)


def notes(team: Team, plugin: str, name: str) -> list[int]:
    path = team.folder / f"{plugin}.{name}"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_each_function_gets_the_events_that_its_decorators_select(team: Team, stream: EventStream) -> None:
    # Given a plugin that filters by everything there is, and its own script's events among the others
    team.plugin(
        "modern",
        NOTES
        + """
@on("Shotgun_Task_Change", project=71)
def by_id(context): note("by_id", context.event)
@on("Shotgun_Task_Change", project="other")
def by_name(context): note("by_name", context.event)
@on("Shotgun_Task_New", where=lambda event: event["id"] % 4 == 0)
def by_test(context): note("by_test", context.event)
@on("Shotgun_Note_New", ignore_own_events=True)
def not_mine(context): note("not_mine", context.event)
""",
    )
    other = {"type": "Project", "id": 71, "name": "other"}
    stream.publish(event(n, project=other if n % 5 == 0 else event(1).project) for n in range(1, 101))
    stream.publish(event(n, "Shotgun_Task_New") for n in range(101, 201))
    mine = {"type": "ApiUser", "id": 30, "name": "script 1.0"}
    theirs = {"type": "ApiUser", "id": 31, "name": "another 1.0"}
    stream.publish(event(n, "Shotgun_Note_New", user=mine if n % 2 else theirs) for n in range(201, 211))
    # When it runs
    member = team.run()
    wait_until(lambda: len(notes(team, "modern", "not_mine")) >= 5)
    stream.wait_for_no_lag(team.group("modern"))
    # Then each function has been called for its events, in order
    assert notes(team, "modern", "by_id") == notes(team, "modern", "by_name") == list(range(5, 101, 5))
    assert notes(team, "modern", "by_test") == list(range(104, 201, 4))
    # And for those of its own script, which the site cannot be asked for here, not at all
    assert notes(team, "modern", "not_mine") == list(range(202, 211, 2))
    # And what ended as what can be seen
    assert member.metric("events_total", plugin="modern", outcome="succeeded") == 20 + 25 + 5
    assert member.metric("events_total", plugin="modern", outcome="filtered") == 80 + 75 + 5


def test_a_plugin_says_itself_how_many_events_may_run_at_once(team: Team, stream: EventStream) -> None:
    # Given two plugins, each event of which waits for three others
    barrier = """
import threading
AT_ONCE = threading.Barrier(4)
"""
    team.plugin(
        "modern",
        NOTES
        + barrier
        + """
@on(concurrency=4)
def together(context):
    AT_ONCE.wait(60)
    note("together", context.event)
""",
    )
    team.plugin(
        "classic",
        NOTES
        + barrier
        + """
def together(sg, logger, event, args):
    AT_ONCE.wait(60)
    note("together", event)
def registerCallbacks(reg):
    reg.setConcurrency(4)
    reg.registerCallback(None, None, together)
""",
    )
    stream.publish(event(n) for n in range(1, 41))
    # When they run
    team.run()
    # Then none waits in vain
    for plugin in ("modern", "classic"):
        wait_until(lambda plugin=plugin: sorted(notes(team, plugin, "together")) == list(range(1, 41)))  # type: ignore[misc]


def test_async_callbacks_run_side_by_side_and_are_cancelled_when_they_take_too_long(
    team: Team, stream: EventStream
) -> None:
    team.plugin(
        "modern",
        NOTES
        + """
import asyncio
@on("Shotgun_Task_Change", concurrency=4, timeout=0.3, max_attempts=2, on_failure="skip")
async def call(context):
    number = context.event["id"]
    try:
        await asyncio.sleep(60 if number == 3 else 0.01)
    except asyncio.CancelledError:
        note("cancelled", context.event)
        raise
    note("called", context.event)
""",
    )
    stream.publish(event(n) for n in range(1, 41))
    member = team.run()
    stream.wait_for_no_lag(team.group("modern"))
    assert sorted(notes(team, "modern", "called")) == [n for n in range(1, 41) if n != 3]
    assert notes(team, "modern", "cancelled") == [3, 3]
    assert member.metric("events_total", plugin="modern", outcome="succeeded") == 39
    assert member.metric("events_total", plugin="modern", outcome="skipped") == 1
    assert "took longer than 0.3 s, and was cancelled" in member.process.stdout
    assert member.process.terminate() == 0
