"""What a scrape of a consumer with many plugins costs, as Prometheus makes it: over HTTP, and compressed.

No Kafka and no plugins run: the page is that of the metrics alone. Beside it stands what prometheus_client takes for
the same series by itself, in both formats, and for collecting them without writing a page.
Run: python benchmarks/scrape.py [--plugins N] [--scrapes N]
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import time
import urllib.request
from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.openmetrics.exposition import generate_latest as generate_open_metrics

from shotgun_consumer.metrics import Metrics
from shotgun_runtime.health import Health
from shotgun_runtime.http import StatusServer
from shotgun_runtime.metric_list import new_registry
from shotgun_runtime.settings import HttpSettings

# What Prometheus 2 sends; Prometheus 3 adds a version.
HEADERS = {
    "Accept": "application/openmetrics-text;version=1.0.0;q=0.5,application/openmetrics-text;version=0.0.1;q=0.4,"
    "text/plain;version=0.0.4;q=0.3,*/*;q=0.2",
    "Accept-Encoding": "gzip",
}


def filled(plugins: int) -> CollectorRegistry:
    registry = new_registry()
    metrics = Metrics(registry)
    for number in range(plugins):
        plugin = f"plugin_{number:03d}"
        metrics.plugin_loaded(plugin, f"{number:012x}")
        group = metrics.group(f"anim.{plugin}", plugin)
        group.callback_failures("on_event")
        group.delivered.inc(number * 1_000)
        group.callback_duration.observe(0.12345 * number)
        group.lag_seconds.set(0.12345 * number)
    return registry


def milliseconds(work: Callable[[], Any], times: int) -> dict[str, float]:
    taken = []
    work()
    for _ in range(times):
        begun = time.perf_counter()
        work()
        taken.append((time.perf_counter() - begun) * 1e3)
    return {"p50": round(statistics.median(taken), 1), "most": round(max(taken), 1)}


def measure(plugins: int, scrapes: int) -> dict[str, Any]:
    registry = filled(plugins)
    server = StatusServer(HttpSettings(host="127.0.0.1", port=0), 0, registry, Health())
    url = f"http://127.0.0.1:{server.start()}/metrics"

    def scrape() -> bytes:
        with urllib.request.urlopen(urllib.request.Request(url, headers=HEADERS)) as answer:
            return bytes(answer.read())

    try:
        body = scrape()
        page = gzip.decompress(body)
        return {
            "series": sum(not line.startswith(b"#") for line in page.splitlines()),
            "page, kB": round(len(page) / 1e3),
            "on the wire, kB": round(len(body) / 1e3),
            "a scrape, ms": milliseconds(scrape, scrapes),
            "prometheus_client text, ms": milliseconds(
                lambda: gzip.compress(generate_latest(registry)), scrapes
            ),
            "prometheus_client OpenMetrics, ms": milliseconds(
                lambda: gzip.compress(generate_open_metrics(registry)), scrapes
            ),
            "only collecting, ms": milliseconds(lambda: list(registry.collect()), scrapes),
        }
    finally:
        server.close()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--plugins", type=int, default=100)
    parser.add_argument("--scrapes", type=int, default=50)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    result = measure(options.plugins, options.scrapes)
    if options.json:
        print(json.dumps(result))
        return
    for name, figure in result.items():
        print(f"{name:<36}{figure}")


if __name__ == "__main__":
    main()
