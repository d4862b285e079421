"""Groups do not wait for each other, and members of one group share its partitions."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka

STUCK = """
    import threading
    def registerCallbacks(reg):
        reg.registerCallback(None, None, wait)
    def wait(sg, logger, event, args):
        threading.Event().wait()
"""
FAILING = """
    def registerCallbacks(reg):
        reg.registerCallback(None, None, first)
        reg.registerCallback(None, None, fail, stopOnError={stop})
        reg.registerCallback(None, None, note)
    def first(sg, logger, event, args):
        event["seen"] = True
    def fail(sg, logger, event, args):
        if event["id"] == 4:
            raise {error}
    def note(sg, logger, event, args):
        # When event 4 is tried again, its first callback has ended and is not called.
        assert "seen" in event or event["id"] == 4
        with open({path!r}, "a") as notes:
            notes.write("%s\\n" % event["id"])
"""


def test_a_stuck_plugin_holds_up_no_other_one_and_does_not_keep_the_process(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    stream = EventStream(kafka)
    team = Team(tmp_path, stream, spawn)
    team.plugin("stuck", STUCK)
    team.note_taker("everything")
    stream.publish(event(n) for n in range(1, 1501))
    member = team.run("--set", "shutdown_timeout=1s")
    wait_until(lambda: len(team.notes("everything")) == 1500)
    stream.wait_for_no_lag(team.group("everything"))
    assert stream.committed(team.group("stuck")) == {0: 0}
    assert member.wait_ready().get("/healthz")[0] == 200
    wait_until(lambda: member.metric("oldest_unfinished_seconds", plugin="stuck") > 0)
    assert member.process.terminate() == 0
    assert "1 event still running, not waited for" in member.process.stdout


@pytest.mark.parametrize("error", ["ValueError('no')", "SystemExit(2)", "KeyboardInterrupt()"])
def test_a_failure_stops_the_plugin_at_the_event_until_a_restart(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process], error: str
) -> None:
    stream = EventStream(kafka)
    team = Team(tmp_path, stream, spawn)
    path = str(team.folder / "failing.notes")
    team.plugin("failing", FAILING.format(stop=True, error=error, path=path))
    team.note_taker("everything")
    stream.publish(event(n) for n in range(1, 21))
    # When a callback fails on event 4
    member = team.run()
    member.process.wait_for_line(r"callback 'fail' failed on event 4 .*stays at this event")
    wait_until(lambda: len(team.notes("everything")) == 20)
    wait_until(lambda: member.metric("paused", plugin="failing") == 1)
    # Then nothing behind it was run, also not by its later callbacks
    assert team.notes("failing") == [1, 2, 3]
    assert "Traceback" in member.process.stdout
    assert member.metric("callback_failures_total", plugin="failing", callback="fail") == 1
    assert member.process.terminate() == 0
    assert stream.committed(team.group("failing")) == {0: 3}
    # And once it is mended, it goes on with that event
    team.plugin(
        "failing",
        FAILING.format(stop=True, error="None if True else None", path=path).replace("raise", "pass;"),
    )
    team.run()
    wait_until(lambda: team.notes("failing") == list(range(1, 21)))


def test_without_stop_on_error_a_failure_is_counted_and_the_plugin_goes_on(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    stream = EventStream(kafka)
    team = Team(tmp_path, stream, spawn)
    path = str(team.folder / "failing.notes")
    team.plugin("failing", FAILING.format(stop=False, error="ValueError('no')", path=path))
    stream.publish(event(n) for n in range(1, 21))
    member = team.run()
    wait_until(lambda: len(team.notes("failing")) == 20)
    stream.wait_for_no_lag(team.group("failing"))
    assert member.metric("events_total", plugin="failing", outcome="skipped") == 1
    assert member.metric("events_total", plugin="failing", outcome="succeeded") == 19


def test_two_members_share_a_group_and_each_event_runs_once(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    # Given a topic with two partitions, and one member that has begun
    stream = EventStream(kafka, partitions=2)
    team = Team(tmp_path, stream, spawn)
    team.note_taker("everything", work=0.002)
    stream.publish(event(n) for n in range(1, 1001))
    first = team.run().wait_ready()
    wait_until(lambda: len(team.notes("everything")) > 50)
    # When another one joins in the middle
    second = team.run().wait_ready()
    wait_until(lambda: second.metric("assigned_partitions") == 1)
    stream.publish(event(n) for n in range(1001, 1101))
    # Then they share the partitions, and the orderly hand-over repeats nothing
    wait_until(lambda: len(team.counts("everything")) == 1100)
    stream.wait_for_no_lag(team.group("everything"))
    assert first.metric("assigned_partitions") == 1
    assert second.metric("events_total", outcome="succeeded") > 0
    assert sum(team.counts("everything").values()) == 1100
    # And when one leaves, the other takes over
    assert first.process.terminate() == 0
    wait_until(lambda: second.metric("assigned_partitions") == 2)
    stream.publish(event(n) for n in range(1101, 1201))
    wait_until(lambda: len(team.counts("everything")) == 1200)
    assert sum(team.counts("everything").values()) == 1200


def test_a_member_without_a_partition_is_ready_all_the_same(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    team = Team(tmp_path, EventStream(kafka), spawn)
    team.note_taker("everything")
    team.run().wait_ready()
    second = team.run().wait_ready()
    assert second.get("/readyz") == (200, "ready\n")


def test_an_event_that_cannot_be_read_stops_its_plugin_and_is_never_passed_over(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    stream = EventStream(kafka)
    team = Team(tmp_path, stream, spawn)
    team.note_taker("everything")
    stream.publish([event(1)])
    stream.publish_raw(2, b"no event at all", [])
    stream.publish([event(3)])
    member = team.run()
    line = member.process.wait_for_line(rf"ERROR.*{stream.topic}\[0\] offset 2: ").string
    assert "stays at this event" in line
    wait_until(lambda: stream.committed(team.group("everything")) == {0: 2})
    assert team.notes("everything") == [1]
    wait_until(lambda: member.wait_ready().metric("paused") == 1)


def test_backfilled_events_are_filtered_unless_a_plugin_asks_for_them(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]
) -> None:
    stream = EventStream(kafka)
    team = Team(tmp_path, stream, spawn)
    team.note_taker("news")
    team.note_taker("history")
    stream.publish([event(1)])
    stream.publish([event(2), event(3)], backfill="job")
    stream.publish([event(4)])
    member = team.run(plugins={"hist*": {"backfill": "deliver"}})
    wait_until(lambda: team.notes("history") == [1, 2, 3, 4])
    wait_until(lambda: team.notes("news") == [1, 4])
    assert member.metric("events_total", plugin="news", outcome="filtered") == 2
