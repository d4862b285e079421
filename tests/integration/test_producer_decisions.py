"""Where a stream begins, and when it stays up, publishes nothing and says which command decides."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Producer
from producer_kit import Bench, Running
from support import Kafka, Process, wait_until

from shotgun_sandbox.site import SandboxSite, SiteOptions

pytestmark = pytest.mark.kafka

COMMAND = "shotgun-producer checkpoint reset --yes"


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=40, writers=1, id_block=1)) as site:
        yield site


@pytest.fixture
def bench(spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite) -> Bench:
    return Bench(spawn, tmp_path, kafka, site)


def publish_and_stop(bench: Bench) -> None:
    producer = bench.start()
    bench.wait_for_all()
    assert producer.process.terminate() == 0


def decide(bench: Bench) -> None:
    """Runs the command that the producer names."""
    assert bench.command(*COMMAND.split()[1:]).wait() == 0


def goes_on(producer: Running, bench: Bench, ids: set[int]) -> None:
    wait_until(lambda: ids <= set(bench.published()), message="it goes on after the decision")
    assert producer.readiness() == "ready"
    assert producer.metric("waiting_for_decision") == 0


def test_latest_publishes_what_is_new_and_what_was_missing(bench: Bench, site: SandboxSite) -> None:
    bench.values["producer"]["start"] = "latest"
    missing = site.admin.open_transaction(2)
    site.admin.write_events(3)
    before = bench.visible()
    bench.start().wait_active()
    new = site.admin.write_events(4)
    site.admin.commit(missing)
    wait_until(lambda: set(bench.published()) == {*new, *missing.ids})
    assert not set(bench.published()) & before


def test_an_id_is_the_first_that_is_published(bench: Bench) -> None:
    bench.values["producer"]["start"] = 25
    bench.start().wait_active()
    wait_until(lambda: bench.published() == list(range(25, 41)))


def test_an_id_that_the_site_has_not_reached_is_refused(bench: Bench) -> None:
    bench.values["producer"]["start"] = 1_000_000
    process = bench.command("run")
    assert process.wait() == 2
    assert "the newest event of the site is 40" in process.stderr


def test_an_empty_site_is_followed_from_its_first_event(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite() as site:
        bench = Bench(spawn, tmp_path, kafka, site, start="latest")
        bench.start().wait_active()
        site.admin.write_events(5)
        bench.wait_for_all()


def test_the_start_position_counts_only_once(bench: Bench) -> None:
    publish_and_stop(bench)
    bench.values["producer"]["start"] = 10
    producer = bench.start()
    producer.wait_active()
    polls = producer.metric("polls_total")
    wait_until(lambda: producer.metric("polls_total") > polls + 5)
    assert sorted(bench.published()) == sorted(bench.visible())


def test_a_lost_checkpoint_needs_a_decision(bench: Bench, kafka: Kafka, site: SandboxSite) -> None:
    # Given a stream whose checkpoint topic was deleted
    publish_and_stop(bench)
    kafka.admin.delete_topics([bench.checkpoint_topic])[bench.checkpoint_topic].result(30)

    # When a producer starts
    new = site.admin.write_events(2)
    producer = bench.start()

    # Then it publishes nothing and names the command
    assert COMMAND in producer.wait_for_decision()
    assert len(bench.published()) == 40

    # And goes on by itself once that was run
    bench.values["producer"]["start"] = "earliest"
    decide(bench)
    goes_on(producer, bench, set(new))


def test_a_topic_that_was_made_again_needs_a_decision(bench: Bench, kafka: Kafka) -> None:
    publish_and_stop(bench)
    kafka.admin.delete_topics([bench.topic])[bench.topic].result(30)
    wait_until(lambda: bench.topic not in kafka.admin.list_topics(timeout=5).topics)
    producer = bench.start()
    assert "was deleted and made again" in producer.wait_for_decision()
    assert producer.metric("events_published_total") == 0


def test_more_partitions_need_a_decision(bench: Bench, kafka: Kafka) -> None:
    from confluent_kafka.admin import NewPartitions

    publish_and_stop(bench)
    kafka.admin.create_partitions([NewPartitions(bench.topic, 2)])[bench.topic].result(30)
    wait_until(lambda: len(kafka.admin.list_topics(timeout=5).topics[bench.topic].partitions) == 2)
    producer = bench.start()
    assert "had 1 partitions and has 2" in producer.wait_for_decision()


def test_another_site_needs_a_decision(bench: Bench) -> None:
    publish_and_stop(bench)
    with SandboxSite(SiteOptions(events=10)) as other:
        bench.values["shotgun"]["url"] = other.url
        producer = bench.start()
        assert other.url in producer.wait_for_decision()
        assert len(bench.published()) == 40


def test_a_site_restored_from_a_backup_needs_a_decision(bench: Bench, site: SandboxSite) -> None:
    publish_and_stop(bench)
    site.admin.reset(21)
    producer = bench.start()
    assert "the newest event of the site is 20, but 40 was read before" in producer.wait_for_decision()

    new = site.admin.write_events(3)
    bench.values["producer"]["start"] = 21
    publish_before = len(bench.published())
    decide(bench)
    # The deciding command had its configuration; the waiting producer still has the one it was started with.
    producer.process.terminate()
    bench.start()
    wait_until(lambda: len(bench.published()) > publish_before)
    assert set(new) <= set(bench.published())


def test_events_archived_before_they_were_read_need_a_decision(bench: Bench, site: SandboxSite) -> None:
    publish_and_stop(bench)
    site.admin.write_events(20)
    site.admin.hide_below(50)
    producer = bench.start()
    assert "the oldest event of the site is 50" in producer.wait_for_decision()
    assert len(bench.published()) == 40


def test_a_reset_is_refused_while_a_producer_is_active(bench: Bench) -> None:
    producer = bench.start()
    bench.wait_for_all()
    command = bench.command("checkpoint", "reset", "--yes")
    assert command.wait() == 1
    assert "a producer is active" in command.stderr
    assert producer.metric("active") == 1
    assert producer.metric("elections_total") == 1


def test_a_reset_says_first_what_it_would_do(bench: Bench) -> None:
    publish_and_stop(bench)
    command = bench.command("checkpoint", "reset")
    assert command.wait() == 5
    assert "up to event 40" in command.stdout
    assert json.loads(shown(bench))["head"] == 40


def test_the_checkpoint_can_be_shown(bench: Bench, site: SandboxSite) -> None:
    site.admin.open_transaction(1)
    site.admin.write_events(1)
    publish_and_stop(bench)
    found = json.loads(shown(bench))
    assert (found["head"], found["site"], found["topic"]) == (42, site.url, bench.topic)
    assert [(hole["first"], hole["last"]) for hole in found["holes"]] == [(41, 41)]


def test_without_a_checkpoint_that_is_what_is_shown(bench: Bench) -> None:
    bench.values["stream"]["checkpoint_topic"] = bench.kafka.create_topic("checkpoint")
    assert shown(bench).strip() == "{}"


def test_events_without_a_checkpoint_that_covers_them_count_as_published(
    bench: Bench, kafka: Kafka, site: SandboxSite
) -> None:
    # Given an event in the topic that the checkpoint does not know, as a torn transaction leaves it
    publish_and_stop(bench)
    torn, following = site.admin.write_events(2)
    writer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 2})
    writer.produce(bench.topic, b"torn", str(torn).encode())
    assert writer.flush(30) == 0

    # When the producer starts
    producer = bench.start()

    # Then it is found and not published again
    wait_until(lambda: following in bench.published())
    assert bench.published().count(torn) == 1
    assert producer.metric("reconciled_events_total") == 1


def shown(bench: Bench) -> str:
    process = bench.command("checkpoint", "show", "--json")
    assert process.wait() == 0, process.describe()
    return process.stdout
