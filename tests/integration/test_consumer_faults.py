"""Faults that other frameworks were shipped with, as they would show here: events left out, positions that lie."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

from shotgun_consumer.positions.marks import Marks, encode_marks
from shotgun_sandbox.broker import Broker

pytestmark = pytest.mark.kafka

ENDS_BADLY = """
    import asyncio, os, time
    from shotgun_consumer import on

    def say(what, number):
        with open({path!r}, "a", buffering=1) as notes:
            notes.write("%s %d\\n" % (what, number))

    def is_shut():
        return not os.path.exists({gate!r})
"""
TIMES_OUT = """
    @on(max_attempts=2, on_failure="pause")
    {define} work(context):
        number = context.event["id"]
        say("begun", number)
        if number == 1:
            while is_shut():
                {wait}
            raise TimeoutError("the callback's own")
"""
FAILS_ON = """
    def registerCallbacks(reg):
        reg.registerCallback(None, None, work)
    def work(sg, logger, event, args):
        say("begun", event["id"])
        if event["id"] == {failing} and is_shut():
            raise ValueError("not now")
"""


def lines(team: Team, name: str) -> list[str]:
    path = team.folder / f"{name}.notes"
    return path.read_text().splitlines() if path.exists() else []


def write(team: Team, name: str, text: str) -> Path:
    """Write a plugin that says what it gets, and has a gate."""
    gate = team.folder / f"{name}.gate"
    head = ENDS_BADLY.format(path=str(team.folder / f"{name}.notes"), gate=str(gate))
    team.plugin(name, head + text)
    return gate


def test_a_time_out_that_a_callback_raises_during_the_stop_is_a_failure_and_no_reason_to_pass_the_event_over(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    """Whether a callback has ended must not be told from the class of what it raises: waiting times out, too."""
    # Given callbacks of both kinds that run while the stop begins
    team = Team(tmp_path, EventStream(kafka), spawn)
    gates = [
        write(team, "plain", TIMES_OUT.format(define="def", wait="time.sleep(0.01)")),
        write(team, "awaiting", TIMES_OUT.format(define="async def", wait="await asyncio.sleep(0.01)")),
    ]
    team.stream.publish(event(number) for number in (1, 2))
    member = team.run()
    for name in ("plain", "awaiting"):
        wait_until(lambda name=name: lines(team, name) == ["begun 1"])  # type: ignore[misc]
    # When they raise in the middle of it
    member.process.signal(signal.SIGTERM)
    member.process.wait_for_line("Stopping")
    for gate in gates:
        gate.touch()
    assert member.process.wait() == 0
    # Then their events have not ended, and are what comes first
    for name in ("plain", "awaiting"):
        assert team.stream.committed(team.group(name))[0] <= 0
    team.run()
    for name in ("plain", "awaiting"):
        wait_until(lambda name=name: lines(team, name).count("begun 1") >= 2)  # type: ignore[misc]
        assert "begun 2" not in lines(team, name)


def test_what_other_partitions_acknowledge_moves_no_partition_past_its_failed_event(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    """A commit names the partitions whose events ended. One without names would commit all that was read."""
    # Given an event that fails for ever in one partition of two
    team = Team(tmp_path, EventStream(kafka, 2), spawn)
    gate = write(team, "some", FAILS_ON.format(failing=1))
    team.stream.publish(event(number) for number in range(1, 201))
    member = team.run()
    # When all events of the other one have ended
    wait_until(lambda: team.stream.committed(team.group("some"))[0] == team.stream.ends()[0])
    # Then the position of the first is at that event, after the stop, too
    assert member.process.terminate() == 0
    assert team.stream.committed(team.group("some"))[1] <= 0
    assert "begun 3" not in lines(team, "some")
    gate.touch()
    team.run()
    wait_until(lambda: set(lines(team, "some")) == {f"begun {number}" for number in range(1, 201)})


def test_marks_that_cannot_be_read_cost_repeats_and_no_event(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    """Foreign marks, marks that were cut off, those of a later version, and none: all as if nothing had ended ahead."""
    ours = encode_marks(4, Marks(9, (6,)))
    given = ["", "bAAAAQ==", ours[:-3], ours.replace("ss1:", "ss2:"), ours]
    team = Team(tmp_path, EventStream(kafka, len(given)), spawn)
    team.note_taker("everything")
    team.stream.publish(event(number) for number in range(100, 200))
    for partition, metadata in enumerate(given):
        team.stream.set_position(team.group("everything"), 4, metadata, partition)
    team.run()
    team.stream.wait_for_no_lag(team.group("everything"))
    for partition, metadata in enumerate(given):
        numbers = [100 + partition + offset * len(given) for offset in range(20)]
        skipped = (5, 7, 8, 9) if metadata == ours else ()
        expected = [numbers[offset] for offset in range(4, 20) if offset not in skipped]
        assert [number for number in team.notes("everything") if number in numbers] == expected


def test_an_event_that_fails_for_ever_under_load_ends_the_reading_and_not_the_memory(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    """With the bound on what is queued reached, nothing more is fetched."""
    # Given 60 MB of events behind one that is tried again and again
    stream = EventStream(kafka)
    team = Team(tmp_path, stream, spawn)
    gate = write(team, "some", FAILS_ON.format(failing=1))
    text = {"text": "x" * 200_000}
    stream.publish((event(number, meta=text) for number in range(1, 301)), page=50)
    options = {
        "plugins": {"some": {"max_attempts": 10_000, "retry_backoff": "10ms", "retry_backoff_max": "10ms"}}
    }
    member = team.run(**options).wait_ready()
    # When it has been tried often, while there is all the time to read on
    wait_until(lambda: member.metric("unfinished_events", plugin="some") >= 40)
    tries = member.metric("retries_total", plugin="some")
    wait_until(lambda: member.metric("retries_total", plugin="some") >= tries + 300)
    # Then no more was read than the bounds say: 8 MB that wait, what came with the last of them, and what is prefetched
    assert member.metric("unfinished_events", plugin="some") <= 250
    assert member.metric("kafka_received_bytes_total", plugin="some") <= 40e6
    # And it all comes when the event ends
    gate.touch()
    wait_until(lambda: len(set(lines(team, "some"))) == 300)
    stream.wait_for_no_lag(team.group("some"))


def test_a_partition_with_a_backlog_does_not_keep_the_events_of_another_waiting(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    """What comes to an idle partition waits for what was read ahead of another one, not for its backlog."""
    # Given a partition with a long backlog, which is worked at
    stream, backlog = EventStream(kafka, 2), 6_000
    team = Team(tmp_path, stream, spawn)
    team.note_taker("busy", work=0.03)
    stream.publish(event(2 * number) for number in range(1, backlog + 1))
    team.run()
    wait_until(lambda: len(team.notes("busy")) > 100)
    # When an event comes to the other one
    stream.publish([event(1)])
    published_at = len(team.notes("busy"))
    wait_until(lambda: 1 in team.notes("busy"))
    # Then it does not wait for the end of the backlog
    waited = team.notes("busy").index(1) - published_at
    assert waited < backlog / 2


def test_holes_that_compaction_left_stop_nothing_and_hide_nothing(
    tmp_path: Path, own_broker: Callable[..., Broker], spawn: Callable[..., Process]
) -> None:
    """The watermark is the smallest unfinished offset, never the next number; unfinished marks may be gone, too."""
    # Given a topic of which every second record has been compacted away
    kafka = Kafka(own_broker(properties={"log.cleaner.backoff.ms": "100"}))
    stream = EventStream(kafka)
    stream.topic = kafka.create_topic(
        "compacted", cleanup_policy="compact", segment_ms="100", min_cleanable_dirty_ratio="0.01"
    )
    stream.publish(event(number) for number in range(100))
    again = [event(number) for number in range(0, 100, 2)]
    stream.publish(again)

    def left() -> list[int]:
        stream.publish([event(1_000)])  # a segment ends when something is written after its time
        return [record.offset() or 0 for record in kafka.read(stream.topic)]

    wait_until(lambda: 10 < sum(offset < 100 for offset in left()) <= 50)
    # When two groups go on in the middle of it, one with marks of events that are gone and of such that are not
    team = Team(tmp_path, stream, spawn)
    for name in ("in_order", "side_by_side"):
        team.note_taker(name)
        marks = encode_marks(11, Marks(top=40, unfinished=(12, 13, 20, 39)))
        stream.set_position(team.group(name), 11, marks)
    team.run(plugins={"side*": {"concurrency": 4}})
    # Then each gets all that is left and had not ended, and comes to the end
    for name in ("in_order", "side_by_side"):
        stream.wait_for_no_lag(team.group(name))
        assert {number for number in team.notes(name) if number % 2} == {11, 13, 39, *range(41, 100, 2)}
        assert {number for number in team.notes(name) if not number % 2} == {*range(0, 100, 2), 1_000}
