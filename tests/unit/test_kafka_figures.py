"""What a service tells of its brokers: from librdkafka's statistics, real ones and made ones."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from confluent_kafka import Producer
from mock_cluster import MockCluster
from prometheus_client import CollectorRegistry
from support import wait_until

from shotgun_runtime.kafka import BrokerWatch, producer_config
from shotgun_runtime.kafka_figures import GONE_SECONDS, READ_EVERY_SECONDS, KafkaFigures, definitions
from shotgun_runtime.metric_list import MetricSet
from shotgun_runtime.settings import Settings


class Page:
    """The metrics, and a clock."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.now = 1000.0
        self.figures = KafkaFigures(MetricSet(self.registry, "x_", definitions("x_")), lambda: self.now)

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"x_kafka_{name}", labels)

    def take(self, name: str, kind: str = "producer", queued: int = 0, **brokers: dict[str, Any]) -> None:
        """Statistics that were made when those before have been read."""
        self.now += READ_EVERY_SECONDS
        told = {"name": name, "client_id": "c", "type": kind, "msg_cnt": queued, "brokers": brokers}
        self.figures.take(json.dumps(told, separators=(",", ":")))


def broker(
    rtt: int = 0,
    throttle: int = 0,
    source: str = "learned",
    connects: int = 1,
    state: str = "UP",
    **counts: int,
) -> dict[str, Any]:
    """One broker: `rtt` in microseconds, `throttle` in milliseconds, as librdkafka has them."""
    return {
        "source": source,
        "state": state,
        "rtt": {"p99": rtt, "cnt": int(rtt > 0)},
        "throttle": {"max": throttle},
        "connects": connects,
        **dict.fromkeys(("disconnects", "req_timeouts", "txerrs", "rxerrs"), 0),
        **counts,
    }


@pytest.fixture
def page() -> Page:
    return Page()


def test_the_slowest_answer_of_any_client_is_told_in_seconds(page: Page) -> None:
    page.take("a", b1=broker(rtt=2_000, throttle=30), b2=broker(rtt=40_000))
    page.take("b", b1=broker(rtt=5_000, throttle=1_500))
    assert page.value("round_trip_seconds") == 0.04
    assert page.value("throttle_seconds") == 1.5


def test_a_fetch_that_waits_for_events_is_no_slow_answer(page: Page) -> None:
    page.take("a", "consumer", b1=broker(rtt=5_000_000), GroupCoordinator=broker(rtt=3_000, source="logical"))
    assert page.value("round_trip_seconds") == 0.003


def test_records_that_wait_are_summed_and_a_client_that_is_gone_is_forgotten(page: Page) -> None:
    page.take("a", queued=3, b1=broker(rtt=9_000))
    page.take("b", queued=4, b1=broker(rtt=1_000))
    assert page.value("queued_records") == 7
    page.now += GONE_SECONDS - READ_EVERY_SECONDS + 1
    assert page.value("queued_records") == 4
    assert page.value("round_trip_seconds") == 0.001


def test_counts_are_those_of_all_clients_and_never_fall(page: Page) -> None:
    page.take("a", b1=broker(connects=2, disconnects=1, req_timeouts=5, txerrs=1))
    # A coordinator without an address tries to connect all the time.
    page.take("b", b1=broker(connects=1), TxnCoordinator=broker(source="logical", connects=60, rxerrs=2))
    page.take("a", b1=broker(connects=4, disconnects=3, req_timeouts=5, txerrs=1))
    # The client has met the broker anew, and once more after it knew none.
    page.take("a", b1=broker(connects=1))
    page.take("a")
    page.take("a", b1=broker(connects=1))
    # The client was replaced.
    page.take("c", b1=broker(connects=1))
    assert page.value("connects_total") == 2 + 1 + 2 + 1 + 1 + 1
    assert page.value("disconnects_total") == 3
    assert [page.value("request_failures_total", kind=kind) for kind in ("timeout", "send", "receive")] == [
        5,
        1,
        2,
    ]


def test_kafka_is_up_while_a_client_is_connected(page: Page) -> None:
    # Nothing is known of it at first: a service whose brokers were never there must not say that all is well.
    assert page.value("up") == 0
    page.take("a", b1=broker(state="CONNECT"))
    assert page.value("up") == 0
    page.take("b", b1=broker(state="DOWN"), b2=broker())
    assert page.value("up") == 1
    broken = True
    page.figures.follow(lambda: broken)
    assert page.value("up") == 0
    broken = False
    assert page.value("up") == 1
    page.now += GONE_SECONDS + 1
    assert page.value("up") == 0


def test_most_statistics_of_a_client_are_not_read(page: Page) -> None:
    page.take("a", b1=broker(connects=1))
    page.now -= READ_EVERY_SECONDS
    page.take("a", b1=broker(connects=7))
    page.now -= 1
    page.figures.take('{"name": "a", and the rest would be an error to read')
    assert page.value("connects_total") == 1


@pytest.mark.parametrize("odd", ["", "{}", '{"name": "a"', '{"name": "a", "brokers": []}'])
def test_statistics_of_another_make_break_no_client(page: Page, odd: str) -> None:
    page.figures.take(odd)
    page.take("b", b1=broker(connects=1))
    assert page.value("connects_total") == 1


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    cluster = MockCluster()
    yield cluster
    cluster.close()


def test_a_real_client_is_counted_and_its_brokers_loss_is_told(page: Page, cluster: MockCluster) -> None:
    servers = cluster.bootstrap_servers
    settings = Settings(kafka={"bootstrap_servers": servers, "properties": {"statistics.interval.ms": 100}})
    watch = BrokerWatch(servers, page.figures.take)
    page.figures.follow(lambda: watch.broken)
    producer = Producer(producer_config(settings, watch=watch))

    def seen(name: str) -> float | None:
        page.now += READ_EVERY_SECONDS
        producer.poll(0.05)
        return page.value(name)

    producer.produce("topic", b"one")
    assert producer.flush(60) == 0
    wait_until(lambda: seen("connects_total"))
    wait_until(lambda: seen("up") == 1)
    cluster.go_down()
    wait_until(lambda: seen("up") == 0)
