"""What changes under a running producer: it stays up, publishes nothing more, and names the command that decides."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import NewPartitions, NewTopic
from producer_kit import Bench, Running
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_sandbox.site import SandboxSite, SiteOptions

pytestmark = pytest.mark.kafka

COMMAND = "shotgun-producer checkpoint reset --yes"
DENSE = SiteOptions(events=40, writers=1, id_block=1)


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(DENSE) as site:
        yield site


@pytest.fixture
def bench(spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite) -> Bench:
    return Bench(spawn, tmp_path, kafka, site)


@pytest.fixture
def producer(bench: Bench) -> Running:
    """A producer that has published everything and goes on."""
    producer = bench.start()
    bench.wait_for_all()
    return producer


def decision(producer: Running) -> str:
    """What it says is to be decided; it is up, and does not publish."""
    text = producer.wait_for_decision()
    assert COMMAND in text
    assert producer.metric("active") == 0
    assert producer.process.returncode is None
    return text


def delete(kafka: Kafka, topic: str) -> None:
    kafka.admin.delete_topics([topic])[topic].result(PATIENCE)


def make(kafka: Kafka, topic: str) -> None:
    def made() -> bool:
        new = NewTopic(topic, num_partitions=1, replication_factor=1)
        kafka.admin.create_topics([new])[topic].result(PATIENCE)
        return True

    wait_until(made, message="the topic can be made again")


def test_a_topic_that_is_deleted_is_not_made_again(
    bench: Bench, kafka: Kafka, site: SandboxSite, producer: Running
) -> None:
    delete(kafka, bench.topic)
    site.admin.start_generator(rate=20)
    assert "does not exist any more, but events up to" in decision(producer)
    assert bench.topic not in kafka.admin.list_topics(timeout=5).topics

    # And once it was decided, a new topic is made and the stream goes on in it
    site.admin.stop_generator()
    assert bench.command(*COMMAND.split()[1:]).wait() == 0
    wait_until(lambda: producer.metric("active") == 1, message="it goes on")
    wait_until(
        lambda: {int(record.key() or b"") for record in kafka.read(bench.topic)} == bench.visible(),
        message="all is published anew",
    )


def test_a_topic_that_is_made_again_is_not_written(
    bench: Bench, kafka: Kafka, site: SandboxSite, producer: Running
) -> None:
    site.admin.start_generator(rate=40)
    wait_until(lambda: len(bench.published()) > 60, message="events flow")
    delete(kafka, bench.topic)
    make(kafka, bench.topic)
    assert "was deleted and made again" in decision(producer)
    assert kafka.read(bench.topic) == []


def test_more_partitions_are_found_out(
    bench: Bench, kafka: Kafka, site: SandboxSite, producer: Running
) -> None:
    kafka.admin.create_partitions([NewPartitions(bench.topic, 2)])[bench.topic].result(PATIENCE)
    site.admin.add_fault("status", code=500, methods=["read"], times=1)  # else it would be a minute
    assert "had 1 partitions and has 2" in decision(producer)


def test_another_site_at_the_same_address_is_not_published(
    bench: Bench, site: SandboxSite, producer: Running
) -> None:
    port = int(site.url.rpartition(":")[2])
    site.close()
    with SandboxSite(SiteOptions(events=500, writers=1, id_block=1, seed=8, port=port)):
        assert "another site answers at this address" in decision(producer)
    assert sorted(bench.published()) == list(range(1, 41))
    assert producer.process.terminate() == 0


def test_a_site_that_was_restored_is_told_by_its_dates_at_the_start(
    bench: Bench, site: SandboxSite, producer: Running
) -> None:
    assert producer.process.terminate() == 0
    site.admin.reset(21)
    site.admin.write_events(60)
    again = bench.start()
    assert "event 40 was created at" in decision(again)
    assert len(bench.published()) == 40
