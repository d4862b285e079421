"""How far a backfill has come, from what stands in the control topic and in the checkpoint. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from shotgun_schemas.checkpoint import Backfill, Checkpoint

from ..backfill.job import Job
from ..id_ranges import IdRanges, size_of

Phase = Literal["waiting", "running", "cancelling", "finished", "cancelled", "unknown"]

WINDOW_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class BackfillView:
    """One job at one moment. `ids`: how many it looks at in all, `left`: how many of them are still to come.

    Ids that other jobs had covered before it are not counted. `ahead`: the job that it waits for, None when none is
    before it.
    """

    name: str
    phase: Phase
    first: int = 0
    last: int = -1
    next_id: int = 0
    ids: int = 0
    left: int = 0
    rate_limit: float | None = None
    ahead: str | None = None

    @property
    def is_over(self) -> bool:
        """Whether nothing will change any more."""
        return self.phase in ("finished", "cancelled", "unknown")


def view_of(name: str, checkpoint: Checkpoint, jobs: Iterable[Job], asked: Job | None = None) -> BackfillView:
    """The view of one job. `jobs`: those in the control topic, which must have been read before the checkpoint.

    `asked`: the job as it once stood there, for the one who remembers it: only that tells a job that was cancelled
    from one that finished when its record is gone.
    """
    waiting = {job.name: job for job in jobs}
    record = waiting.get(name)
    known = record or asked
    entry = next((entry for entry in checkpoint.backfills if entry.job == name), None)
    if entry is None and known is None:
        return BackfillView(name, "unknown")
    if entry is None:
        assert known is not None
        low, high = max(1, known.first), min(known.last, checkpoint.start_head)
        entry = Backfill(name, low, high, low)
        phase: Phase = "cancelled" if record is None else "cancelling" if record.is_cancelled else "waiting"
    elif entry.is_over:
        until = min(known.last, checkpoint.start_head) if known is not None else entry.last
        phase = "cancelled" if entry.last < until else "finished"
    else:
        phase = "cancelling" if record is not None and record.is_cancelled else "running"
    fresh = IdRanges((before.first, before.next_id - 1) for before in _before(name, checkpoint))
    return BackfillView(
        name,
        phase,
        entry.first,
        entry.last,
        entry.next_id,
        ids=size_of(fresh.outside(entry.first, entry.last)),
        left=size_of(fresh.outside(entry.next_id, entry.last)),
        rate_limit=None if known is None else known.rate_limit,
        ahead=_ahead(name, checkpoint, waiting) if phase == "waiting" else None,
    )


def all_views(checkpoint: Checkpoint, jobs: Iterable[Job]) -> tuple[BackfillView, ...]:
    """Every job that is known: those that began, in that order, then those that wait."""
    records = sorted(jobs, key=lambda job: job.turn)
    names = [entry.job for entry in checkpoint.backfills]
    names += [job.name for job in records if job.name not in names]
    return tuple(view_of(name, checkpoint, records) for name in names)


class Speed:
    """How quickly a number of ids goes down, over the last minute. One owner; given the time in seconds."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque()

    def saw(self, left: int, now: float) -> None:
        """So many are left."""
        self._seen.append((now, left))
        while len(self._seen) > 2 and self._seen[1][0] <= now - WINDOW_SECONDS:
            self._seen.popleft()

    @property
    def rate(self) -> float | None:
        """Ids a second; None when it is not known yet."""
        if len(self._seen) < 2 or self._seen[-1][0] <= self._seen[0][0]:
            return None
        (begin, before), (end, after) = self._seen[0], self._seen[-1]
        return max(0.0, (before - after) / (end - begin))

    @property
    def eta(self) -> float | None:
        """Seconds until none are left; None when it cannot be told."""
        return self._seen[-1][1] / self.rate if self.rate else None


def _before(name: str, checkpoint: Checkpoint) -> list[Backfill]:
    """The jobs that began before this one: all, when it has not begun."""
    names = [entry.job for entry in checkpoint.backfills]
    return list(checkpoint.backfills[: names.index(name)] if name in names else checkpoint.backfills)


def _ahead(name: str, checkpoint: Checkpoint, waiting: dict[str, Job]) -> str | None:
    running = next((entry.job for entry in checkpoint.backfills if not entry.is_over), None)
    if running is not None:
        return running
    begun = {entry.job for entry in checkpoint.backfills}
    turn = [
        job
        for job in sorted(waiting.values(), key=lambda job: job.turn)
        if job.name not in begun and not job.is_cancelled
    ]
    return turn[0].name if turn and turn[0].name != name else None
