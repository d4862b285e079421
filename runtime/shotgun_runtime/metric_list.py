"""Metrics that are declared in one list, each with its unit, labels and meaning, and made from it."""

from __future__ import annotations

import importlib.metadata
import itertools
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal, TypeVar

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)

from shotgun_runtime.cli import DISTRIBUTION

Kind = Literal["counter", "gauge", "histogram"]
Unit = Literal["count", "seconds", "bytes", "timestamp", "flag", "info", "id"]
M = TypeVar("M", Counter, Gauge, Histogram)

UNITS: Mapping[Unit, str] = {
    "count": "a number of what the name says",
    "seconds": "seconds",
    "bytes": "bytes",
    "timestamp": "seconds since 1970, by the clock of the machine that runs the service",
    "flag": "1 or 0",
    "info": "always 1: what it tells is in the labels",
    "id": "an event id",
}
"""Each unit in words."""

_CLASSES = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


@dataclass(frozen=True, slots=True)
class Label:
    """A label. Either `values` holds all that it can have, or `bound` says what limits their number."""

    name: str
    values: tuple[str, ...] = ()
    bound: str = ""


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric. `name` is whole, with prefix and suffix; `help` is a sentence that says what it tells."""

    name: str
    kind: Kind
    unit: Unit
    help: str
    labels: tuple[Label, ...] = ()
    buckets: tuple[float, ...] = ()


def build_info(prefix: str) -> Definition:
    """The metric that tells what runs, with the same labels in each service."""
    return Definition(
        f"{prefix}build_info",
        "gauge",
        "info",
        "What runs: the versions of Shotgun Stream, of Python and of librdkafka.",
        tuple(Label(name, bound="one for each process") for name in ("version", "python", "librdkafka")),
    )


def new_registry() -> CollectorRegistry:
    """A registry for one run, with what Prometheus expects of every process: CPU, memory, files, collections."""
    registry = CollectorRegistry()
    for collector in (ProcessCollector, PlatformCollector, GCCollector):
        collector(registry=registry)
    return registry


def _client_version() -> str:
    # The kit for authors' tests makes metrics too, and works where Kafka's client is not installed.
    try:
        from confluent_kafka import libversion
    except ImportError:
        return "none"
    return str(libversion()[0])


class MetricSet:
    """The metrics of a list, registered in a registry of one's own.

    Series whose labels have known values are there from the start, at 0; `build_info` is set when it is in the list.
    """

    def __init__(self, registry: CollectorRegistry, prefix: str, definitions: Iterable[Definition]) -> None:
        # Else each counter and histogram would have a further series, with the time at which it was made.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._prefix = prefix
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        for definition in definitions:
            names = [label.name for label in definition.labels]
            options = {"buckets": definition.buckets} if definition.buckets else {}
            metric = self._metrics[definition.name] = _CLASSES[definition.kind](
                definition.name, definition.help, names, registry=registry, **options
            )
            if names:
                for values in itertools.product(*(label.values for label in definition.labels)):
                    metric.labels(*values)
        if f"{prefix}build_info" in self._metrics:
            versions = (
                importlib.metadata.version(DISTRIBUTION),
                platform.python_version(),
                _client_version(),
            )
            self.take(Gauge, "build_info").labels(*versions).set(1)

    def take(self, kind: type[M], name: str) -> M:
        """The metric of this name without the prefix. Raises KeyError or TypeError for one that is not in the list."""
        metric = self._metrics[self._prefix + name]
        if not isinstance(metric, kind):
            raise TypeError(f"{self._prefix}{name} is a {type(metric).__name__}, not a {kind.__name__}")
        return metric
