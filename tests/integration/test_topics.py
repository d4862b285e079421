"""Topics on a real Kafka: created, checked, told apart."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]
from support import Kafka, wait_until

from shotgun_runtime.errors import KafkaRefusedError
from shotgun_runtime.kafka import admin
from shotgun_runtime.settings import Settings
from shotgun_runtime.topics import TopicSpec, ensure_topics, topic_identity
from shotgun_schemas.topics import CHECKPOINT_SETTINGS, CONTROL_SETTINGS, EVENTS_SETTINGS

pytestmark = pytest.mark.kafka


@pytest.fixture
def client(kafka: Kafka) -> AdminClient:
    return admin(Settings(kafka={"bootstrap_servers": kafka.bootstrap_servers}))


def settings_of(client: AdminClient, name: str) -> Mapping[str, str]:
    resource = ConfigResource(ResourceType.TOPIC, name)
    entries = client.describe_configs([resource])[resource].result(30)
    return {key: entry.value for key, entry in entries.items()}


def test_missing_topics_are_created_with_their_settings(kafka: Kafka, client: AdminClient) -> None:
    events = TopicSpec(kafka.topic("events"), 3, EVENTS_SETTINGS)
    checkpoint = TopicSpec(kafka.topic("checkpoint"), 1, CHECKPOINT_SETTINGS)

    ensure_topics(client, [events, checkpoint])

    for spec in (events, checkpoint):
        found = settings_of(client, spec.name)
        assert {name: found[name] for name in spec.settings} == dict(spec.settings)
        assert topic_identity(client, spec.name).partitions == spec.partitions


def test_asking_again_changes_nothing_and_says_nothing(
    kafka: Kafka, client: AdminClient, caplog: pytest.LogCaptureFixture
) -> None:
    specs = [
        TopicSpec(kafka.topic("events"), 1, EVENTS_SETTINGS),
        TopicSpec(kafka.topic("control"), 1, CONTROL_SETTINGS),
    ]
    ensure_topics(client, specs, 1)
    before = [topic_identity(client, spec.name) for spec in specs]

    caplog.clear()
    with caplog.at_level(logging.INFO):
        ensure_topics(client, specs, 1)

    assert [topic_identity(client, spec.name) for spec in specs] == before
    assert caplog.messages == []


def test_a_harmless_difference_is_a_warning_with_its_consequence(
    kafka: Kafka, client: AdminClient, caplog: pytest.LogCaptureFixture
) -> None:
    kept = {
        **{name.replace(".", "_"): value for name, value in EVENTS_SETTINGS.items()},
        "retention_ms": "604800000",
    }
    name = kafka.create_topic("events", partitions=2, **kept)

    ensure_topics(client, [TopicSpec(name, 1, EVENTS_SETTINGS)])

    assert len(caplog.messages) == 2
    assert "it has 2 partitions, not 1 as configured" in caplog.messages[0]
    assert "retention.ms is 604800000: Kafka deletes older events" in caplog.messages[1]


def test_a_state_topic_that_kafka_would_empty_is_refused_with_the_command_that_mends_it(
    kafka: Kafka, client: AdminClient
) -> None:
    name = kafka.create_topic("checkpoint", cleanup_policy="delete")

    with pytest.raises(KafkaRefusedError) as caught:
        ensure_topics(client, [TopicSpec(name, 1, CHECKPOINT_SETTINGS)])

    assert f"topic {name}: cleanup.policy is delete" in str(caught.value)
    assert f"kafka-configs.sh --bootstrap-server HOST:PORT --alter --topic {name}" in str(caught.value)
    assert "--add-config cleanup.policy=compact" in str(caught.value)


def test_all_refusals_are_told_together(kafka: Kafka, client: AdminClient) -> None:
    small = kafka.create_topic("events", max_message_bytes="1000000")
    many = kafka.create_topic("control", partitions=3, cleanup_policy="compact")

    with pytest.raises(KafkaRefusedError) as caught:
        ensure_topics(client, [TopicSpec(small, 1, EVENTS_SETTINGS), TopicSpec(many, 1, CONTROL_SETTINGS)])

    assert f"topic {small}: max.message.bytes is 1000000" in str(caught.value)
    assert f"topic {many}: it has 3 partitions" in str(caught.value)


def test_more_copies_than_brokers_are_refused_with_the_key_to_change(
    kafka: Kafka, client: AdminClient
) -> None:
    with pytest.raises(KafkaRefusedError, match=r"cannot be created.*stream\.replication_factor"):
        ensure_topics(client, [TopicSpec(kafka.topic("events"), 1, EVENTS_SETTINGS)], 3)


def test_a_topic_that_was_made_again_has_another_id(kafka: Kafka, client: AdminClient) -> None:
    spec = TopicSpec(kafka.topic("events"), 1, EVENTS_SETTINGS)
    ensure_topics(client, [spec])
    first = topic_identity(client, spec.name)

    client.delete_topics([spec.name])[spec.name].result(30)
    wait_until(lambda: spec.name not in client.list_topics(timeout=5).topics, message="the topic is gone")
    ensure_topics(client, [spec])

    assert topic_identity(client, spec.name).topic_id != first.topic_id


def test_the_identity_of_a_topic_that_is_not_there_is_refused(kafka: Kafka, client: AdminClient) -> None:
    with pytest.raises(KafkaRefusedError, match="the topic does not exist"):
        topic_identity(client, kafka.topic("none"))


class MayNotCreate:
    """The real client for a user whom the cluster does not let create topics."""

    def __init__(self, client: AdminClient) -> None:
        self._client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)

    def create_topics(self, topics: Sequence[Any], **_: Any) -> dict[str, Future[None]]:
        futures: dict[str, Future[None]] = {}
        for topic in topics:
            futures[topic.topic] = Future()
            futures[topic.topic].set_exception(
                KafkaException(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
            )
        return futures


def test_who_may_not_create_topics_gets_the_commands_that_do(kafka: Kafka, client: AdminClient) -> None:
    spec = TopicSpec(kafka.topic("checkpoint"), 1, CHECKPOINT_SETTINGS)

    with pytest.raises(KafkaRefusedError) as caught:
        ensure_topics(MayNotCreate(client), [spec], 3)  # type: ignore[arg-type]

    assert f"--create --topic {spec.name} --partitions 1 --replication-factor 3" in str(caught.value)
    assert "--config cleanup.policy=compact" in str(caught.value)
