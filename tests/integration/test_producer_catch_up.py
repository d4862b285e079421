"""Far behind, the producer reads with several requests at once: the same events, once, in the order of ids."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from producer_kit import Bench
from support import Kafka, Process, wait_until

from shotgun_sandbox.site import SandboxSite, SiteOptions

pytestmark = pytest.mark.kafka

LONG_PAST = SiteOptions(events=8_000, dead=0.01, seed=6)


def test_a_long_past_is_published_in_id_order_and_the_polls_go_on(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(LONG_PAST) as site:
        past = sorted(site.admin.visible())
        bench = Bench(spawn, tmp_path, kafka, site, parallel_requests=8)
        producer = bench.start()
        producer.process.wait_for_line("reading with 8 requests at once")
        producer.process.wait_for_line("polling again")
        bench.wait_for_all()
        assert bench.published() == past
        site.admin.write_events(700)
        bench.wait_for_all()
        assert producer.process.terminate() == 0


def test_rows_that_appear_behind_the_requests_are_not_lost(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    # Given a long past with transactions that are still open, and slow answers
    with SandboxSite(LONG_PAST) as site:
        late = [site.admin.open_transaction(5) for _ in range(3)]
        site.admin.write_events(4_000)
        site.admin.settings(latency=0.05)
        bench = Bench(spawn, tmp_path, kafka, site, parallel_requests=4)
        producer = bench.start()
        producer.process.wait_for_line("reading with 4 requests at once")

        # When they are committed while the producer catches up
        for number, transaction in enumerate(late):
            goal = 2_000 * (number + 1)
            wait_until(lambda goal=goal: len(bench.published()) >= goal, message=f"{goal} are published")
            site.admin.commit(transaction)

        # Then everything is there once
        bench.wait_for_all()
        assert producer.process.terminate() == 0


def test_faults_while_catching_up_lose_nothing_and_repeat_nothing(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(LONG_PAST) as site:
        for kind in ("status", "rst", "cut_body", "object", "html"):
            site.admin.add_fault(kind, methods=["read"], share=0.04, skip=2)
        bench = Bench(spawn, tmp_path, kafka, site, parallel_requests=4)
        producer = bench.start()
        wait_until(lambda: len(bench.published()) >= 8_000, message="the past is published")
        site.admin.clear_faults()
        bench.wait_for_all()
        assert producer.process.terminate() == 0


def test_a_kill_while_catching_up_loses_nothing(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(LONG_PAST) as site:
        bench = Bench(spawn, tmp_path, kafka, site, parallel_requests=4)
        for goal in (1_500, 4_000):
            producer = bench.start()
            wait_until(lambda goal=goal: len(bench.published()) >= goal, message=f"{goal} are published")
            producer.process.kill()
        bench.start()
        bench.wait_for_all()


def test_events_are_left_out_by_type_and_project_and_their_ids_are_no_holes(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(SiteOptions(writers=1, id_block=1)) as site:
        wanted = {
            "event_type": "Shotgun_Task_Change",
            "project": {"type": "Project", "id": 70, "name": "Here"},
        }
        other = {**wanted, "project": {"type": "Project", "id": 71, "name": "There"}}
        view = {**wanted, "event_type": "Shotgun_Attachment_View"}
        ids = site.admin.write_rows([wanted, other, view, {**wanted, "project": None}, wanted, view])
        bench = Bench(spawn, tmp_path, kafka, site, exclude_event_types=["*_View"], projects=[70])
        producer = bench.start()
        wait_until(lambda: producer.metric("head_id") == ids[-1], message="all is read")
        assert bench.published() == [ids[0], ids[3], ids[4]]
        assert producer.metric("events_excluded_total") == 3
        assert producer.metric("holes") == 0
        assert producer.process.terminate() == 0


def test_a_burst_behind_a_young_hole_is_held_and_then_published_in_order(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(SiteOptions(events=10, writers=1, id_block=1)) as site:
        bench = Bench(spawn, tmp_path, kafka, site, parallel_requests=4, hold="1h")
        producer = bench.start()
        bench.wait_for_all()
        held = site.admin.open_transaction(1)
        site.admin.write_events(3_000)
        polls = producer.metric("polls_total", outcome="rows")
        wait_until(lambda: producer.metric("polls_total", outcome="rows") > polls + 2, message="rows wait")
        assert len(bench.published()) == 10
        site.admin.commit(held)
        producer.process.wait_for_line("reading with 4 requests at once")
        bench.wait_for_all()
        assert bench.published() == sorted(bench.visible())
        assert producer.process.terminate() == 0
