"""A consumer that is killed loses no event, and repeats no more than what was not yet committed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka


@pytest.mark.parametrize(("max_uncommitted", "partitions"), [(1, 1), (20, 2)])
def test_kills_lose_nothing_and_repeat_at_most_what_was_uncommitted(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process], max_uncommitted: int, partitions: int
) -> None:
    # Given a stream of events and a plugin that takes a millisecond for each
    stream, kills, events = EventStream(kafka, partitions), 3, 1500
    team = Team(tmp_path, stream, spawn)
    team.note_taker("everything", work=0.001)
    stream.publish(event(n) for n in range(1, events + 1))
    # When the consumer is killed again and again in the middle of its work
    for kill in range(1, kills + 1):
        member = team.run(max_uncommitted=max_uncommitted)
        wait_until(lambda kill=kill: len(team.counts("everything")) > kill * events // (kills + 2))  # type: ignore[misc]
        member.process.kill()
        assert len(team.counts("everything")) < events
    team.run(max_uncommitted=max_uncommitted)
    # Then every event was run, and repeats stay within the bound
    wait_until(lambda: len(team.counts("everything")) == events)
    stream.wait_for_no_lag(team.group("everything"))
    counts = team.counts("everything")
    assert set(counts) == set(range(1, events + 1))
    assert sum(counts.values()) - events <= kills * max_uncommitted


def test_a_broker_restart_in_the_middle_is_said_once_and_loses_nothing(
    tmp_path: Path, own_broker: Callable[..., object], spawn: Callable[..., Process]
) -> None:
    broker = own_broker(tmp_path / "broker")
    stream = EventStream(Kafka(broker))  # type: ignore[arg-type]
    team = Team(tmp_path, stream, spawn)
    team.note_taker("everything", work=0.002)
    stream.publish(event(n) for n in range(1, 1001))
    member = team.run(max_uncommitted=10)
    wait_until(lambda: len(team.notes("everything")) > 100)
    broker.kill()  # type: ignore[attr-defined]
    member.process.wait_for_line("is not available")
    assert member.get("/healthz")[0] == 200
    broker.restart()  # type: ignore[attr-defined]
    member.process.wait_for_line("is back after")
    wait_until(lambda: len(team.counts("everything")) == 1000)
    stream.wait_for_no_lag(team.group("everything"))
    assert sum(team.counts("everything").values()) - 1000 <= 10
    assert member.process.stdout.count("Kafka at") == 2
    assert member.process.terminate() == 0


def test_a_consumer_waits_for_a_broker_and_for_the_topic(
    tmp_path: Path, own_broker: Callable[..., object], spawn: Callable[..., Process]
) -> None:
    # Given a broker that has stopped, with the topic on its disk
    broker = own_broker(tmp_path / "broker")
    stream = EventStream(Kafka(broker))  # type: ignore[arg-type]
    stream.publish([event(1)])
    team = Team(tmp_path, stream, spawn)
    team.note_taker("everything")
    broker.kill()  # type: ignore[attr-defined]
    # When the consumer starts
    member = team.run()
    member.process.wait_for_line("Kafka is not available")
    assert member.get("/readyz")[0] == 503
    assert member.get("/healthz")[0] == 200
    # Then it begins as soon as the broker is there
    broker.restart()  # type: ignore[attr-defined]
    wait_until(lambda: team.notes("everything") == [1])
