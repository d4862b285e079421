"""What a backfill would do, found out before it is asked for."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from math import ceil

from shotgun_schemas.checkpoint import Backfill, Checkpoint

from ..backfill.backfills import Backfills
from ..backfill.job import Job
from ..event_log import EventLog
from ..holes import Plan
from ..id_ranges import IdRanges, size_of
from ..page_size import LARGEST
from .backfill_range import IdRange


@dataclass(frozen=True, slots=True)
class BackfillPlan:
    """The ids that a job will look at, when the jobs before it have done theirs.

    `first` and `last`: the range, cut to what was there before the stream began; `above`: whether something was cut
    off there. `segments`: what is left of the range. `done`: what other jobs cover or will have covered of it.
    `ahead`: the names of those that come first.
    """

    first: int
    last: int
    above: bool
    segments: tuple[tuple[int, int], ...]
    done: tuple[tuple[int, int], ...]
    ahead: tuple[str, ...]

    @property
    def ids(self) -> int:
        """How many ids will be looked at."""
        return size_of(self.segments)


@dataclass(frozen=True, slots=True)
class Estimate:
    """What the site shows in the ids of a plan. `seconds`: about how long the job takes."""

    events: int
    seconds: float


def plan_backfill(wanted: IdRange, checkpoint: Checkpoint, waiting: Sequence[Job]) -> BackfillPlan:
    """The plan for a range. `waiting`: the jobs that were asked for and have not begun, in their order."""
    entries = [replace(entry, next_id=entry.last + 1) for entry in checkpoint.backfills]
    entries += [Backfill(job.name, job.first, job.last, job.last + 1) for job in waiting]
    state = Backfills(checkpoint.start_head, checkpoint.initial_holes, entries)
    covered = IdRanges((entry.first, entry.last) for entry in entries)
    entry = state.begin("", wanted.first, wanted.last)
    running = [entry.job for entry in checkpoint.backfills if not entry.is_over]
    return BackfillPlan(
        first=entry.first,
        last=entry.last,
        above=wanted.last > checkpoint.start_head,
        segments=tuple(state.segments()),
        done=tuple(covered.within(entry.first, entry.last)),
        ahead=(*running, *(job.name for job in waiting)),
    )


def estimate(
    plan: BackfillPlan, checkpoint: Checkpoint, events: EventLog, rate_limit: float | None, requests: int
) -> Estimate:
    """Asks the site how many events there are, and how long it takes for a page of them."""
    count = 0
    slowest = 0.0
    for first, last in plan.segments:
        count += events.count_between(first, last) - _initial(first, last, checkpoint, events)
    if count:
        started = time.monotonic()
        events.page(Plan(plan.segments[0][0] - 1))
        slowest = time.monotonic() - started
    seconds = ceil(count / LARGEST) * slowest / requests
    return Estimate(count, max(seconds, count / rate_limit if rate_limit else 0.0))


def _initial(first: int, last: int, checkpoint: Checkpoint, events: EventLog) -> int:
    """How many of the ids that were missing at the stream's start are visible now: the live stream published them."""
    initial = IdRanges(checkpoint.initial_holes)
    parts = list(initial.within(first, last))
    if not parts:
        return 0
    return sum(number in initial for number in events.ids_between(parts[0][0], parts[-1][1]))
