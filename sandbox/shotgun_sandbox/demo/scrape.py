"""Reads a service's `/metrics`, as Prometheus would."""

from __future__ import annotations

import http.client
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample


@dataclass(frozen=True, slots=True)
class Scrape:
    """The samples of one moment; none when the service did not answer."""

    samples: Sequence[Sample] = ()

    def total(self, name: str, **labels: str) -> float:
        """Sum of the samples called `name` that have these labels."""
        return sum(
            sample.value
            for sample in self.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def by(self, label: str, name: str, **labels: str) -> dict[str, float]:
        """The same, for each value of `label`."""
        sums: defaultdict[str, float] = defaultdict(float)
        for sample in self.samples:
            if sample.name == name and label in sample.labels and labels.items() <= sample.labels.items():
                sums[sample.labels[label]] += sample.value
        return dict(sums)


def scrape(port: int, timeout: float = 2.0) -> Scrape:
    """The metrics of the service on this port of 127.0.0.1; empty while it does not answer. `timeout` in seconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        return Scrape(
            [sample for family in text_string_to_metric_families(text) for sample in family.samples]
        )
    except (OSError, http.client.HTTPException, ValueError):
        return Scrape()
    finally:
        connection.close()
