"""The producer against what it promises: catch-up, CPU by part, latency, backfill, idle. Ratios matter more than times.

Site, broker and producer are processes of their own, started by this command. The default is quick; the figures in
docs/producer.md are those of `--full`, which takes about fifteen minutes.
Run: python benchmarks/producer.py [--full] [--events N] [--only catch-up|cpu|latency|backfill|idle]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from producer_bench.backfill import backfill
from producer_bench.catch_up import catch_up
from producer_bench.cpu import cpu
from producer_bench.idle import idle
from producer_bench.latency import latency

from shotgun_sandbox.broker import Broker

Part = Callable[[str, int], Any]
QUICK: dict[str, Part] = {
    "catch-up": lambda servers, events: catch_up(servers, events or 30_000, (1, 8)),
    "cpu": lambda servers, events: cpu(servers, events or 10_000, 1),
    "latency": lambda servers, _: latency(servers, (20.0,), (1.0, 0.25), 10),
    "backfill": lambda servers, events: backfill(servers, events or 100_000, (1.0,), 10),
    "idle": lambda servers, _: idle(servers, 10),
}
FULL: dict[str, Part] = {
    "catch-up": lambda servers, events: catch_up(servers, events or 200_000, (1, 2, 4, 8)),
    "cpu": lambda servers, events: cpu(servers, events or 40_000, 3),
    "latency": lambda servers, _: latency(servers, (1.0, 20.0, 200.0), (1.0, 0.25), 60),
    "backfill": lambda servers, events: backfill(servers, events or 400_000, (1.0, 0.25), 40),
    "idle": lambda servers, _: idle(servers, 20),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=tuple(FULL), action="append", help="Only this part.")
    parser.add_argument(
        "--full", action="store_const", const=FULL, default=QUICK, help="All cases, 200,000 events."
    )
    parser.add_argument(
        "--events", type=int, default=0, help="Events of catch-up and cpu, instead of the usual."
    )
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with Broker() as broker:
        for name in options.only or FULL:
            results[name] = options.full[name](broker.bootstrap_servers, options.events)
            if not options.json:
                print(f"{name}\n", *lines(results[name]), sep="\n", end="\n\n", flush=True)
    if options.json:
        print(json.dumps(results))


def lines(result: Any) -> list[str]:
    rows = result if isinstance(result, list) else [{name: value} for name, value in result.items()]
    return ["  " + "  ".join(f"{name}={_text(value)}" for name, value in row.items()) for row in rows]


def _text(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {one}" for name, one in value.items()) + "}"
    return f"{value:,}" if isinstance(value, int) else str(value)


if __name__ == "__main__":
    main()
