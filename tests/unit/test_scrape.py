"""The page of metrics: what prometheus_client would write, only quicker, in the format that Prometheus takes."""

from __future__ import annotations

import gzip
import http.client
import math
from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from shotgun_consumer.metrics import Metrics
from shotgun_runtime.health import Health
from shotgun_runtime.http import StatusServer
from shotgun_runtime.metric_page import MetricPage
from shotgun_runtime.settings import HttpSettings

PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
)


@pytest.fixture
def registry() -> CollectorRegistry:
    """A consumer with a hundred plugins, and values and labels of every kind."""
    registry = CollectorRegistry()
    metrics = Metrics(registry)
    for number in range(100):
        plugin = f"plugin_{number:03d}"
        metrics.plugin_loaded(plugin, f"{number:012x}")
        group = metrics.group(f"anim.{plugin}", plugin)
        group.callback_failures("on_event").inc(number)
        group.callback_duration.observe(number / 7)
    odd = Gauge("odd", 'A "meaning" with \\ and\na line.', ["of"], registry=registry)
    for of, value in (('"', math.nan), ("\\n", math.inf), ("a\nb", -math.inf), ("ä,}=", -1e-9), ("", 1e21)):
        odd.labels(of).set(value)
    return registry


def series(page: bytes) -> dict[tuple[object, ...], str]:
    return {
        (family.type, family.documentation, sample.name, *sorted(sample.labels.items())): repr(sample.value)
        for family in text_string_to_metric_families(page.decode())
        for sample in family.samples
    }


def test_the_page_says_what_the_client_library_would_say(registry: CollectorRegistry) -> None:
    page = MetricPage(registry)
    for _ in range(2):
        assert page.text() == generate_latest(registry)
    assert len(series(page.text())) > 3_900


def test_a_page_of_a_hundred_plugins_is_small(registry: CollectorRegistry) -> None:
    assert len(MetricPage(registry).text()) < 500_000
    assert len(MetricPage(registry).compressed()) < 50_000


def test_later_pages_follow_the_values_and_the_series_that_come_and_go() -> None:
    registry = CollectorRegistry()
    events = Counter("events", "Events.", ["kind"], registry=registry)
    Histogram("took_seconds", "Time.", ["kind"], buckets=(1.0,), registry=registry).labels("a").observe(2)
    page = MetricPage(registry)
    for change in (
        lambda: events.labels("a").inc(),
        lambda: events.labels("a").inc(0.5),
        lambda: events.labels("b"),
        lambda: events.remove("a"),
    ):
        change()
        assert series(page.text()) == series(generate_latest(registry))


@pytest.fixture
def port(registry: CollectorRegistry) -> Iterator[int]:
    server = StatusServer(HttpSettings(host="127.0.0.1", port=0), 0, registry, Health())
    yield server.start()
    server.close()


def ask(port: int, path: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request(
            "GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()}
        )
        answer = connection.getresponse()
        return answer, answer.read()
    finally:
        connection.close()


def test_prometheus_gets_the_compressed_text(port: int, registry: CollectorRegistry) -> None:
    answer, body = ask(port, "/metrics", Accept=PROMETHEUS_2, Accept_Encoding="gzip")
    assert answer.getheader("Content-Type") == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.getheader("Content-Encoding") == "gzip"
    assert gzip.decompress(body) == generate_latest(registry)


def test_a_reader_that_takes_no_gzip_gets_none(port: int, registry: CollectorRegistry) -> None:
    answer, body = ask(port, "/metrics", Accept="*/*")
    assert answer.getheader("Content-Encoding") is None
    assert body == generate_latest(registry)


def test_single_metrics_can_be_asked_for(port: int) -> None:
    _, body = ask(port, "/metrics?name[]=shotgun_consumer_build_info")
    assert {key[2] for key in series(body)} == {"shotgun_consumer_build_info"}
