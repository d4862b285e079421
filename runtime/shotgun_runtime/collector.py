"""Python's cycle collector, set up for a service that makes very many small objects."""

from __future__ import annotations

import gc

YOUNG_OBJECTS = 20_000
"""A page of 500 rows makes about so many containers. With Python's own 700 it is looked through thirty times."""


def relax_collector() -> None:
    """Looks for cycles less often, and never among the objects that are there now. Call it once, before the work.

    Events are trees: nearly all objects of a service are freed without the collector, which took a quarter of the CPU
    time of an event (`benchmarks/producer.py --only cpu`). Cycles are still found, only later.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, 10, 50)
