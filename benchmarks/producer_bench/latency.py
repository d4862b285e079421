"""How long an event takes from being visible on the site to being visible to a committed reader."""

from __future__ import annotations

import random
import threading
import time
import uuid
from contextlib import AbstractContextManager
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from .stage import Producer, Site, producer, site

CALLS_PER_SECOND = 20.0


def latency(
    servers: str, rates: tuple[float, ...], intervals: tuple[float, ...], seconds: float
) -> list[dict[str, Any]]:
    """A row of figures for each rate and poll interval (seconds); each is measured for so many seconds."""
    table = []
    with site(events=1_000, seed=1) as one:
        for interval in intervals:
            for rate in rates:
                with following(servers, one, interval) as running:
                    running.wait_active()
                    delays = measure(servers, one, running, rate, seconds)
                table.append(
                    {
                        "events_per_second": rate,
                        "poll_interval_ms": round(interval * 1000),
                        "events": len(delays),
                        "p50_ms": quantile(delays, 0.5),
                        "p99_ms": quantile(delays, 0.99),
                        # An event waits for the next poll: evenly spread over the interval.
                        "poll_p50_ms": round(interval * 500),
                        "poll_p99_ms": round(interval * 990),
                    }
                )
    return table


def measure(servers: str, one: Site, running: Producer, rate: float, seconds: float) -> list[float]:
    """The delay in seconds of each event that is written, at this rate, for so long."""
    seen: dict[int, float] = {}
    is_over = threading.Event()
    reader = threading.Thread(target=_read, args=(servers, running.topic, seen, is_over))
    reader.start()
    written = _write(one, rate, seconds)
    deadline = time.monotonic() + 60
    while not written.keys() <= seen.keys() and time.monotonic() < deadline:
        time.sleep(0.05)
    is_over.set()
    reader.join()
    return [seen[number] - moment for number, moment in written.items()]


def following(servers: str, one: Site, interval: float) -> AbstractContextManager[Producer]:
    """A producer that follows the site from now on, with this poll interval in seconds."""
    return producer(servers, one, start="latest", poll_interval=f"{interval * 1000:g}ms")


def _write(one: Site, rate: float, seconds: float) -> dict[int, float]:
    """When each event was handed to the site, which shows it a moment later."""
    rng = random.Random(1)
    written: dict[int, float] = {}
    calls = min(rate, CALLS_PER_SECOND)
    end = time.monotonic() + seconds
    due = time.monotonic()
    while due < end:
        due += rng.expovariate(calls)
        time.sleep(max(0.0, due - time.monotonic()))
        moment = time.monotonic()
        written.update(dict.fromkeys(one.admin.write_events(round(rate / calls)), moment))
    return written


def _read(servers: str, topic: str, seen: dict[int, float], is_over: threading.Event) -> None:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"bench-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
            "fetch.wait.max.ms": 10,
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    while not is_over.is_set():
        for message in consumer.consume(500, 0.01):
            if message.error() is None:
                seen.setdefault(int(message.key() or b""), time.monotonic())
    consumer.close()


def quantile(values: list[float], share: float) -> int:
    """In milliseconds."""
    ordered = sorted(values)
    return round(ordered[min(len(ordered) - 1, int(len(ordered) * share))] * 1000)
