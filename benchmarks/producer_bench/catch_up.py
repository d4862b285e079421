"""How fast a producer reads what lies far behind, by the number of requests at once, and in how much memory."""

from __future__ import annotations

import time
from typing import Any

from .stage import Producer, Site, producer, site

LATENCY_MS = 175
"""Median of a small read. A page of 500 rows takes 1.88 times as long in the simulated site: 330 ms."""


def catch_up(servers: str, events: int, requests: tuple[int, ...]) -> list[dict[str, Any]]:
    """A row of figures for each number of requests at once; `ratio` is to the first of them."""
    table: list[dict[str, Any]] = []
    with site(events=events, latency_ms=LATENCY_MS, seed=1) as one:
        for count in requests:
            figures = _measure(servers, one, events, count)
            first = table[0]["events_per_second"] if table else figures["events_per_second"]
            table.append({**figures, "ratio": round(figures["events_per_second"] / first, 2)})
    return table


def _measure(servers: str, one: Site, events: int, count: int) -> dict[str, Any]:
    with producer(servers, one, start="earliest", parallel_requests=count) as running:
        points = _watch(running, events)
    (begin, first, _, cpu_before), (end, last, _, cpu_after) = points[0], points[-1]
    rate = (last - first) / (end - begin)
    return {
        "parallel_requests": count,
        "events_per_second": round(rate),
        "seconds": round(end - begin, 1),
        "cpu_us_per_event": round((cpu_after - cpu_before) / (last - first) * 1e6, 1),
        "cpu_percent": round((cpu_after - cpu_before) / (end - begin) * 100),
        "rss_mb": {
            f"{share}%": round(
                next(rss for _, done, rss, _ in points if done >= events * share / 100) / 2**20
            )
            for share in (25, 50, 75, 100)
        },
    }


def _watch(running: Producer, events: int) -> list[tuple[float, float, float, float]]:
    """Time, events published, resident bytes and CPU seconds, from the first event published to the last."""
    points: list[tuple[float, float, float, float]] = []
    while not points or points[-1][1] < events:
        figures = running.figures()
        if figures["events_published_total"]:
            points.append(
                (
                    time.monotonic(),
                    figures["events_published_total"],
                    figures["process_resident_memory_bytes"],
                    figures["process_cpu_seconds_total"],
                )
            )
        time.sleep(0.5)
    return points
