"""Rules and dashboard name metrics of the lists, so that a renamed one is noticed within a second."""

from __future__ import annotations

from monitoring_files import expressions, rules
from promql import metric_names

from shotgun_consumer.metrics import DEFINITIONS as CONSUMER
from shotgun_producer.metrics import DEFINITIONS as PRODUCER

# What Prometheus and its client for Python add.
OTHERS = {"up", "ALERTS", "process_cpu_seconds_total", "process_resident_memory_bytes"}


def known() -> set[str]:
    names = {definition.name for definition in (*PRODUCER, *CONSUMER) if definition.kind != "histogram"}
    histograms = {definition.name for definition in (*PRODUCER, *CONSUMER) if definition.kind == "histogram"}
    return names | {f"{name}_{part}" for name in histograms for part in ("bucket", "sum", "count")}


def test_every_metric_is_one_of_ours() -> None:
    recorded = {rule["record"] for rule in rules() if "record" in rule}
    for where, text in expressions().items():
        expr = text.replace("$__rate_interval", "1m").replace("$__range", "1m")
        assert metric_names(expr) <= known() | recorded | OTHERS, where


def test_every_recorded_series_is_used() -> None:
    used = {name for rule in rules() if "alert" in rule for name in metric_names(str(rule["expr"]))}
    assert {rule["record"] for rule in rules() if "record" in rule} <= used
