"""Every visible row of the site stands in the topic once, whatever becomes of the producer."""

from __future__ import annotations

import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import IsolationLevel
from producer_kit import Bench, Running
from support import Kafka, Process, wait_until

from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.codec import Decoder

pytestmark = pytest.mark.kafka

BUSY = SiteOptions(
    events=1_500,
    writers=16,
    id_block=33,
    rate=60.0,
    late=0.2,
    late_seconds=3.0,
    dead=0.02,
    batch_every=3.0,
    batch_size=300,
    batch_seconds=2.0,
    seed=4,
)


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(BUSY) as site:
        yield site


def settle(site: SandboxSite) -> None:
    """No new rows, and those that are still to come have come."""
    site.admin.stop_generator()
    site.admin.advance(60)


def test_a_busy_site_is_published_once_with_late_and_dead_ids_and_hidden_batches(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    # Given a producer that follows a busy site
    bench = Bench(spawn, tmp_path, kafka, site)
    producer = bench.start()
    wait_until(lambda: len(bench.published()) > 2_500, message="a good part is published")

    # When the studio goes home and the last rows have come
    settle(site)

    # Then every visible row is there once, and what was late says so
    bench.wait_for_all()
    assert producer.metric("events_published_total") == len(bench.visible())
    assert producer.metric("fill_delay_seconds_count") > 0
    assert producer.metric("holes", tier="hot") > 0
    assert producer.process.terminate() == 0


def test_the_records_hold_what_the_site_shows(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    settle(site)
    bench = Bench(spawn, tmp_path, kafka, site)
    bench.start()
    bench.wait_for_all()
    rows = {row["id"]: row for row in site_rows(site)}
    decoder = Decoder()
    for message in bench.messages():
        event = decoder.decode(message.value(), topic="t", partition=0, offset=message.offset() or 0)
        assert event.row == rows[event.id]


def site_rows(site: SandboxSite) -> list[dict[str, object]]:
    """All rows, raw, by a handle of one's own."""
    from shotgun_runtime.settings import ShotgunSettings
    from shotgun_runtime.shotgun import connect_raw
    from shotgun_schemas.event import FIELDS

    handle = connect_raw(ShotgunSettings(url=site.url, script_name=site.script_name, api_key=site.api_key))
    rows: list[dict[str, object]] = handle.find(
        "EventLogEntry", [], list(FIELDS), order=[{"field_name": "id", "direction": "asc"}]
    )
    handle.close()
    return rows


def test_a_restart_goes_on_where_it_was(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    bench = Bench(spawn, tmp_path, kafka, site)
    first = bench.start()
    wait_until(lambda: len(bench.published()) > 1_000, message="a part is published")
    assert first.process.terminate() == 0
    published = len(bench.published())
    bench.start()
    wait_until(lambda: len(bench.published()) > published, message="more is published")
    settle(site)
    bench.wait_for_all()


@pytest.mark.timeout(240)
def test_kills_at_any_moment_lose_and_repeat_nothing(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    rng = random.Random()
    bench = Bench(spawn, tmp_path, kafka, site, poll_interval="10ms")
    for _ in range(4):
        producer = bench.start()
        goal = len(bench.published()) + rng.randrange(1, 400)
        wait_until(lambda goal=goal: len(bench.published()) >= goal, message=f"{goal} events are published")
        producer.process.kill()
    settle(site)
    last = bench.start()
    bench.wait_for_all()
    assert last.metric("reconciled_events_total") == 0
    assert last.process.terminate() == 0


def test_a_standby_takes_over_at_once_after_a_stop(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    # Given one active producer and one that stands by and is ready
    bench = Bench(spawn, tmp_path, kafka, site)
    first = bench.start()
    first.wait_active()
    second = bench.start()
    second.process.wait_for_line("Standing by")
    wait_until(lambda: second.readiness() == "ready")
    assert second.metric("active") == 0
    assert first.metric("active") == 1

    # When the active one stops
    assert first.process.terminate() == 0

    # Then the other one goes on
    second.wait_active()
    settle(site)
    bench.wait_for_all()


def test_a_standby_takes_over_from_one_that_was_killed(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    bench = Bench(spawn, tmp_path, kafka, site)
    first = bench.start()
    first.wait_active()
    second = bench.start()
    second.process.wait_for_line("Standing by")
    first.process.kill()
    second.wait_active()
    settle(site)
    bench.wait_for_all()


def test_one_that_was_frozen_publishes_nothing_when_it_wakes_and_stands_by(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    # Given an active producer that is frozen for longer than its membership lasts
    bench = Bench(spawn, tmp_path, kafka, site)
    frozen = bench.start()
    frozen.wait_active()
    second = bench.start()
    second.process.wait_for_line("Standing by")
    frozen.process.signal(signal.SIGSTOP)
    second.wait_active()
    written = set(site.admin.write_events(20))
    wait_until(lambda: written <= set(bench.published()), message="the other one publishes")

    # When it wakes up while the other one publishes
    frozen.process.signal(signal.SIGCONT)
    site.admin.write_events(20)

    # Then it stands by without a restart, and nothing was published twice
    wait_until(lambda: frozen.metric("active") == 0, message="the frozen one is no longer active")
    wait_until(lambda: frozen.readiness() == "ready", message="it stands by")
    assert second.metric("active") == 1
    settle(site)
    bench.wait_for_all()
    assert [one.process.terminate() for one in (frozen, second)] == [0, 0]


def test_one_that_was_frozen_in_the_middle_of_a_transaction_never_commits_it(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    # Given an active producer that is frozen while a transaction of it is open
    bench = Bench(spawn, tmp_path, kafka, site, poll_interval="10ms")
    frozen = bench.start()
    frozen.wait_active()
    second = bench.start()
    second.process.wait_for_line("Standing by")
    site.admin.start_generator(rate=200)
    wait_until(lambda: is_frozen_in_a_transaction(bench, frozen), message="frozen in a transaction")

    # When the other one has taken over, and it wakes up while events flow
    second.wait_active()
    published = len(bench.published())
    wait_until(lambda: len(bench.published()) > published + 100, message="the other one publishes")
    frozen.process.signal(signal.SIGCONT)

    # Then it stands by without a restart, and nothing was published twice
    wait_until(lambda: frozen.metric("active") == 0, message="the frozen one is no longer active")
    wait_until(lambda: frozen.readiness() == "ready", message="it stands by")
    assert second.metric("active") == 1
    assert second.metric("reconciled_events_total") == 0

    # And it takes over in its turn
    assert second.process.terminate() == 0
    frozen.wait_active()
    settle(site)
    bench.wait_for_all()
    assert frozen.process.terminate() == 0


def is_frozen_in_a_transaction(bench: Bench, producer: Running) -> bool:
    """Freezes it, and lets it go on when no transaction of it was open."""
    producer.process.signal(signal.SIGSTOP)
    if bench.end_offset(IsolationLevel.READ_COMMITTED) < bench.end_offset(IsolationLevel.READ_UNCOMMITTED):
        return True
    producer.process.signal(signal.SIGCONT)
    return False


def test_two_producers_started_together_publish_once(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    bench = Bench(spawn, tmp_path, kafka, site)
    both = [bench.start(), bench.start()]
    wait_until(lambda: sum(one.metric("active") for one in both) == 1, message="one is active")
    settle(site)
    bench.wait_for_all()
    assert sum(one.metric("active") for one in both) == 1
    assert [one.process.terminate() for one in both] == [0, 0]
