"""Metrics made of librdkafka's own statistics: how the brokers answer this process, whatever it asks of them."""

from __future__ import annotations

import json
import logging
import math
import re
import threading
import time
from collections import Counter as Counts
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import Counter, Gauge

from shotgun_runtime.metric_list import Definition, Label, MetricSet

log = logging.getLogger(__name__)

READ_EVERY_SECONDS = 15.0
"""Statistics come each five seconds from each client; to read all of a hundred clients' would tell little more."""
GONE_SECONDS = 4 * READ_EVERY_SECONDS

_NAME = re.compile(r'"name":\s*"([^"]+)"')
_FAILURES = {"timeout": "req_timeouts", "send": "txerrs", "receive": "rxerrs"}
_COUNTS = (*_FAILURES.values(), "connects", "disconnects")


def definitions(prefix: str) -> tuple[Definition, ...]:
    """The metrics, for the list of a service."""
    return (
        Definition(
            f"{prefix}kafka_up",
            "gauge",
            "flag",
            "1 while a client is connected to a broker; 0 before the first connection, too.",
        ),
        Definition(
            f"{prefix}kafka_round_trip_seconds",
            "gauge",
            "seconds",
            "Time until brokers and coordinators answer, fetches left out: the worst 99th percentile of the process's "
            "Kafka clients.",
        ),
        Definition(
            f"{prefix}kafka_throttle_seconds",
            "gauge",
            "seconds",
            "Longest time for which a broker has held back an answer because of a quota; 0 when none does.",
        ),
        Definition(
            f"{prefix}kafka_queued_records",
            "gauge",
            "count",
            "Records to write that no broker has acknowledged yet.",
        ),
        Definition(
            f"{prefix}kafka_request_failures_total",
            "counter",
            "count",
            "Requests to brokers that timed out, could not be sent, or whose answer could not be received.",
            (Label("kind", tuple(_FAILURES)),),
        ),
        Definition(
            f"{prefix}kafka_connects_total",
            "counter",
            "count",
            "Connections to brokers that were tried, coordinators left out.",
        ),
        Definition(
            f"{prefix}kafka_disconnects_total",
            "counter",
            "count",
            "Connections to brokers that ended, coordinators left out; some are missed when all brokers are lost.",
        ),
    )


@dataclass(slots=True)
class _Client:
    """What is known of one Kafka client."""

    told_at: float
    read_at: float
    is_connected: bool = False
    round_trip: float = 0.0
    throttle: float = 0.0
    queued: int = 0
    counts: dict[tuple[str, str], int] = field(default_factory=dict)


class KafkaFigures:
    """Takes the statistics of any number of clients, from any threads.

    Of each client it reads one in `READ_EVERY_SECONDS`. A client that was closed counts until `GONE_SECONDS` later.
    """

    def __init__(self, metrics: MetricSet, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._clients: dict[str, _Client] = {}
        self._is_broken: Callable[[], bool] = bool
        metrics.take(Gauge, "kafka_up").set_function(
            lambda: float(any(one.is_connected for one in self._alive()) and not self._is_broken())
        )
        self._failures = metrics.take(Counter, "kafka_request_failures_total")
        self._connects = metrics.take(Counter, "kafka_connects_total")
        self._disconnects = metrics.take(Counter, "kafka_disconnects_total")
        metrics.take(Gauge, "kafka_round_trip_seconds").set_function(
            lambda: max((one.round_trip for one in self._alive()), default=0.0)
        )
        metrics.take(Gauge, "kafka_throttle_seconds").set_function(
            lambda: max((one.throttle for one in self._alive()), default=0.0)
        )
        metrics.take(Gauge, "kafka_queued_records").set_function(
            lambda: sum(one.queued for one in self._alive())
        )

    def follow(self, is_broken: Callable[[], bool]) -> None:
        """Believe this from now on when it says that no broker can be reached: it hears of that sooner."""
        self._is_broken = is_broken

    def take(self, statistics: str) -> None:
        """Take what librdkafka gave to a client's ``stats_cb``."""
        found = _NAME.search(statistics)
        if found is None:
            return
        now = self._clock()
        with self._lock:
            client = self._clients.setdefault(found[1], _Client(now, -math.inf))
            client.told_at = now
            client.is_connected = '"state":"UP"' in statistics
            if now - client.read_at < READ_EVERY_SECONDS:
                return
            client.read_at = now
            try:
                self._read(client, json.loads(statistics))
            except (KeyError, TypeError, ValueError) as error:
                # Another librdkafka may count otherwise; no client may stop working for that.
                log.debug("Statistics of %s cannot be read: %r", found[1], error)
            for name in [name for name, one in self._clients.items() if now - one.told_at > GONE_SECONDS]:
                del self._clients[name]

    def _read(self, client: _Client, statistics: Mapping[str, Any]) -> None:
        brokers: Mapping[str, Mapping[str, Any]] = statistics["brokers"]
        client.queued = statistics["msg_cnt"]
        client.throttle = max((one["throttle"]["max"] for one in brokers.values()), default=0) / 1e3
        # A fetch waits at the broker for events, for seconds by design. A consumer asks its coordinator for the rest.
        asked = [
            one["rtt"]["p99"]
            for one in brokers.values()
            if one["rtt"]["cnt"] and (statistics["type"] == "producer" or one["source"] == "logical")
        ]
        client.round_trip = max(asked, default=0) / 1e6
        counts = {
            (name, key): int(one[key])
            for name, one in brokers.items()
            # A coordinator that is not needed yet has no address, and counts a connection a second all the same.
            for key in (_FAILURES.values() if one["source"] == "logical" else _COUNTS)
        }
        rises: Counts[str] = Counts()
        for (name, key), count in counts.items():
            before = client.counts.get((name, key), 0)
            # A client that forgets a broker and meets it again counts anew.
            rises[key] += count - before if count >= before else count
        client.counts = counts
        for kind, key in _FAILURES.items():
            self._failures.labels(kind).inc(rises[key])
        self._connects.inc(rises["connects"])
        self._disconnects.inc(rises["disconnects"])

    def _alive(self) -> list[_Client]:
        now = self._clock()
        with self._lock:
            return [one for one in self._clients.values() if now - one.told_at <= GONE_SECONDS]
