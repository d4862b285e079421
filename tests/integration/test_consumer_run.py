"""`shotgun-consumer run` on a real Kafka: every callback is called once for every event it wants."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, control_records, event
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process]) -> Iterator[Team]:
    return Team(tmp_path, stream, spawn)


def test_each_callback_gets_each_event_once_in_order_and_lag_ends_at_zero(
    team: Team, stream: EventStream
) -> None:
    # Given two plugins, one of which wants only new tasks, and events written in transactions
    team.note_taker("everything")
    team.note_taker("news", {"Shotgun_Task_New": None})
    stream.publish(
        event(n, "Shotgun_Task_New" if n % 10 == 0 else "Shotgun_Task_Change") for n in range(1, 1201)
    )
    # When they run
    member = team.run()
    # Then each gets what it wants, once and in order
    wait_until(lambda: len(team.notes("everything")) == 1200)
    wait_until(lambda: len(team.notes("news")) == 120)
    assert team.notes("everything") == list(range(1, 1201))
    assert team.notes("news") == list(range(10, 1201, 10))
    # And Kafka counts no lag, although the log ends with a transaction marker
    stream.wait_for_no_lag(team.group("everything"), team.group("news"))
    # And the outcomes add up
    assert member.metric("events_total", plugin="news", outcome="filtered") == 1080
    assert member.metric("events_total", plugin="news", outcome="succeeded") == 120
    assert member.metric("events_delivered_total", plugin="news") == 1200
    # And the stop is clean
    assert member.process.terminate() == 0
    assert "Traceback" not in member.process.stdout


def test_a_restart_goes_on_where_the_stop_was(team: Team, stream: EventStream) -> None:
    team.note_taker("everything")
    stream.publish(event(n) for n in range(1, 301))
    first = team.run()
    wait_until(lambda: len(team.notes("everything")) >= 100)
    assert first.process.terminate() == 0
    stream.publish(event(n) for n in range(301, 401))
    team.run()
    wait_until(lambda: len(team.notes("everything")) >= 400)
    stream.wait_for_no_lag(team.group("everything"))
    assert team.notes("everything") == list(range(1, 401))


def test_a_new_event_arrives_and_leaves_a_witness(team: Team, stream: EventStream, kafka: Kafka) -> None:
    team.note_taker("everything")
    member = team.run(start="latest").wait_ready()
    stream.publish([event(7)])
    wait_until(lambda: team.notes("everything") == [7])
    member.process.terminate()
    witness = control_records(kafka, stream.control_topic)[f"group/{team.group('everything')}"]
    assert witness["partitions"] == 1
    assert witness["topic_id"]
