"""What a producer costs while nothing happens."""

from __future__ import annotations

import time
from typing import Any

from .stage import producer, site

CASES = (
    ("a poll a second", 0.0, "1s"),
    ("a poll every 5 s, as after some minutes", 0.0, "5s"),
    ("a poll a second, many holes", 0.09, "1s"),
    ("a poll every 5 s, many holes", 0.09, "5s"),
)


def idle(servers: str, seconds: float) -> list[dict[str, Any]]:
    """CPU of a core in percent, for each case."""
    table = []
    for name, dead, interval in CASES:
        with (
            site(events=12_000, dead=dead, seed=1) as one,
            producer(servers, one, start="latest", poll_interval=interval) as running,
        ):
            running.wait_active()
            time.sleep(2)
            before, started = running.figures(), time.monotonic()
            time.sleep(seconds)
            after, ended = running.figures(), time.monotonic()
        used = after["process_cpu_seconds_total"] - before["process_cpu_seconds_total"]
        table.append(
            {
                "case": name,
                "holes": round(after["holes"]),
                "polls": round(after["polls_total"] - before["polls_total"]),
                "cpu_percent": round(used / (ended - started) * 100, 2),
                "rss_mb": round(after["process_resident_memory_bytes"] / 2**20),
            }
        )
    return table
