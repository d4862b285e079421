"""One poll: what the site is asked, and what its answer tells about holes."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from .event_log import EventLog
from .hold import Hold
from .holes import Found, Holes, Missing, Plan
from .inspection import Inspection
from .metrics import Metrics
from .page import Page, Row
from .page_size import PageSize

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Polled:
    """What an answer brought: the rows by id, and the ids among them that are new, ascending.

    `is_full`: the site has more than it could send. `now`: when the answer was taken, in seconds since 1970 by the
    site's clock.
    """

    rows: Mapping[int, Row]
    found: tuple[Found, ...]
    is_full: bool
    now: float


def joined(answers: Sequence[Polled]) -> Polled:
    """Several answers, in ascending order of ids, as one. Raises IndexError for none."""
    last = answers[-1]
    if len(answers) == 1:
        return last
    return Polled(
        rows={number: row for answer in answers for number, row in answer.rows.items()},
        found=tuple(event for answer in answers for event in answer.found),
        is_full=last.is_full,
        now=last.now,
    )


class Poller:
    """Asks the site and takes the answers into `holes`. One owner, one thread.

    Every method raises as `EventLog` does, and DecisionNeededError when the site is not what it was.
    """

    def __init__(
        self,
        events: EventLog,
        holes: Holes,
        *,
        hold: Hold,
        page_size: PageSize,
        metrics: Metrics,
        inspection: Inspection,
    ) -> None:
        self._events = events
        self._holes = holes
        self._hold = hold
        self._page_size = page_size
        self._metrics = metrics
        self._inspection = inspection
        self._newest = 0
        self._until: float | None = None

    @property
    def head(self) -> int:
        """The highest id that was seen."""
        return self._holes.head

    @property
    def newest(self) -> int:
        """The highest id that the site is known to have."""
        return max(self._newest, self._holes.head)

    @property
    def lag(self) -> float:
        """Age in seconds of the last event that was read while the site is known to have more, else 0."""
        if self._newest <= self._holes.head or self._until is None:
            return 0.0
        return max(0.0, self._events.now() - self._until)

    def poll(self) -> Polled:
        """The steady poll: everything above the head, and the holes whose turn it is."""
        plan = self._holes.plan(self._events.now())
        page = self._events.page(plan, self._page_size.rows)
        self._metrics.polls.labels("rows" if page.sightings else "empty").inc()
        if page.reach is not None and page.reach > self._newest:
            self.look_ahead()
        return self.take(page, plan)

    def probe(self) -> Polled:
        """The holes alone, for when what lies above the head is read in another way; finds out how far that is."""
        self.look_ahead()
        plan = replace(self._holes.plan(self._events.now()), above=None)
        if not plan.ranges:
            return Polled({}, (), False, self._events.now())
        return self.take(self._events.page(plan, self._page_size.rows), plan)

    def look_ahead(self) -> None:
        """Asks for the site's newest id."""
        self._newest = self._events.newest_id() or 0

    def take(self, page: Page, plan: Plan) -> Polled:
        """Takes an answer to `plan` into the holes, unless a person must decide first."""
        self._inspection.look_if_due()
        self.tell_unusable(page)
        now = self._events.now()
        free = self._hold.release(page.sightings, self._holes.head, now)
        seen = self._holes.observe(free, plan, now=now, reach=page.reach, newest=self._newest)
        for first, last in seen.expired:
            self._metrics.holes_expired.labels("watched").inc()
            log.warning("Ids %d to %d never appeared and are given up", first, last)
        self._tell_old(seen.old)
        if page.sightings:
            self._until = page.sightings[-1].created_at
        return Polled(page.rows, seen.found, page.is_full, now)

    def miss(self, missing: Iterable[Missing], now: float) -> None:
        """Takes ids below the head that were looked at for the first time and not shown: from now on they are holes."""
        self._tell_old(self._holes.miss(missing, now=now, newest=self._newest))

    def tell_unusable(self, page: Page) -> None:
        """Reports the rows of a page that cannot be published."""
        for row in page.unusable:
            self._metrics.unusable_rows.inc()
            log.error("The site sent a row without an id that can be published: %.200r", dict(row))

    def _tell_old(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Where old events are read, dead ids are nothing new: one line for all of them."""
        if ranges:
            self._metrics.holes_expired.labels("old").inc(len(ranges))
            log.info(
                "%d ranges of ids between %d and %d are missing and too old to be waited for",
                len(ranges),
                ranges[0][0],
                ranges[-1][1],
            )
