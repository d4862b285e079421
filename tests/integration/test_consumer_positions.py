"""Where a group begins, and that it never guesses when its position is lost."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from consumer_support import EventStream, Team, control_records, event
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_consumer.positions import positions
from shotgun_consumer.positions.positions import bounds
from shotgun_sandbox.broker import Broker
from shotgun_schemas.topics import EVENTS_SETTINGS

pytestmark = pytest.mark.kafka


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process]) -> Team:
    team = Team(tmp_path, stream, spawn)
    team.note_taker("everything")
    return team


def rewind(team: Team, *arguments: str) -> subprocess.CompletedProcess[str]:
    return team.command("rewind", *arguments)


def wait_for_witness(team: Team, kafka: Kafka) -> None:
    key = f"group/{team.group('everything')}"
    wait_until(
        lambda: control_records(kafka, team.stream.control_topic).get(key), message="the witness is written"
    )


@pytest.mark.parametrize(
    ("start", "first"),
    [
        ("earliest", 10),
        ("30", 30),
        ("35", 40),
        ("9999", 110),
        ("latest", 110),
        ("2020-01-01", 10),
        ("2099-01-01", 110),
    ],
)
def test_a_new_group_begins_where_the_configuration_says(
    team: Team, stream: EventStream, start: str, first: int
) -> None:
    # Given a stream with the ids 10, 20, .. 100
    stream.publish(event(n) for n in range(10, 101, 10))
    # When a new group begins, and event 110 comes afterwards
    team.run("--start", start).wait_ready()
    stream.publish([event(110)])
    # Then it gets what lies at and behind its start
    wait_until(lambda: 110 in team.notes("everything"))
    assert team.notes("everything") == list(range(first, 111, 10))


def test_a_date_is_that_of_events_also_where_they_were_published_later(
    team: Team, stream: EventStream
) -> None:
    # Given events of long ago, published today: the marker of each transaction is of today
    for number in (1, 2, 3):
        stream.publish_at(event(number), 1_600_000_000 + number * 86_400)
    team.run(start="2020-09-15T18:00:00Z")
    wait_until(lambda: 3 in team.notes("everything"))
    assert team.notes("everything") == [3]


def test_a_new_group_keeps_its_start_even_if_it_ends_before_the_first_event(
    team: Team, stream: EventStream
) -> None:
    first = team.run(start="latest").wait_ready()
    assert first.process.terminate() == 0
    stream.publish([event(1)])
    team.run(start="latest")
    wait_until(lambda: team.notes("everything") == [1])


def test_a_group_without_its_offsets_holds_until_it_is_rewound(
    team: Team, stream: EventStream, kafka: Kafka
) -> None:
    # Given a group that had come to event 3, and whose offsets Kafka has forgotten since
    stream.publish(event(n) for n in range(1, 4))
    member = team.run().wait_ready()
    stream.wait_for_no_lag(team.group("everything"))
    assert member.process.terminate() == 0
    wait_for_witness(team, kafka)
    kafka.admin.delete_consumer_groups([team.group("everything")])[team.group("everything")].result(PATIENCE)
    stream.publish(event(n) for n in range(4, 7))
    # When it starts again
    again = team.run()
    # Then it holds, says so, and names the command
    line = again.process.wait_for_line(r"ERROR.*waits for a decision").string
    assert f"shotgun-consumer rewind {team.group('everything')} --to-event 3" in line
    assert again.get("/readyz")[0] == 503
    wait_until(lambda: again.metric("waiting_for_decision") == 1)
    # And the command makes it go on without a restart
    done = rewind(team, team.group("everything"), "--to-event", "3", "--yes")
    assert done.returncode == 0, done.stderr
    wait_until(lambda: team.notes("everything") == [1, 2, 3, 3, 4, 5, 6])
    wait_until(lambda: again.metric("waiting_for_decision") == 0)


def test_a_group_whose_topic_was_made_anew_holds(team: Team, stream: EventStream, kafka: Kafka) -> None:
    stream.publish(event(n) for n in range(1, 4))
    member = team.run().wait_ready()
    stream.wait_for_no_lag(team.group("everything"))
    assert member.process.terminate() == 0
    wait_for_witness(team, kafka)
    kafka.admin.delete_topics([stream.topic])[stream.topic].result(PATIENCE)
    wait_until(lambda: stream.topic not in kafka.admin.list_topics(timeout=5).topics)
    new = NewTopic(stream.topic, num_partitions=1, replication_factor=1, config=dict(EVENTS_SETTINGS))
    kafka.admin.create_topics([new])[stream.topic].result(PATIENCE)
    again = team.run()
    again.process.wait_for_line(r"ERROR.*was deleted and made anew.*--to-event 3")
    assert rewind(team, team.group("everything"), "--to-earliest", "--yes").returncode == 0
    again.wait_ready()


def test_a_group_behind_the_retention_holds(team: Team, stream: EventStream, kafka: Kafka) -> None:
    stream.publish([event(1)])
    member = team.run().wait_ready()
    stream.wait_for_no_lag(team.group("everything"))
    assert member.process.terminate() == 0
    stream.publish(event(n) for n in range(2, 10))
    end = stream.ends()[0]
    kafka.admin.delete_records([TopicPartition(stream.topic, 0, end)])
    again = team.run()
    again.process.wait_for_line(r"ERROR.*is outside of the log")
    assert team.notes("everything") == [1]


def test_a_kafka_position_without_a_witness_is_gone_on_from(
    team: Team, stream: EventStream, kafka: Kafka
) -> None:
    stream.publish(event(n) for n in range(1, 4))
    team.run().wait_ready()
    stream.wait_for_no_lag(team.group("everything"))
    for_new_control_topic = kafka.topic("control")
    stream.control_topic = for_new_control_topic
    team.run()
    stream.publish([event(4)])
    wait_until(lambda: 4 in team.notes("everything"))
    assert team.notes("everything") == [1, 2, 3, 4]


def test_a_frozen_broker_is_not_taken_for_an_empty_topic(
    own_broker: Callable[..., Broker], monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = own_broker()
    client = AdminClient({"bootstrap.servers": broker.bootstrap_servers, "log_level": 2})
    client.create_topics([NewTopic("events", 1, 1)])["events"].result(PATIENCE)
    assert wait_until(lambda: bounds(client, "events", [0])) == {0: (0, 0)}
    monkeypatch.setattr(positions, "REQUEST_SECONDS", 2.0)
    broker.pause()
    with pytest.raises(KafkaException):
        bounds(client, "events", [0])
    broker.resume()
