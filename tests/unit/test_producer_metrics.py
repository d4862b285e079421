"""Dashboards and alerts name these metrics, so the page about them must be complete."""

from __future__ import annotations

import re
from pathlib import Path

from prometheus_client import CollectorRegistry

from shotgun_producer.metrics import Metrics

PAGE = Path(__file__).parents[2] / "docs" / "producer.md"
PREFIX = "shotgun_producer_"


def metric_names() -> set[str]:
    registry = CollectorRegistry()
    Metrics(registry)
    families = registry.collect()
    return {family.name + ("_total" if family.type == "counter" else "") for family in families}


def test_every_metric_has_the_prefix_and_is_described() -> None:
    described = set(re.findall(r"`(\w+)(?:\{\w+\})?`", PAGE.read_text("utf-8")))
    for name in metric_names():
        assert name.startswith(PREFIX)
        assert name.removeprefix(PREFIX) in described


def test_counters_are_there_before_they_count() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    assert registry.get_sample_value(f"{PREFIX}polls_total", {"outcome": "refused"}) == 0
    assert registry.get_sample_value(f"{PREFIX}transactions_total", {"outcome": "unknown"}) == 0
    assert registry.get_sample_value(f"{PREFIX}holes", {"tier": "cold"}) == 0
