"""The control topic is read although its leader has just moved, as after each restart of a broker."""

from __future__ import annotations

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from shotgun_runtime.control import ControlTopic
from shotgun_runtime.errors import StreamError
from shotgun_runtime.settings import Settings


class Moving:
    """A consumer for which the leader is found at the last of some tries."""

    def __init__(self, *codes: int) -> None:
        self._codes = list(codes)

    def get_watermark_offsets(self, _partition: TopicPartition, timeout: float) -> tuple[int, int]:
        assert timeout >= 0
        if self._codes:
            raise KafkaException(KafkaError(self._codes.pop(0)))
        return 0, 0

    def assign(self, partitions: list[TopicPartition]) -> None:
        """Nothing is read."""

    def close(self) -> None:
        """Nothing is held."""


def reader(consumer: Moving) -> ControlTopic:
    made = ControlTopic(Settings.model_validate({"kafka": {"bootstrap_servers": "127.0.0.1:9"}}))
    made.close()
    made._consumer = consumer  # type: ignore[assignment]
    return made


def test_a_leader_that_has_moved_is_asked_for_again() -> None:
    moving = Moving(KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE)
    topic = reader(moving)
    topic.read_to_end(30)
    assert topic.is_complete


def test_what_does_not_pass_is_said_at_once() -> None:
    with pytest.raises(StreamError, match=r"cannot be read: the topic does not exist"):
        reader(Moving(KafkaError.UNKNOWN_TOPIC_OR_PART)).read_to_end(30)


def test_a_leader_that_does_not_come_is_not_waited_for_longer_than_asked() -> None:
    with pytest.raises(StreamError, match="NOT_LEADER_FOR_PARTITION"):
        reader(Moving(*[KafkaError.NOT_LEADER_FOR_PARTITION] * 1000)).read_to_end(0.3)
