"""Writes docs/metrics.md from the services' lists of metrics: `make metrics-page`. With --print it is only printed."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path

from shotgun_consumer.metrics import DEFINITIONS as CONSUMER
from shotgun_producer.metrics import DEFINITIONS as PRODUCER
from shotgun_runtime.metric_list import UNITS, Definition, Label

PAGE = Path(__file__).parents[1] / "docs" / "metrics.md"
COMMAND = "make metrics-page"

_HEAD = f"""\
# Metrics

<!-- Written by `{COMMAND}` from metrics.py of producer and consumer: change it there. -->

`/metrics` of each service answers in the Prometheus and OpenMetrics formats, on port 9464 (producer) and 9465
(consumer) unless `http.port` says otherwise. The names are a promise: when one changes, the changelog says so.

Where a label's values are listed here, each of its series is there from the start, at 0. Counters begin at 0 with each
process, and an event that is repeated after a restart counts again: sums over restarts may exceed the number of events,
never fall short of it.
"""
_TABLE = "| metric | type | unit | labels | meaning |\n|---|---|---|---|---|\n"
_LABELS = "| label | values |\n|---|---|\n"
_PROCESS = """\
## Every process

Both services tell what prometheus_client tells of a Python process on Linux.

| metric | type | unit | labels | meaning |
|---|---|---|---|---|
| `process_cpu_seconds_total` | counter | seconds | | CPU time that was used, of user and system. |
| `process_resident_memory_bytes` | gauge | bytes | | Memory that is held in RAM. |
| `process_virtual_memory_bytes` | gauge | bytes | | Address space. |
| `process_open_fds`, `process_max_fds` | gauge | count | | Files and sockets that are open, and how many may be. |
| `process_start_time_seconds` | gauge | timestamp | | When the process was started. |
| `python_info` | gauge | info | `version`, `implementation`, `major`, `minor`, `patchlevel` | The Python that runs. |
| `python_gc_collections_total` | counter | count | `generation` | Runs of the cycle collector. |
| `python_gc_objects_collected_total` | counter | count | `generation` | Objects that it freed. |
| `python_gc_objects_uncollectable_total` | counter | count | `generation` | Objects that it could not free. |
"""
_UNITS = "## Units\n\n| unit | is |\n|---|---|\n"


def page() -> str:
    """The whole page."""
    units = "".join(f"| {unit} | {words} |\n" for unit, words in UNITS.items())
    return "\n".join(
        [_HEAD, _section("Producer", PRODUCER), _section("Consumer", CONSUMER), _PROCESS, _UNITS + units]
    )


def _section(title: str, definitions: Iterable[Definition]) -> str:
    listed = list(definitions)
    rows = "".join(
        f"| `{one.name}` | {one.kind} | {one.unit} | {', '.join(map(_label, one.labels))} | {one.help} |\n"
        for one in listed
    )
    bounds = dict.fromkeys((label.name, label.bound) for one in listed for label in one.labels if label.bound)
    labels = "".join(f"| `{name}` | {bound} |\n" for name, bound in bounds)
    return f"## {title}\n\n{_TABLE}{rows}\n{_LABELS}{labels}"


def _label(label: Label) -> str:
    values = f" ({', '.join(label.values)})" if label.values else ""
    return f"`{label.name}`{values}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--print"]:
        print(page(), end="")
    else:
        PAGE.write_text(page(), "utf-8")
