"""Events a second: with a plugin that does nothing, with one that wants nothing, with many slow ones at once."""

from __future__ import annotations

import statistics
from typing import Any

from .stage import AWAITED, NOOP, SLOW, client_conversion, consumer, new_topic, rate, raw_loop

BOUNDS = (50, 1000)
RAW, RAW_OURS = "raw loop, the client's conversion", "raw loop, the consumer's conversion"


def nothing(servers: str, events: int, rounds: int) -> list[dict[str, Any]]:
    """A callback that does nothing, and one that wants none of the events, beside raw loops; in turns.

    One raw loop makes the client's dict with the client's own code; the other one as the consumer does, which takes a
    small part of that time.
    """
    topic = new_topic(servers, events)
    wanted, unwanted = (
        NOOP.format(event_filter="None"),
        NOOP.format(event_filter="{'Shotgun_Shot_New': None}"),
    )
    found: dict[str, list[float]] = {}
    for _ in range(rounds):
        for name, convert in ((RAW, client_conversion()), (RAW_OURS, None)):
            found.setdefault(name, []).append(raw_loop(servers, topic, events, convert))
        for bound in BOUNDS:
            with consumer(servers, topic, {"noop": wanted}, max_uncommitted=bound) as running:
                found.setdefault(f"no-op, max_uncommitted {bound}", []).append(rate(running, events))
        with consumer(servers, topic, {"unwanted": unwanted}) as running:
            found.setdefault("wanted by nobody", []).append(rate(running, events, "filtered"))
    medians = {name: statistics.median(figures) for name, figures in found.items()}
    noop = medians[f"no-op, max_uncommitted {BOUNDS[0]}"]
    return [
        {
            "case": name,
            "events_per_second": round(figure),
            "ratio": round(figure / medians[RAW], 2),
            "ratio_ours": round(figure / medians[RAW_OURS], 2),
            "times_no_op": round(figure / noop, 2),
        }
        for name, figure in medians.items()
    ]


def lanes(servers: str, events: int) -> dict[str, Any]:
    """Callbacks of 20 ms, 64 at once, 500 entities: events a second as a share of 64 / 0.02 s."""
    topic = new_topic(servers, events, entities=500)
    options = {"plugins": {"slow": {"concurrency": 64}}}
    with consumer(servers, topic, {"slow": SLOW.format(seconds=0.02)}, **options) as running:
        found = rate(running, events)
    ideal = 64 / 0.02
    return {"events_per_second": round(found), "ideal": round(ideal), "ratio": round(found / ideal, 2)}


def awaited(servers: str, events: int) -> list[dict[str, Any]]:
    """Async callbacks of 200 ms, 1,000 at once, 5,000 entities: events a second as a share of 1,000 / 0.2 s."""
    topic = new_topic(servers, events, entities=5_000)
    text = AWAITED.format(at_once=1_000, seconds=0.2)
    ideal = 1_000 / 0.2
    found = {}
    for bound in BOUNDS:
        with consumer(servers, topic, {"awaited": text}, max_uncommitted=bound) as running:
            found[bound] = rate(running, events)
    return [
        {
            "case": f"1,000 awaited, max_uncommitted {bound}",
            "events_per_second": round(figure),
            "ideal": round(ideal),
            "ratio": round(figure / ideal, 2),
        }
        for bound, figure in found.items()
    ]
