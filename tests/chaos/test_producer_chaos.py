"""Whatever goes wrong, in whatever order: every event that the site shows is in the topic once, and nobody cries loss.

Two producers, 200 events a second, and a backfill of the past under way.

The seed is printed; `CHAOS_SEED` replays its faults. Each kind of fault comes once, in about three minutes;
`CHAOS_MINUTES` makes it go on for so long (`make chaos`).
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from urllib.error import URLError

import pytest
from producer_faults import DISTURBANCES, Round, draw_rounds
from producer_kit import Bench, Reader, Running
from support import Kafka, Process, wait_until

from shotgun_sandbox.broker import Broker
from shotgun_sandbox.site.admin_client import SiteAdmin

MINUTES = float(os.environ.get("CHAOS_MINUTES") or 0)
PAST = 4_000
LATE_SECONDS = 60.0 if MINUTES else 10.0
BATCH_SECONDS = 48.0 if MINUTES else 6.0
BATCH_EVERY = 60.0 if MINUTES else 10.0
HEALS_WITHIN = 240.0  # seconds until events flow again after a fault, on the slowest of machines
BACKFILL_SECONDS = max(30.0, MINUTES * 30)  # for the past, when nothing disturbs it
ALARMS = re.compile(
    r" (ERROR|CRITICAL) (?! *shotgun_runtime\.kafka\.client:)|given up|Waiting for a decision|Traceback"
)
"""What would tell an operator that events were lost, or that somebody must judge whether they were.

What librdkafka itself says is left out: it calls it fatal when another instance took over.
"""

pytestmark = pytest.mark.kafka


@dataclass(frozen=True)
class BusySite:
    """A site in a process of its own that writes 200 events a second, some late, some dead, and batches."""

    url: str
    script_name: str
    api_key: str
    admin: SiteAdmin


@pytest.fixture
def seed() -> int:
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"replay with CHAOS_SEED={seed}")  # noqa: T201
    return seed


@pytest.fixture
def site(spawn: Callable[..., Process], seed: int) -> Iterator[BusySite]:
    habits = {
        "events": PAST,
        "rate": 200,
        "late": 0.03,
        "late-seconds": LATE_SECONDS,
        "dead": 0.005,
        "batch-every": BATCH_EVERY,
        "batch-size": 500,
        "batch-seconds": BATCH_SECONDS,
        "seed": seed,
    }
    words = [word for name, value in habits.items() for word in (f"--{name}", str(value))]
    ready = spawn(["shotgun-sandbox", "site", *words]).wait_for_json()
    admin = SiteAdmin(ready["admin_url"])
    yield BusySite(ready["url"], ready["script_name"], ready["api_key"], admin)
    admin.close()


class Studio:
    """Two producers that are started again when they were ended, their broker, and a reader of the topic."""

    def __init__(self, bench: Bench, broker: Broker, rng: random.Random) -> None:
        self._bench = bench
        self._broker = broker
        self._rng = rng
        self._reader = Reader(broker.bootstrap_servers, bench.topic)
        self._reader.messages = deque(maxlen=0)  # type: ignore[assignment]
        self._ending: list[Running] = []
        self.started: list[Running] = []
        self.producers = [self._start(), self._start()]

    def published(self) -> list[int]:
        """Ids in the order of the topic, as a committed reader finds them."""
        self._reader.read_on()
        return self._reader.ids

    def wait_for_more(self, events: int, what: str) -> None:
        goal = len(self.published()) + events
        wait_until(lambda: len(self.published()) >= goal, HEALS_WITHIN, f"events flow {what}")
        ended = [one.process.describe() for one in self.producers if one.process.returncode is not None]
        assert not ended, "a producer ended that nobody had ended: " + "\n".join(ended)

    def run(self, one: Round) -> None:
        """The disturbance from its begin to its end, and the blow in the middle of it."""
        begin, end = {
            "freeze_broker": (self._broker.pause, self._broker.resume),
            "restart_broker": (self._end_broker, self._broker.start),
            "stop_producer": (self._stop, self._go_on),
            "storm": (lambda: self._fault(one), _nothing),
            "drops": (lambda: self._fault(one), _nothing),
            "close_port": (lambda: self._bench.site.admin.close_port(one.seconds), _nothing),
            "calm": (_nothing, _nothing),
        }[one.disturbance]
        started = time.monotonic()
        begin()
        _pass(started + one.seconds * one.blow_at)
        self._strike(one.blow)
        _pass(started + one.seconds)
        end()
        for number, producer in enumerate(self.producers):
            if producer in self._ending:
                assert producer.process.wait() == 0
                self.producers[number] = self._start()
        self._ending.clear()

    def end(self) -> list[int]:
        """Ends both in an orderly way; their exit codes."""
        return [one.process.terminate() for one in self.producers]

    def log_lines(self) -> Iterator[str]:
        """What all that were ever started have said."""
        for one in self.started:
            yield from one.process.stdout.splitlines()
            yield from one.process.stderr.splitlines()

    def _start(self) -> Running:
        self.started.append(self._bench.start())
        return self.started[-1]

    def _fault(self, one: Round) -> None:
        self._bench.site.admin.add_fault(**one.fault, seconds=one.seconds)

    def _end_broker(self) -> None:
        if self._rng.random() < 0.5:
            self._broker.kill()
        else:
            self._broker.stop()

    def _stop(self) -> None:
        self._stopped = self.producers[self._active()]
        self._stopped.process.signal(signal.SIGSTOP)

    def _go_on(self) -> None:
        self._stopped.process.signal(signal.SIGCONT)

    def _active(self) -> int:
        """Which producer publishes; the first one when neither says that it does."""
        for number, producer in enumerate(self.producers):
            with suppress(URLError, OSError, AssertionError):
                if producer.process.returncode is None and producer.metric("active") == 1:
                    return number
        return 0

    def _strike(self, blow: str | None) -> None:
        if blow is None:
            return
        active = self._active()
        if blow == "end_active":
            self.producers[active].process.signal(signal.SIGTERM)
            self._ending.append(self.producers[active])
            return
        for number in {"kill_standby": [1 - active], "kill_both": [0, 1]}.get(blow, [active]):
            self.producers[number].process.kill()
            self.producers[number] = self._start()


def _nothing() -> None:
    """A disturbance that ends by itself."""


def _pass(moment: float) -> None:
    """The one place where time passes for its own sake: a disturbance lasts as long as it lasts."""
    threading.Event().wait(max(0.0, moment - time.monotonic()))


@pytest.mark.timeout(900 + MINUTES * 120)
def test_chaos_loses_nothing_repeats_nothing_and_raises_no_false_alarm(
    spawn: Callable[..., Process],
    tmp_path: Path,
    site: BusySite,
    own_broker: Callable[..., Broker],
    seed: int,
) -> None:
    # Given two producers of a busy site, and faults that only the seed decides
    rng = random.Random(seed)
    rounds = draw_rounds(rng)
    broker = own_broker(data=tmp_path / "broker")
    bench = Bench(spawn, tmp_path, Kafka(broker), site, start="latest", poll_interval="200ms")  # type: ignore[arg-type]
    bench.values["shotgun"]["timeout"] = "3s"
    studio = Studio(bench, broker, random.Random(seed + 1))
    studio.wait_for_more(1, "at the start")
    begun = json.loads(checkpoint(bench))
    backfill(bench, begun["start_head"])

    # When everything goes wrong, one thing after the other and some together
    until = time.monotonic() + MINUTES * 60
    played: list[Round] = []
    planned = islice(rounds, None if MINUTES else len(DISTURBANCES))
    for number, one in enumerate(planned, 1):
        played.append(one)
        print(f"{number:3}. {one}", flush=True)  # noqa: T201
        studio.wait_for_more(one.events, f"before round {len(played)}")
        studio.run(one)
        studio.wait_for_more(200, f"after round {len(played)}: {one}")
        if MINUTES and time.monotonic() > until:
            break

    # And all that was late has come
    site.admin.clear_faults()
    site.admin.stop_generator()
    site.admin.advance(LATE_SECONDS + BATCH_SECONDS + 60)
    visible = set(site.admin.visible())
    wait_until(lambda: visible <= set(studio.published()), HEALS_WITHIN, "every visible id is published")

    # Then each is there once, nothing else is, and no line and no figure speaks of a loss
    counts = Counter(studio.published())
    assert {number: count for number, count in counts.items() if count > 1} == {}
    assert set(counts) == visible
    running = [one for one in studio.producers if one.process.returncode is None]
    for name in ("holes_expired_total", "waiting_for_decision", "unusable_rows_total"):
        assert [one.metric(name) for one in running] == [0.0, 0.0], name
    assert [line for line in studio.log_lines() if ALARMS.search(line)] == []
    assert bench.command("verify", "--from", str(begun["start_head"] + 1)).wait() == 0
    reconciled = sum(one.metric("reconciled_events_total") for one in running)
    figures = f"{len(counts)} events, {len(played)} rounds, {len(studio.started)} starts"
    print(f"{figures}, {reconciled:g} reconciled")  # noqa: T201
    assert studio.end() == [0, 0]


def checkpoint(bench: Bench) -> str:
    command = bench.command("checkpoint", "show", "--json")
    assert command.wait() == 0
    return command.stdout


def backfill(bench: Bench, last: int) -> None:
    """Asks for all that was there before the stream, as slow as the faults take."""
    rate = str(last / BACKFILL_SECONDS)
    command = bench.command(
        "backfill", "--from", "earliest", "--rate-limit", rate, "--detach", "--name", "chaos"
    )
    assert command.wait() == 0, command.describe()
