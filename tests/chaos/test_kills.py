"""The promise of the whole: kill what you like, and no event is lost, none is published twice, no plugin misses one."""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support import Kafka, Process, wait_until
from whole_way import Services

from shotgun_sandbox.site import SandboxSite, SiteOptions

EVENTS = 20_000
KILLS = 10
MAX_UNCOMMITTED = 10
PLUGINS = ("first", "second")

RECORDER = """
    import os

    def registerCallbacks(reg):
        notes = os.open(os.environ["NOTES"] + "/{name}", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        reg.registerCallback(None, None, record, None, notes)

    def record(sg, logger, event, args):
        os.write(args, b"%d\\n" % event["id"])
"""
RECORDERS = {name: RECORDER.format(name=name) for name in PLUGINS}

pytestmark = pytest.mark.kafka


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    """Twenty thousand events, of ids that sixteen writers drew in blocks, and half a percent of them dead."""
    with SandboxSite(SiteOptions(events=EVENTS, dead=0.005, latency=0.02, seed=5)) as site:
        yield site


def called(services: Services, plugin: str) -> list[int]:
    """The event ids of all calls of this plugin, in order."""
    path = services.notes / plugin
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def delivered(services: Services) -> int:
    """How far the slowest plugin is, in distinct events."""
    return min(len(set(called(services, name))) for name in PLUGINS)


def published(kafka: Kafka, topic: str) -> list[int]:
    return [int(record.key() or b"") for record in kafka.read(topic)]


def test_twenty_thousand_events_reach_each_plugin_once(
    kafka: Kafka, site: SandboxSite, spawn: Callable[..., Process], tmp_path: Path
) -> None:
    # Nobody is killed, and a member that is lost because the machine is busy would repeat events
    services = Services(
        spawn, kafka, site, tmp_path, RECORDERS, session_timeout_ms=60_000, max_uncommitted=MAX_UNCOMMITTED
    )
    running = [services.start("producer"), services.start("consumer")]
    visible = set(site.admin.visible())
    wait_until(lambda: delivered(services) >= len(visible), 180, "every event was delivered")
    assert [process.terminate() for process in running] == [0, 0]
    assert Counter(published(kafka, services.topic)) == Counter(visible)
    for name in PLUGINS:
        assert Counter(called(services, name)) == Counter(visible)


@pytest.mark.timeout(900)
def test_kills_lose_nothing_and_repeat_little(
    kafka: Kafka, site: SandboxSite, spawn: Callable[..., Process], tmp_path: Path
) -> None:
    # Given ten kills at random moments, told apart by how far the events have come
    seed = int(os.environ.get("KILL_SEED") or random.SystemRandom().randrange(10**6))
    print(f"replay with KILL_SEED={seed}")  # noqa: T201
    rng = random.Random(seed)
    services = Services(spawn, kafka, site, tmp_path, RECORDERS, max_uncommitted=MAX_UNCOMMITTED)
    visible = set(site.admin.visible())
    moments = sorted(rng.randrange(len(visible) * 9 // 10) for _ in range(KILLS))
    kills: Counter[str] = Counter()
    running = {name: services.start(name) for name in ("producer", "consumer")}

    # When either side is killed at each of them and started again
    for moment in moments:
        wait_until(
            lambda moment=moment: delivered(services) >= moment, 180, f"{moment} events were delivered"
        )
        victim = rng.choice(sorted(running))
        assert running[victim].kill() == -9
        running[victim] = services.start(victim)
        kills[victim] += 1
    wait_until(lambda: delivered(services) >= len(visible), 180, "every event was delivered")
    assert [process.terminate() for process in running.values()] == [0, 0]

    # Then every id is in the topic once, no callback missed one, and what was repeated was under way at a kill
    assert Counter(published(kafka, services.topic)) == Counter(visible)
    for name in PLUGINS:
        calls = called(services, name)
        assert set(calls) == visible
        assert len(calls) - len(visible) <= kills["consumer"] * MAX_UNCOMMITTED
