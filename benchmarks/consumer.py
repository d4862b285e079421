"""The consumer against what it promises, as ratios to a raw loop, the ideal, or another case of this run.

Broker and consumers are processes of their own, started by this command. The topic is the producer's: one Avro record
an event, with the event id as key and the headers of docs/wire.md, 500 a transaction.
Run: python benchmarks/consumer.py [--full] [--events N] [--only no-op|lanes|async|idle|fetched|members]
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from typing import Any

from consumer_bench.callbacks import awaited, lanes, nothing
from consumer_bench.members import fetched, idle, members
from producer import lines

from shotgun_sandbox.broker import Broker

Part = Callable[[Broker, int], Any]
QUICK: dict[str, Part] = {
    "no-op": lambda broker, events: nothing(broker.bootstrap_servers, events or 20_000, 3),
    "lanes": lambda broker, events: lanes(broker.bootstrap_servers, events or 10_000),
    "async": lambda broker, events: awaited(broker.bootstrap_servers, events or 40_000),
    "idle": lambda broker, _: idle(broker.bootstrap_servers, 50, 20),
    "fetched": lambda broker, events: fetched(broker, events or 60_000, 40),
    "members": lambda broker, events: members(broker.bootstrap_servers, events or 100_000),
}
FULL: dict[str, Part] = {
    **QUICK,
    "no-op": lambda broker, events: nothing(broker.bootstrap_servers, events or 50_000, 5),
    "lanes": lambda broker, events: lanes(broker.bootstrap_servers, events or 50_000),
    "async": lambda broker, events: awaited(broker.bootstrap_servers, events or 100_000),
    "idle": lambda broker, _: idle(broker.bootstrap_servers, 50, 60),
}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=tuple(FULL), action="append", help="Only this part.")
    parser.add_argument(
        "--full", action="store_const", const=FULL, default=QUICK, help="Longer, and in turns."
    )
    parser.add_argument("--events", type=int, default=0, help="Events of a part, instead of the usual.")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with Broker() as broker:
        for name in options.only or FULL:
            results[name] = options.full[name](broker, options.events)
            if not options.json:
                print(f"{name}\n", *lines(results[name]), sep="\n", end="\n\n", flush=True)
    if options.json:
        print(json.dumps(results))


if __name__ == "__main__":
    main()
