"""Events from before the stream's start are published by the active producer: once, beside the live ones."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from producer_kit import Bench
from support import Kafka, Process, wait_until

from shotgun_runtime.control import ControlWriter
from shotgun_runtime.settings import load_settings
from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.checkpoint import Backfill, Checkpoint, decode_checkpoint
from shotgun_schemas.control import backfill_key

pytestmark = pytest.mark.kafka

PAST = 6_000


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=PAST, dead=0.01, seed=8)) as site:
        yield site


@pytest.fixture
def bench(spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite) -> Bench:
    return Bench(spawn, tmp_path, kafka, site, start="latest")


def order(
    bench: Bench, job: str, first: int, last: int, state: str = "wanted", rate: float | None = None
) -> None:
    """What the command writes."""
    writer = ControlWriter(load_settings(bench.config, {}, {}))
    fields = {"first": first, "last": last, "rate_limit": rate, "state": state}
    writer.put(backfill_key(job), by="test", reason="test", **fields)
    writer.close()


def orders(bench: Bench) -> set[str]:
    """Keys of the jobs that stand in the control topic."""
    found: dict[str, bool] = {}
    for message in bench.kafka.read(f"{bench.topic}.control"):
        found[(message.key() or b"").decode()] = message.value() is not None
    return {key for key, is_there in found.items() if is_there and key.startswith("backfill/")}


def checkpoint(bench: Bench) -> Checkpoint:
    return decode_checkpoint(bench.kafka.read(bench.checkpoint_topic)[-1].value() or b"")


def progress_of(bench: Bench, job: str) -> Backfill | None:
    return next((one for one in checkpoint(bench).backfills if one.job == job), None)


def wait_until_over(bench: Bench, job: str) -> None:
    wait_until(lambda: (one := progress_of(bench, job)) and one.is_over, message=f"{job} is over")
    wait_until(lambda: backfill_key(job) not in orders(bench), message=f"the order of {job} is taken back")


def jobs_of(bench: Bench) -> dict[int, str | None]:
    """For each published id the header `backfill`."""
    found = {}
    for message in bench.messages():
        header = dict(message.headers() or []).get("backfill")
        found[int(message.key() or b"")] = None if header is None else bytes(header).decode()
    return found


def test_the_whole_past_is_published_once_beside_the_live_stream(bench: Bench, site: SandboxSite) -> None:
    # Given a stream that began after a long past, and rows that were missing then
    late = site.admin.open_transaction(4)
    producer = bench.start()
    producer.wait_active()
    past = bench.visible()
    start = checkpoint(bench).start_head

    # When the past is ordered while live events come in, and the late rows appear
    site.admin.start_generator(rate=30)
    order(bench, "all", 1, 10**9)
    wait_until_over(bench, "all")
    site.admin.commit(late)
    site.admin.stop_generator()

    # Then every id is there once; those of the past name the job, and live and late ones do not
    bench.wait_for_all()
    jobs = jobs_of(bench)
    assert {number for number, job in jobs.items() if job == "all"} == past
    assert all(jobs[number] is None for number in late.ids)
    assert progress_of(bench, "all") == Backfill("all", min(past), start, start + 1)
    assert producer.process.terminate() == 0


def test_kills_and_failover_lose_and_repeat_nothing(bench: Bench, site: SandboxSite) -> None:
    running = [bench.start()]
    running[0].wait_active()
    site.admin.start_generator(rate=30)
    order(bench, "all", 1, 10**9)
    for goal in (1_000, 2_500, 4_000):
        running.append(bench.start())
        wait_until(lambda goal=goal: len(bench.published()) >= goal, message=f"{goal} are published")
        running.pop(0).process.kill()
    wait_until_over(bench, "all")
    site.admin.stop_generator()
    bench.wait_for_all()


def test_what_one_job_covered_the_next_one_leaves_out(bench: Bench, site: SandboxSite) -> None:
    bench.start().wait_active()
    past = sorted(bench.visible())
    a, b, c = past[1_000], past[2_000], past[3_000]
    order(bench, "middle", a, b)
    order(bench, "wide", 1, c)
    wait_until_over(bench, "wide")
    expected = {number: "middle" if a <= number <= b else "wide" for number in past if number <= c}
    assert {number: job for number, job in jobs_of(bench).items() if number <= c} == expected
    assert set(Counter(bench.published()).values()) == {1}


def test_a_cancelled_job_ends_where_it_is_and_another_one_does_the_rest(
    bench: Bench, site: SandboxSite
) -> None:
    bench.start().wait_active()
    past = bench.visible()
    order(bench, "slow", 1, 10**9, rate=500)
    wait_until(lambda: (one := progress_of(bench, "slow")) and one.next_id > one.first)
    order(bench, "slow", 1, 10**9, state="cancelled")
    wait_until_over(bench, "slow")
    published = set(bench.published())
    assert past - published
    order(bench, "rest", 1, 10**9)
    wait_until_over(bench, "rest")
    bench.wait_for_all()
    assert {number for number, job in jobs_of(bench).items() if job == "slow"} == published


def test_a_rate_limit_is_kept(bench: Bench, site: SandboxSite) -> None:
    bench.start().wait_active()
    past = sorted(bench.visible())
    started = time.monotonic()
    order(bench, "gently", past[0], past[1_999], rate=500)
    wait_until_over(bench, "gently")
    # The first page is free; what follows waits for its turn.
    assert time.monotonic() - started >= (2_000 - 500) / 500 - 0.5
    assert len(bench.published()) == 2_000


def test_a_range_above_the_start_of_the_stream_has_nothing_to_do(bench: Bench, site: SandboxSite) -> None:
    producer = bench.start()
    producer.wait_active()
    order(bench, "late", checkpoint(bench).start_head + 1, 10**9)
    wait_until_over(bench, "late")
    assert bench.published() == []
    assert producer.metric("events_published_total") == 0
