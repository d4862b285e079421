"""Backfills: which events from before the start of the stream are published, and how far that has come."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from shotgun_schemas.checkpoint import Backfill

from ..holes import Missing, Sighting, missing_ranges
from ..id_ranges import IdRanges, size_of


@dataclass(frozen=True, slots=True)
class Taken:
    """What a part of a job comes to. `ids` are to be published (or were, after a torn transaction), ascending.

    `missing` were not shown and belong to nobody else: they go to `Holes.miss`.
    """

    ids: tuple[int, ...]
    missing: tuple[Missing, ...]


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What ids in the topic beyond the checkpoint come to. `taken`: those of the running job.

    `strays` are older than the stream's start and belong to no job that is known. There are none as long as the
    checkpoint of a `begin` is committed before the job's first event.
    """

    taken: Taken
    strays: tuple[int, ...]


class Backfills:
    """The jobs of a stream, one of which may be running. No I/O, no clock; one owner.

    A job publishes the visible ids of its range that are not after the stream's start (`start_head`), were not
    missing then (`initial_holes`: the live stream publishes them when they appear), and were not covered by a job
    before it. What it has covered, [first, next_id - 1], it never looks at again: ids that were missing there are
    holes from then on.

    The caller may rely on this: over all jobs, whatever their ranges, no id is taken twice; `next_id` never goes
    down; restoring from `snapshot()` changes nothing.
    """

    def __init__(
        self,
        start_head: int,
        initial_holes: Iterable[tuple[int, int]] = (),
        backfills: Iterable[Backfill] = (),
    ) -> None:
        self._start_head = start_head
        self._initial = IdRanges(initial_holes)
        self._jobs: dict[str, Backfill] = {}
        self._close()
        for job in backfills:
            self._put(job)

    @property
    def running(self) -> Backfill | None:
        """The job that is not over yet; None when there is none."""
        return next((job for job in self._jobs.values() if not job.is_over), None)

    @property
    def left(self) -> int:
        """How many ids the running job has still to look at; 0 without one."""
        return size_of(self.segments())

    def find(self, job: str) -> Backfill | None:
        """The job of this name, running or over; None when it never began."""
        return self._jobs.get(job)

    def snapshot(self) -> tuple[Backfill, ...]:
        """All jobs in the order in which they began, for the checkpoint."""
        return tuple(self._jobs.values())

    def job_of(self, number: int) -> str | None:
        """The job that covers this id, for the header of a hole that fills; None for an id of the live stream."""
        if number > self._start_head or number in self._initial:
            return None
        covering = (job for job in self._jobs.values() if job.first <= number < job.next_id)
        return next((job.job for job in covering), None)

    def begin(self, job: str, first: int, last: int) -> Backfill:
        """Begins a job for the ids `first` to `last`, as far as they are from before the stream's start.

        It is over at once when nothing is left of them. The checkpoint with it must be committed before its first
        event is published: only then is a torn transaction of it understood. Raises ValueError for a name that was
        used before, and while another job is running.
        """
        if job in self._jobs:
            raise ValueError(f"there was a backfill {job} before")
        running = self.running
        if running is not None:
            raise ValueError(f"backfill {job} cannot begin: {running.job} is running")
        low = max(1, first)
        self._put(Backfill(job, low, max(low - 1, min(last, self._start_head)), low))
        return self._jobs[job]

    def segments(self) -> Iterator[tuple[int, int]]:
        """The ranges that the running job has still to look at, ascending; nothing without one.

        Ids of `initial_holes` are among them: there may be hundreds, and `take` leaves them out.
        """
        running = self.running
        return iter(()) if running is None else self._done.outside(running.next_id, running.last)

    def take(self, first: int, last: int, shown: Sequence[Sighting], *, behind: float | None = None) -> Taken:
        """Takes what the site showed of the ids `first` to `last`: `shown`, in ascending order.

        The range begins where the job is, at `next_id`, and may reach over what other jobs covered. `behind`: when
        the first row after `last` was created (seconds since 1970), if that is known. Raises ValueError when no job
        runs, and for anything else than the next part of it.
        """
        running = self.running
        if running is None:
            raise ValueError(f"ids {first} to {last} belong to no backfill: none is running")
        if first != running.next_id or not first <= last <= running.last:
            raise ValueError(
                f"ids {first} to {last} are not the next of {running.job}, which is at {running.next_id} "
                f"and ends with {running.last}"
            )
        if shown and not first <= shown[0].id <= shown[-1].id <= last:
            raise ValueError(f"rows {shown[0].id} to {shown[-1].id} were not asked for: {first} to {last}")
        return self._take(running, first, last, shown, behind)

    def reconcile(self, ids: Iterable[int]) -> Reconciled:
        """Takes ids that stand in the topic beyond the checkpoint, in any order: a transaction was torn.

        Those of the running job that it had not reached count as published. The torn transaction may have published
        only some of its page, in any partition: what lies between them was not published and is missing. Ids of the
        live stream, and of holes, are passed over.
        """
        torn = sorted({number for number in ids if number <= self._start_head and number not in self._closed})
        running = self.running
        ahead = range(running.next_id, running.last + 1) if running is not None else range(0)
        own = [number for number in torn if number in ahead]
        strays = tuple(number for number in torn if number not in ahead and self.job_of(number) is None)
        if running is None or not own:
            return Reconciled(Taken((), ()), strays)
        # Of what date the ids between are is not known, and the next poll is to look at them: no dates.
        shown = [Sighting(number) for number in own]
        return Reconciled(self._take(running, running.next_id, own[-1], shown, None), strays)

    def cancel(self, job: str) -> None:
        """Ends the job where it is. Nothing changes when it is not running."""
        running = self.running
        if running is not None and running.job == job:
            self._put(replace(running, last=running.next_id - 1))

    def _take(
        self, running: Backfill, first: int, last: int, shown: Sequence[Sighting], behind: float | None
    ) -> Taken:
        ids = [row.id for row in shown]
        dates = [*(row.created_at for row in shown), behind]
        missing = [
            Missing(low, high, dates[bisect_right(ids, high)])
            for gap in missing_ranges(first, last, ids)
            for low, high in self._closed.outside(*gap)
        ]
        found = tuple(number for number in ids if number not in self._closed)
        self._put(replace(running, next_id=last + 1))
        return Taken(found, tuple(missing))

    def _put(self, job: Backfill) -> None:
        """Keeps the job, moved over what others have covered."""
        free = next(self._done.outside(job.next_id, job.last), None)
        self._jobs[job.job] = replace(job, next_id=job.last + 1 if free is None else free[0])
        if free is None:
            self._close()

    def _close(self) -> None:
        """Looks anew at which ids are closed to the jobs to come."""
        ended = [(job.first, job.next_id - 1) for job in self._jobs.values() if job.is_over]
        self._done = IdRanges(ended)
        self._closed = IdRanges([*ended, *self._initial])
