"""The audit: what the stream has lost comes back, once; and a stream that has lost nothing hears nothing of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from confluent_kafka import Producer
from producer_kit import Bench, Running
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.checkpoint import CHECKPOINT_KEY, Checkpoint, decode_checkpoint, encode_checkpoint
from shotgun_schemas.hole_ranges import Hole

pytestmark = pytest.mark.kafka

QUIET = SiteOptions(events=200, writers=1, id_block=1)


def audits(producer: Running) -> float:
    """Finished ones."""
    return producer.metric("audit_runs_total") - producer.metric("audit_runs_total", outcome="failed")


def wait_for_audits(producer: Running, count: int = 2) -> None:
    """Until so many more are finished; the second one began after this was called."""
    goal = audits(producer) + count
    wait_until(lambda: audits(producer) >= goal, message=f"{count} more audits are finished")


def change_checkpoint(bench: Bench, change: Callable[[Checkpoint], Checkpoint]) -> None:
    """Writes another checkpoint behind the back of the producer, which must not run."""
    newest = [message.value() for message in bench.kafka.read(bench.checkpoint_topic)][-1]
    producer = Producer({"bootstrap.servers": bench.kafka.bootstrap_servers})
    producer.produce(
        bench.checkpoint_topic,
        encode_checkpoint(change(decode_checkpoint(bytes(newest or b"")))),
        CHECKPOINT_KEY,
    )
    assert producer.flush(PATIENCE) == 0


def forget_holes(checkpoint: Checkpoint) -> Checkpoint:
    return replace(checkpoint, holes=())


def test_what_the_checkpoint_has_forgotten_is_published_once(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(QUIET) as site:
        # Given a stream whose checkpoint has lost two holes
        bench = Bench(spawn, tmp_path, kafka, site, audit_interval="1s")
        appearing, absent = site.admin.open_transaction(7), site.admin.open_transaction(5)
        site.admin.write_events(20)
        first = bench.start()
        bench.wait_for_all()
        assert first.process.terminate() == 0
        change_checkpoint(bench, forget_holes)

        # When the rows of one have become visible by the time of the audit, and those of the other have not
        site.admin.commit(appearing)
        producer = bench.start()

        # Then the audit brings the visible ones, says so, and the others are asked for again
        bench.wait_for_all()
        producer.process.wait_for_line(r"Audit: the site shows 7 events that the topic")
        wait_until(lambda: producer.metric("audit_asked_again_total") == 5)
        assert producer.metric("audit_events_total", kind="missing") == 7

        # And they are found when they appear
        site.admin.commit(absent)
        bench.wait_for_all()
        wait_for_audits(producer)
        bench.wait_for_all()
        assert producer.metric("audit_events_total", kind="missing") == 7
        assert producer.metric("audit_asked_again_total") == 5
        assert producer.process.stdout.count("Audit:") == 2
        assert producer.process.terminate() == 0


def test_what_was_visible_before_the_stream_began_is_not_taken_for_lost(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(QUIET) as site:
        bench = Bench(spawn, tmp_path, kafka, site, audit_interval="1s", start="latest")
        pending = site.admin.open_transaction(3)
        before = site.admin.write_events(30)
        producer = bench.start()
        producer.wait_active()
        site.admin.restrict(first_id=before[0], last_id=before[19])
        wait_until(lambda: producer.metric("audit_hidden_events") == 20)
        site.admin.restrict()
        wait_until(lambda: producer.metric("audit_hidden_events") == 0)
        after = site.admin.write_events(2)
        site.admin.commit(pending)
        wait_until(lambda: set(bench.published()) >= {*after, *pending.ids})
        wait_for_audits(producer)
        assert sorted(bench.published()) == [*pending.ids, *after]
        assert producer.metric("audit_runs_total", outcome="different") == 0
        assert producer.metric("audit_asked_again_total") == 0


def test_a_late_row_in_a_cold_hole_is_found_before_its_turn(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(QUIET) as site:
        bench = Bench(spawn, tmp_path, kafka, site, audit_interval="1s")
        pending = site.admin.open_transaction(3)
        site.admin.write_events(10_500, per_transaction=1_000)
        first = bench.start()
        bench.wait_for_all()
        assert first.process.terminate() == 0
        # Given a hole that is not asked for within the hour
        now = int(site.admin.time())
        cold = Hole(pending.ids[0], pending.ids[-1], now - 86_400, now, 21_600)
        change_checkpoint(bench, lambda found: replace(found, holes=(cold,)))
        producer = bench.start()
        wait_until(lambda: producer.metric("holes", tier="cold") == 1)

        # When its rows appear
        site.admin.commit(pending)

        # Then they are published, and that is nothing to report
        bench.wait_for_all()
        assert producer.metric("audit_events_total", kind="cold") == 3
        assert producer.metric("audit_events_total", kind="missing") == 0
        assert "Audit:" not in producer.process.stdout


def test_a_busy_site_with_late_and_dead_ids_raises_no_alarm(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    busy = SiteOptions(
        events=1_500,
        rate=60.0,
        late=0.2,
        late_seconds=3.0,
        dead=0.02,
        batch_every=3.0,
        batch_size=300,
        batch_seconds=2.0,
        seed=4,
    )
    with SandboxSite(busy) as site:
        bench = Bench(spawn, tmp_path, kafka, site, audit_interval="1s")
        producer = bench.start()
        wait_until(lambda: len(bench.published()) > 2_500, message="a good part is published")
        wait_for_audits(producer, 3)
        assert producer.metric("audit_windows_total", outcome="examined") > 0
        site.admin.stop_generator()
        site.admin.advance(60)
        bench.wait_for_all()
        wait_for_audits(producer)
        bench.wait_for_all()
        assert producer.metric("audit_runs_total", outcome="different") == 0
        assert producer.metric("audit_events_total", kind="missing") == 0
        assert producer.metric("audit_asked_again_total") == 0
        assert producer.metric("audit_hidden_events") == 0
        assert "Audit:" not in producer.process.stdout


def test_permission_that_was_narrowed_is_noticed_and_nothing_else_happens(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(QUIET) as site:
        bench = Bench(spawn, tmp_path, kafka, site, audit_interval="1s")
        producer = bench.start()
        bench.wait_for_all()
        published = bench.published()

        # When the script user may no longer see thirty of the events
        site.admin.restrict(first_id=published[50], last_id=published[79])

        # Then a line and a metric say so, once
        producer.process.wait_for_line(r"Audit: the site no longer shows 30 events .* script user")
        assert wait_until(lambda: producer.metric("audit_hidden_events") == 30)
        wait_for_audits(producer)
        assert producer.process.stdout.count("Audit:") == 1

        # And when it may see them again, nothing is published a second time
        site.admin.restrict()
        producer.process.wait_for_line(r"Audit: the site shows 30 events again")
        wait_for_audits(producer)
        assert producer.metric("audit_hidden_events") == 0
        bench.wait_for_all()
        assert bench.published() == published
        assert producer.metric("waiting_for_decision") == 0
        assert producer.metric("audit_runs_total", outcome="different") == 0


def test_what_a_filter_left_out_stays_out_when_the_filter_is_gone(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(QUIET) as site:
        bench = Bench(
            spawn, tmp_path, kafka, site, audit_interval="1s", exclude_event_types=["Shotgun_Task_*"]
        )
        first = bench.start()
        wait_until(lambda: first.metric("head_id") == max(bench.visible()))
        wait_for_audits(first)
        excluded = first.metric("events_excluded_total")
        assert excluded > 0
        assert first.metric("audit_runs_total", outcome="different") == 0
        site.admin.restrict(event_types=["Shotgun_"])
        wait_until(lambda: first.metric("audit_hidden_events") > 0)
        site.admin.restrict()
        wait_until(lambda: first.metric("audit_hidden_events") == 0)
        assert first.process.terminate() == 0
        published = bench.published()

        del bench.values["producer"]["exclude_event_types"]
        producer = bench.start()
        new = site.admin.write_events(5)
        wait_until(lambda: set(new) <= set(bench.published()))
        wait_for_audits(producer)
        assert bench.published() == [*published, *new]
        assert producer.metric("audit_runs_total", outcome="different") == 0


def test_an_audit_waits_for_a_site_that_fails_without_a_word(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(QUIET) as site:
        bench = Bench(spawn, tmp_path, kafka, site, audit_interval="1s")
        producer = bench.start()
        bench.wait_for_all()
        wait_for_audits(producer, 1)
        # When the site fails for what only the audit asks, again and again
        site.admin.add_fault("object", methods="summarize")
        site.admin.forget_calls()
        wait_until(lambda: site.admin.calls().get("summarize", 0) >= 2, message="the audit tries again")

        # Then the stream goes on, and nobody is told
        site.admin.write_events(10)
        bench.wait_for_all()
        assert producer.metric("site_up") == 1
        assert producer.readiness() == "ready"
        site.admin.clear_faults()
        wait_for_audits(producer, 1)
        assert "WARNING" not in producer.process.stdout
        assert producer.metric("polls_total", outcome="failed") == 0
        assert producer.process.terminate() == 0
