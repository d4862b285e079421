"""A hundred plugins in one process: each gets every event, the page of metrics stays small, and the stop is in time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Team, event
from prometheus_client.parser import text_string_to_metric_families
from support import Kafka, Process, wait_until

pytestmark = pytest.mark.kafka

PLUGINS = [f"plugin_{number:03d}" for number in range(100)]
EVENTS = 20
MAX_SERIES = 40
MAX_BUCKETS = 10
MAX_PAGE = 500_000


@pytest.fixture
def team(tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]) -> Team:
    return Team(tmp_path, EventStream(kafka), spawn)


def test_a_hundred_plugins_in_one_process_get_every_event_and_stop_in_time(team: Team) -> None:
    # Given a hundred plugins, and a stream
    for name in PLUGINS:
        team.note_taker(name)
    team.stream.publish(event(n) for n in range(1, EVENTS + 1))
    # When one process runs them all
    member = team.run().wait_ready()
    # Then each gets each event, once and in order
    for name in PLUGINS:
        wait_until(lambda name=name: len(team.notes(name)) >= EVENTS)  # type: ignore[misc]
        assert team.notes(name) == list(range(1, EVENTS + 1))
    # And the page of metrics is one that a Prometheus can bear
    team.stream.wait_for_no_lag(*map(team.group, PLUGINS))
    page = member.get("/metrics")[1]
    assert len(page) < MAX_PAGE
    series = _series(page)
    assert set(PLUGINS) <= set(series)
    assert {name: count for name, count in series.items() if count > MAX_SERIES} == {}
    assert {name: count for name, count in _buckets(page).items() if count > MAX_BUCKETS} == {}
    # And it tells how the brokers answer
    wait_until(
        lambda: _sum(member.get("/metrics")[1], "shotgun_consumer_kafka_connects_total") >= len(PLUGINS)
    )
    wait_until(lambda: _sum(member.get("/metrics")[1], "shotgun_consumer_kafka_round_trip_seconds") > 0)
    assert _sum(member.get("/metrics")[1], "shotgun_consumer_kafka_up") == 1
    # And all of them leave within the time to stop
    assert member.process.terminate() == 0
    assert "did not stop within" not in member.process.stdout


def _sum(page: str, name: str) -> float:
    """The sum of a metric's series."""
    return sum(
        sample.value
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name == name
    )


def _series(page: str) -> Counter[str]:
    """How many series each plugin has."""
    return Counter(
        sample.labels["plugin"]
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if "plugin" in sample.labels
    )


def _buckets(page: str) -> Counter[tuple[str, ...]]:
    """How many buckets each histogram has."""
    return Counter(
        (sample.name, *(value for label, value in sorted(sample.labels.items()) if label != "le"))
        for family in text_string_to_metric_families(page)
        for sample in family.samples
        if sample.name.endswith("_bucket")
    )
