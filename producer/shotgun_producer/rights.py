"""What the producer's Kafka user must be allowed to do, by name. Pure."""

from __future__ import annotations

from shotgun_runtime import kafka_rights
from shotgun_runtime.kafka import READER_GROUP
from shotgun_runtime.kafka_rights import Right
from shotgun_runtime.settings import KafkaSettings, Settings
from shotgun_runtime.stream_topics import stream_topics

from .election import group_of, transactional_id_of


def topic_rights(settings: Settings) -> tuple[Right, ...]:
    """What is needed on topics that are there."""
    return tuple(Right("topic", spec.name, ("Read", "Write")) for spec in stream_topics(settings.stream))


def group_rights(settings: Settings) -> tuple[Right, ...]:
    """What is needed on consumer groups: those of the election, and of all readers that only assign."""
    return (
        Right("group", group_of(settings), ("Read",)),
        Right("group", READER_GROUP, ("Describe",)),
    )


def transaction_right(settings: Settings) -> Right:
    """What is needed to publish in transactions."""
    return Right("transactional-id", transactional_id_of(settings), ("Write",))


def principal_of(kafka: KafkaSettings) -> str | None:
    """The producer's user as the brokers name it; see `kafka_rights.principal_of`."""
    return kafka_rights.principal_of({**kafka.properties, **kafka.producer_properties})
