"""Dashboards and alerts are built on the metrics: the page about them is complete, and their names keep the rules."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families
from prometheus_install import PrometheusMissingError, prometheus_folder
from support import Process, cannot_be_had, wait_until

from shotgun_consumer import metrics as consumer_metrics
from shotgun_producer import metrics as producer_metrics
from shotgun_runtime.metric_list import Definition

ROOT = Path(__file__).parents[2]
SERVICES = {"producer": producer_metrics.DEFINITIONS, "consumer": consumer_metrics.DEFINITIONS}
ALL = [*itertools.chain.from_iterable(SERVICES.values())]
PROCESS = (
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_start_time_seconds",
    "python_gc_collections_total",
)
# What Prometheus, or the client, puts there by itself.
RESERVED_ENDS = ("_bucket", "_count", "_sum", "_created", "_gcount", "_gsum")
RESERVED_LABELS = {"le", "quantile", "job", "instance"}
ABBREVIATED = re.compile(
    r"_(ms|millis|milliseconds|us|ns|sec|secs|min|minutes|hours|days|kb|mb|percent)(_|$)"
)


def named(definition: Definition) -> str:
    return definition.name


@pytest.mark.parametrize("one", ALL, ids=named)
class TestConventions:
    def test_the_name_tells_service_kind_and_unit(self, one: Definition) -> None:
        assert re.fullmatch(r"shotgun_(producer|consumer)_[a-z]+(_[a-z]+)*", one.name)
        assert one.name.endswith("_total") == (one.kind == "counter")
        stem = one.name.removesuffix("_total")
        assert stem.endswith("_seconds") == (one.unit in ("seconds", "timestamp"))
        assert stem.endswith("_timestamp_seconds") == (one.unit == "timestamp")
        assert stem.endswith("_bytes") == (one.unit == "bytes")
        assert stem.endswith("_info") == (one.unit == "info")
        assert stem.endswith("_id") == (one.unit == "id")
        assert not stem.endswith(RESERVED_ENDS)
        assert not ABBREVIATED.search(stem)
        if one.unit in ("flag", "info", "id", "timestamp"):
            assert one.kind == "gauge"

    def test_the_meaning_is_a_sentence(self, one: Definition) -> None:
        assert re.fullmatch(r"[A-Z0-9].*[^.]\.", one.help)
        assert "\n" not in one.help
        assert "|" not in one.help
        if one.unit == "flag":
            assert re.match(r"[01] (while|when|during) ", one.help)

    def test_labels_are_bounded(self, one: Definition) -> None:
        names = [label.name for label in one.labels]
        assert len(names) == len(set(names))
        for label in one.labels:
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", label.name)
            assert label.name not in RESERVED_LABELS
            assert bool(label.values) != bool(label.bound), "either all values, or what bounds them"

    def test_buckets_rise_and_fit_the_unit(self, one: Definition) -> None:
        assert bool(one.buckets) == (one.kind == "histogram")
        assert sorted(set(one.buckets)) == list(one.buckets)
        if one.name.endswith("_duration_seconds"):
            assert one.buckets[0] <= 0.01
        if one.name.startswith("shotgun_consumer_"):
            # A plugin has these; a hundred plugins may be in one process.
            assert len(one.buckets) < 10


def test_durations_of_callbacks_requests_and_transactions_are_told_from_a_millisecond_to_ten_minutes() -> (
    None
):
    told = {one.name: (one.buckets[0], one.buckets[-1]) for one in ALL if one.kind == "histogram"}
    for name in (
        "shotgun_producer_poll_duration_seconds",
        "shotgun_producer_transaction_duration_seconds",
        "shotgun_consumer_callback_duration_seconds",
    ):
        assert told[name] == (0.001, 600.0)


def test_no_name_is_taken_twice_and_each_begins_with_its_service() -> None:
    assert len({one.name for one in ALL}) == len(ALL)
    for service, definitions in SERVICES.items():
        assert all(one.name.startswith(f"shotgun_{service}_") for one in definitions)


def test_build_info_has_the_same_labels_in_both_services() -> None:
    labels = {
        service: tuple(
            label.name for one in definitions if one.name.endswith("_build_info") for label in one.labels
        )
        for service, definitions in SERVICES.items()
    }
    assert labels["producer"] == labels["consumer"] == ("version", "python", "librdkafka")


def test_the_page_about_the_metrics_is_what_the_lists_say(tmp_path: Path) -> None:
    written = ROOT / "docs" / "metrics.md"
    done = subprocess.run(
        [sys.executable, ROOT / "deploy" / "metrics_page.py", "--print"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert written.read_text("utf-8") == done.stdout, (
        "docs/metrics.md is out of date; run `make metrics-page`"
    )
    for name in (*PROCESS, *map(named, ALL)):
        assert f"`{name}`" in done.stdout


def test_series_with_known_labels_are_there_before_they_count() -> None:
    registry = CollectorRegistry()
    producer_metrics.Metrics(registry)
    for one in producer_metrics.DEFINITIONS:
        for label in one.labels:
            for value in label.values:
                assert registry.get_sample_value(one.name, {label.name: value}) == 0
    metrics = consumer_metrics.Metrics(registry)
    metrics.group("anim.notify", "notify")
    for outcome in consumer_metrics.OUTCOMES:
        labels = {"group": "anim.notify", "plugin": "notify", "outcome": outcome}
        assert registry.get_sample_value("shotgun_consumer_events_total", labels) == 0


@pytest.fixture
def started(tmp_path: Path, spawn: Callable[..., Process]) -> dict[str, str]:
    """The pages of both services as they are when they have just been started, and neither Kafka nor site answers."""
    plugins = tmp_path / "plugins"
    plugins.mkdir()
    (plugins / "notify.py").write_text(
        "def registerCallbacks(reg):\n    reg.registerCallback(None, None, print)\n"
    )
    env = {
        "SHOTGUN_STREAM_SHOTGUN__URL": "http://127.0.0.1:9",
        "SHOTGUN_STREAM_SHOTGUN__SCRIPT_NAME": "metrics",
        "SHOTGUN_STREAM_SHOTGUN__API_KEY": "key",
        "SHOTGUN_STREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "SHOTGUN_STREAM_HTTP__HOST": "127.0.0.1",
        "SHOTGUN_STREAM_HTTP__PORT": "0",
        "SHOTGUN_STREAM_CONSUMER__TEAM": "anim",
        "SHOTGUN_STREAM_CONSUMER__PLUGIN_PATHS": str(plugins),
    }
    processes = {service: spawn([f"shotgun-{service}", "run"], env=env) for service in SERVICES}
    return {service: fetch(process) for service, process in processes.items()}


def fetch(process: Process) -> str:
    port = wait_until(lambda: re.search(r"served on port (\d+)", process.stdout + process.stderr))[1]
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=20) as answer:
        return str(answer.read().decode())


def families(page: str) -> Iterator[Metric]:
    yield from text_string_to_metric_families(page)


def test_a_started_service_tells_all_of_its_list_and_of_its_process(started: dict[str, str]) -> None:
    for service, page in started.items():
        told = {
            family.name + ("_total" if family.type == "counter" else ""): family for family in families(page)
        }
        for one in SERVICES[service]:
            family = told.pop(one.name)
            assert (family.type, family.documentation) == (one.kind, one.help)
            for label in one.labels:
                seen = {sample.labels[label.name] for sample in family.samples}
                assert label.bound or seen <= set(label.values)
        assert {name for name in told if name.startswith("shotgun_")} == set()
        if sys.platform == "linux":
            assert set(PROCESS) <= set(told)
        assert re.search(rf'^shotgun_{service}_build_info{{.*version="[0-9.]+"}} 1.0$', page, re.MULTILINE)
        assert f"\nshotgun_{service}_kafka_up 0.0\n" in page
        # No second series for each, with the time at which it was made.
        assert "_created" not in page


@pytest.fixture
def promtool() -> Path:
    try:
        return prometheus_folder(os.environ) / "promtool"
    except PrometheusMissingError as error:
        cannot_be_had("Prometheus", str(error), os.environ)
        raise


def test_promtool_finds_nothing_to_object_to(started: dict[str, str], promtool: Path) -> None:
    for page in started.values():
        done = subprocess.run(
            [promtool, "check", "metrics"], input=page, capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout + done.stderr) == (0, "")
