"""The studio's life on the site: the newest part of its past, and new rows while it runs."""

from __future__ import annotations

import heapq
import itertools
from dataclasses import asdict, dataclass, fields, replace
from random import Random
from typing import Any

from shotgun_sandbox.site.activities import Later, Studio
from shotgun_sandbox.site.core import SiteCore
from shotgun_sandbox.site.entities import Record
from shotgun_sandbox.site.transactions import Transaction

LARGEST_ACTIVITY = 40
BEHIND = 2.0  # after a step of the clock the studio goes on from now, it does not make up for the time


@dataclass(frozen=True, slots=True)
class Pace:
    """How busy the studio is. Durations in seconds of the site's time, shares between 0 and 1."""

    rate: float = 0.0
    late: float = 0.0
    late_seconds: float = 30.0
    dead: float = 0.0
    batch_every: float = 0.0
    batch_size: int = 200
    batch_seconds: float = 12.0

    def changed(self, changes: dict[str, Any]) -> Pace:
        """Return a pace with some values replaced. Raises ValueError for an unknown name or a bad value."""
        known = {spec.name for spec in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown key {name!r} of the generator; known: {sorted(known)}")
            if isinstance(value, bool) or not isinstance(value, (int, float)) or value < 0:
                raise ValueError(f"{name} must be a number from 0 on, got {value!r}")
        return replace(self, **changes)


def live_past(core: SiteCore, random: Random) -> None:
    """Write the newest rows of the past one transaction after the other, exactly ``core.lived`` visible ones."""
    studio = Studio(core, random)
    upcoming: list[tuple[float, int, Later]] = []
    numbers = itertools.count()
    target = core.options.events
    while (visible := len(core.log)) < target:
        moment = core.calendar.moment(visible)
        core.pretend(moment)
        transaction = core.transactions.open()
        if upcoming and upcoming[0][0] <= moment:
            heapq.heappop(upcoming)[2].work(transaction)
        elif target - visible < LARGEST_ACTIVITY:
            studio.act_small(transaction)
        elif random.random() < core.options.dead:
            _live_and_abort(core, studio, transaction)
        else:
            later = studio.act(transaction)
            if later is not None:
                heapq.heappush(upcoming, (moment + later.seconds, next(numbers), later))
        core.transactions.commit(transaction)
    core.pretend(None)


def _live_and_abort(core: SiteCore, studio: Studio, transaction: Transaction) -> None:
    core.entities.begin()
    studio.act(transaction)
    core.entities.rollback()
    core.transactions.abort(transaction)


class Generator:
    """Writes rows at a mean rate while it runs, as a Poisson stream of activities. Safe from any thread."""

    def __init__(self, core: SiteCore, random: Random, pace: Pace) -> None:
        self._core = core
        self._random = random
        self._studio = Studio(core, random)
        self._pace = pace
        self._running = False
        self._round = 0  # jobs of an older round find out that they are no longer wanted
        self._due = 0.0
        self._batch_due = 0.0

    def start(self, changes: dict[str, Any] | None = None) -> None:
        """Start, or go on at another pace. Raises ValueError for a bad one."""
        with self._core.lock:
            self._pace = self._pace.changed(changes or {})
            self._running = True
            self._round += 1
            now = self._core.clock.now()
            self._due = now + self._gap(1)
            self._batch_due = now + self._pace.batch_every
            self._schedule(self._round)

    def stop(self) -> None:
        """Write no more; what is open commits when it falls due."""
        with self._core.lock:
            self._running = False
            self._round += 1

    def thumbnail(self, record: Record, after: float) -> None:
        """Give an entity a new image now; the second row follows ``after`` seconds, whether it runs or not."""
        with self._core.lock:
            transaction = self._core.transactions.open()
            later = self._studio.thumbnail(transaction, record, after)
            self._core.transactions.commit(transaction)
            self._core.scheduler.after(after, lambda: self._follow(later))

    def state(self) -> dict[str, Any]:
        """Return whether it runs, and its pace."""
        return {"running": self._running, **asdict(self._pace)}

    def _gap(self, rows: int) -> float:
        return self._random.expovariate(self._pace.rate / rows) if self._pace.rate > 0 else float("inf")

    def _schedule(self, number: int) -> None:
        due = self._due
        if self._pace.batch_every > 0 and self._pace.batch_size > 0:
            due = min(due, self._batch_due)
        if due < float("inf"):
            self._core.scheduler.at(due, lambda: self._tick(number))

    def _tick(self, number: int) -> None:
        with self._core.lock:
            if number != self._round:
                return
            now = self._core.clock.now()
            self._due = max(self._due, now - BEHIND) if self._due < float("inf") else self._due
            while self._due <= now:
                self._due += self._gap(self._live())
            if self._pace.batch_every > 0 and self._batch_due <= now:
                self._batch()
                self._batch_due = now + self._pace.batch_every
            self._schedule(number)

    def _live(self) -> int:
        """Let one activity happen and return its number of rows."""
        core, pace, transaction = self._core, self._pace, self._core.transactions.open()
        if self._random.random() < pace.dead:
            _live_and_abort(core, self._studio, transaction)
            return max(1, len(transaction.rows))
        later = self._studio.act(transaction)
        delay = (
            self._random.uniform(0.1, 1.0) * pace.late_seconds if self._random.random() < pace.late else 0.0
        )
        core.commit_after(transaction, delay)
        if later is not None:
            number = self._round
            core.scheduler.after(later.seconds, lambda: self._follow(later, number))
        return max(1, len(transaction.rows))

    def _follow(self, later: Later, number: int | None = None) -> None:
        with self._core.lock:
            if number not in (None, self._round):
                return
            transaction = self._core.transactions.open()
            later.work(transaction)
            self._core.transactions.commit(transaction)

    def _batch(self) -> None:
        transaction = self._core.transactions.open()
        self._studio.bulk_status(transaction, self._pace.batch_size)
        self._core.commit_after(transaction, self._pace.batch_seconds)
