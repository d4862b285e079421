"""What a backfill costs the live events: their latency while one is under way, as a ratio to the usual."""

from __future__ import annotations

import time
from typing import Any

from shotgun_producer.backfill.job import Job
from shotgun_runtime.control import ControlWriter
from shotgun_runtime.settings import Settings
from shotgun_schemas.control import backfill_key

from .catch_up import LATENCY_MS
from .latency import following, measure, quantile
from .stage import Producer, site, until

RATE = 20.0


def backfill(servers: str, events: int, intervals: tuple[float, ...], seconds: float) -> list[dict[str, Any]]:
    """A row of figures for each poll interval (seconds), measured for so many seconds without and with a backfill."""
    table = []
    with site(events=events, latency_ms=LATENCY_MS, seed=1) as one:
        for interval in intervals:
            with following(servers, one, interval) as running:
                running.wait_active()
                usual = measure(servers, one, running, RATE, seconds)
                _order_the_past(servers, running)
                before, started = running.figures(), time.monotonic()
                during = measure(servers, one, running, RATE, seconds)
                after, took = running.figures(), time.monotonic() - started
            published = after["events_published_total"] - before["events_published_total"] - len(during)
            row: dict[str, Any] = {
                "poll_interval_ms": round(interval * 1000),
                "live_events_per_second": RATE,
                "backfilled_per_second": round(published / took),
                "backfill_was_under_way_to_the_end": after["backfill_ids"] > 0,
            }
            for name, share in (("p50", 0.5), ("p99", 0.99)):
                alone, beside = quantile(usual, share), quantile(during, share)
                row |= {
                    f"usual_{name}_ms": alone,
                    f"{name}_ms": beside,
                    f"{name}_ratio": round(beside / alone, 2),
                }
            table.append(row)
    return table


def _order_the_past(servers: str, running: Producer) -> None:
    """Asks for a backfill, and waits until the first of it is published."""
    control = {"stream": {"control_topic": f"{running.topic}.control"}}
    writer = ControlWriter(Settings.model_validate({"kafka": {"bootstrap_servers": servers}, **control}))
    writer.put(backfill_key("bench"), by="bench", reason="bench", **Job("bench", 1, 10**9).fields)
    writer.close()
    published = running.figures()["events_published_total"]
    until(lambda: running.figures()["events_published_total"] > published, "the backfill is under way", 120)
