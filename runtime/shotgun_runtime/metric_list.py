"""Metrics that are declared in one list, each with its meaning, and made from it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

Kind = Literal["counter", "gauge", "histogram"]
M = TypeVar("M", Counter, Gauge, Histogram)

_CLASSES = {"counter": Counter, "gauge": Gauge, "histogram": Histogram}


@dataclass(frozen=True, slots=True)
class Definition:
    """One metric: seconds or bytes where the name says so, else a count. `name` is whole, with prefix and unit."""

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    buckets: tuple[float, ...] = ()


class MetricSet:
    """The metrics of a list, registered in a registry of one's own."""

    def __init__(self, registry: CollectorRegistry, prefix: str, definitions: Iterable[Definition]) -> None:
        # Else each counter and histogram would have a further series, with the time at which it was made.
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self._prefix = prefix
        self._metrics: dict[str, Counter | Gauge | Histogram] = {}
        for definition in definitions:
            options = {"buckets": definition.buckets} if definition.buckets else {}
            self._metrics[definition.name] = _CLASSES[definition.kind](
                definition.name, definition.help, definition.labels, registry=registry, **options
            )

    def take(self, kind: type[M], name: str) -> M:
        """The metric of this name without the prefix. Raises KeyError or TypeError for one that is not in the list."""
        metric = self._metrics[self._prefix + name]
        if not isinstance(metric, kind):
            raise TypeError(f"{self._prefix}{name} is a {type(metric).__name__}, not a {kind.__name__}")
        return metric
