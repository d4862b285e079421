"""What the audit knows of the topic: all that is committed, also where times mislead or Kafka has deleted."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer, TopicPartition
from support import PATIENCE, Kafka, wait_until

from shotgun_producer.audit.id_set import IdSet, ids_of
from shotgun_producer.audit.topic_index import TopicIndex
from shotgun_producer.log_reader import LogReader
from shotgun_runtime.settings import Settings

pytestmark = pytest.mark.kafka

NOW = 1_750_000_000.0


@pytest.fixture
def reader(kafka: Kafka) -> Iterator[LogReader]:
    reader = LogReader.open(Settings(kafka={"bootstrap_servers": kafka.bootstrap_servers}), threading.Event())
    yield reader
    reader.close()


def write(kafka: Kafka, topic: str, times: dict[int, float], partitions: int = 2) -> None:
    """A record for each id, with its time, in the order given."""
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers})
    for number, moment in times.items():
        producer.produce(
            topic, b"v", str(number).encode(), partition=number % partitions, timestamp=int(moment * 1000)
        )
    assert producer.flush(PATIENCE) == 0


def known(ids: IdSet) -> list[int]:
    return list(ids_of(ids.bits(1, 999), 1))


def index_of(topic: str) -> tuple[TopicIndex, IdSet]:
    ids = IdSet()
    return TopicIndex(topic, 2, ids, threading.Event()), ids


def test_it_begins_at_a_time_reads_on_and_completes_itself(kafka: Kafka, reader: LogReader) -> None:
    topic = kafka.create_topic("events", 2, message_timestamp_before_max_ms=str(2**63 - 1))
    write(kafka, topic, {number: NOW + number for number in range(1, 11)})
    index, ids = index_of(topic)
    assert not index.has_begun
    index.begin(reader, NOW + 7)
    index.read_on(reader)
    assert known(ids) == [7, 8, 9, 10]

    write(kafka, topic, {11: NOW - 500, 12: NOW + 12})
    index.read_on(reader)
    assert known(ids) == [7, 8, 9, 10, 11, 12]

    assert index.complete(reader)
    assert known(ids) == list(range(1, 13))
    assert not index.complete(reader)
    assert index.cut(reader) == 0


def test_it_begins_at_the_end_when_nothing_is_as_young(kafka: Kafka, reader: LogReader) -> None:
    topic = kafka.create_topic("events", 2, message_timestamp_before_max_ms=str(2**63 - 1))
    write(kafka, topic, {1: NOW, 2: NOW})
    index, ids = index_of(topic)
    index.begin(reader, NOW + 10)
    write(kafka, topic, {3: NOW - 10})
    index.read_on(reader)
    assert known(ids) == [3]


def test_what_kafka_has_deleted_lies_below_the_cut(kafka: Kafka, reader: LogReader) -> None:
    topic = kafka.create_topic("events", 2)
    write(kafka, topic, {number: NOW + number for number in (3, 9, 1, 5, 12, 11, 2, 4)})
    index, ids = index_of(topic)
    index.begin(reader, NOW)
    (deleted,) = kafka.admin.delete_records([TopicPartition(topic, 1, 2)]).values()
    deleted.result(PATIENCE)
    wait_until(lambda: reader.first_offset(topic, 1) == 2)
    index.read_on(reader)
    assert known(ids) == [1, 2, 4, 5, 11, 12]
    # 3 and 9 are gone from the second partition, where 1, 5 and 11 are left.
    assert index.cut(reader) == 11
