"""The control topic on a real Kafka: compaction, empty topics, aborted transactions, news in time."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from support import Kafka, wait_until

from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.errors import StreamError
from shotgun_runtime.kafka import admin
from shotgun_runtime.settings import Settings
from shotgun_runtime.topics import TopicSpec, ensure_topics
from shotgun_schemas.control import encode_value
from shotgun_schemas.topics import CONTROL_SETTINGS

pytestmark = pytest.mark.kafka


@pytest.fixture
def settings(kafka: Kafka) -> Settings:
    name = kafka.topic("control")
    settings = Settings(kafka={"bootstrap_servers": kafka.bootstrap_servers}, stream={"control_topic": name})
    ensure_topics(admin(settings), [TopicSpec(name, 1, CONTROL_SETTINGS)])
    return settings


@pytest.fixture
def writer(settings: Settings) -> Iterator[ControlWriter]:
    writer = ControlWriter(settings)
    yield writer
    writer.close()


@pytest.fixture
def topic(settings: Settings) -> Iterator[ControlTopic]:
    topic = ControlTopic(settings)
    yield topic
    topic.close()


def test_an_empty_topic_is_read_at_once(topic: ControlTopic) -> None:
    topic.read_to_end(60)

    assert dict(topic.records) == {}


def test_everything_written_before_is_known_after_reading_to_the_end(
    topic: ControlTopic, writer: ControlWriter
) -> None:
    for number in range(20):
        writer.put(f"group/g{number % 10}", by="test", reason="", number=number)
    writer.delete("group/g0")

    topic.read_to_end(60)

    assert {key: record.fields["number"] for key, record in topic.items("group/")} == {
        f"group/g{number}": 10 + number for number in range(1, 10)
    }


def test_news_arrive_and_reading_anew_forgets_what_was_taken_back(
    topic: ControlTopic, writer: ControlWriter
) -> None:
    writer.put("hold/g", by="test", reason="upgrade")
    topic.read_to_end(60)
    assert topic.poll() == {}

    writer.put("pause/g", by="test", reason="look")
    news = wait_until(topic.poll, message="the pause arrives")
    assert list(news) == ["pause/g"]

    writer.delete("hold/g")
    topic.read_to_end(60)
    assert list(topic.records) == ["pause/g"]


def test_aborted_records_are_not_seen_and_markers_at_the_end_are_passed(
    kafka: Kafka, settings: Settings, topic: ControlTopic, writer: ControlWriter
) -> None:
    writer.put("pause/kept", by="test", reason="")
    producer = Producer(
        {"bootstrap.servers": kafka.bootstrap_servers, "transactional.id": kafka.topic("tx"), "log_level": 2}
    )
    producer.init_transactions(60)
    for key, end in (
        ("pause/committed", producer.commit_transaction),
        ("pause/aborted", producer.abort_transaction),
    ):
        producer.begin_transaction()
        value = encode_value(by="test", at="", reason="", fields={})
        producer.produce(settings.stream.control_topic, key=key.encode(), value=value)
        producer.flush(60)
        end(60)
    producer.close()

    topic.read_to_end(60)

    assert sorted(topic.records) == ["pause/committed", "pause/kept"]


def test_a_topic_that_is_missing_is_told_by_name(kafka: Kafka) -> None:
    name = kafka.topic("missing")
    settings = Settings(kafka={"bootstrap_servers": kafka.bootstrap_servers}, stream={"control_topic": name})
    topic = ControlTopic(settings)
    writer = ControlWriter(settings, timeout=5)
    try:
        with pytest.raises(StreamError, match=name):
            topic.read_to_end(20)
        with pytest.raises(StreamError, match=f"control record pause/a was not written to {name}"):
            writer.put("pause/a", by="test", reason="")
    finally:
        topic.close()
        writer.close()
