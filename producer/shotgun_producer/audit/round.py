"""One audit: what to ask, whom, and in which order. `audit.py` says why in this order."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timezone
from itertools import chain, islice

from ..event_log import EventLog
from ..holes import EXPIRY_SECONDS
from ..log_reader import LogReader
from ..page import Row
from .id_set import ranges_of
from .judgment import MOST_RANGES, Beginning, Findings, Ledger, Scope, Shown, Snapshot, Window
from .topic_index import TopicIndex

DAY = 24 * 60 * 60.0
SECOND_LOOK_SECONDS = 2.0
_FIELDS = ("id", "event_type", "project", "created_at")
_FIRST_ROWS = 500
_SHOWN_RANGES = 5


@dataclass(slots=True)
class Summary:
    """What one audit did. Made by the round, and given away when that is over."""

    equal: int = 0
    examined: int = 0
    losses: int = 0
    hidden: int = 0
    newly_hidden: int = 0
    shown_again: int = 0
    examples: list[tuple[int, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Sources:
    """Whom a round asks. `snapshot` waits for one that is taken after the call."""

    snapshot: Callable[[], Snapshot]
    events: EventLog
    reader: LogReader
    wants: Callable[[Row], bool]


class AuditRound:
    """One audit. Used once; what it learns stays in the ledger and in the index.

    `run` gives findings to `report` as soon as it has them. It raises HaltedError, and RecycleError when the brokers
    do not answer; it waits for the site as long as that takes.
    """

    def __init__(
        self,
        sources: Sources,
        beginning: Beginning,
        ledger: Ledger,
        index: TopicIndex,
        report: Callable[[Findings], None],
        halt: threading.Event,
        *,
        pause: float = SECOND_LOOK_SECONDS,
    ) -> None:
        self._ask = sources
        self._beginning = beginning
        self._ledger = ledger
        self._index = index
        self._report = report
        self._halt = halt
        self._pause = pause
        self._summary = Summary()

    def run(self) -> Summary:
        """See the class."""
        snapshot = self._ask.snapshot()
        scope = self._scope(snapshot)
        if not self._index.has_begun:
            self._index.begin(self._ask.reader, self._oldest(scope) - DAY)
        self._index.read_on(self._ask.reader)
        scope = scope.above(max(self._index.cut(self._ask.reader), self._beginning.filtered))
        self._ledger.drop_below(scope.lowest)
        for window in scope.windows():
            count = self._ask.events.count_between(window.first, window.last)
            if self._ledger.accounts_for(window, snapshot, count):
                self._summary.equal += 1
            else:
                self._summary.examined += 1
                self._examine(scope, window)
        self._summary.hidden = self._ledger.hidden
        return self._summary

    def _scope(self, snapshot: Snapshot) -> Scope:
        events = self._ask.events
        newest = events.newest_id() or 0
        now = events.now()
        youngest = events.first_id_since(_moment(now - EXPIRY_SECONDS), until=_moment(now + DAY))
        lowest = self._beginning.lowest(snapshot.covered)
        return Scope.of(lowest, snapshot.head, newest, youngest, now)

    def _oldest(self, scope: Scope) -> float:
        """A time before which hardly an event of the scope was created."""
        pages = self._ask.events.pages_between(scope.lowest, scope.highest, _FIELDS)
        rows = islice(chain.from_iterable(page.sightings for page in pages), _FIRST_ROWS)
        return min([scope.border, *(row.created_at for row in rows if row.created_at is not None)])

    def _examine(self, scope: Scope, window: Window) -> None:
        """Looks at a window id by id."""
        snapshot = self._ask.snapshot()
        shown = Shown(window)
        self._look(shown, window.first, window.last)
        doubtful = list(ranges_of(self._ledger.newly_gone(window, snapshot, shown.ids), window.first))
        if doubtful:
            # One answer may come from a copy of the database that is behind.
            self._halt.wait(self._pause)
            self._look(shown, doubtful[0][0], doubtful[-1][1])
        self._index.read_on(self._ask.reader)
        found = self._ledger.judge(scope, snapshot, shown)
        if found.is_loss and self._index.complete(self._ask.reader):
            found = self._ledger.judge(scope, snapshot, shown)
        self._note(found)
        self._ledger.accept(found)
        self._report(found.limited(MOST_RANGES - len(snapshot.holes)))

    def _look(self, shown: Shown, first: int, last: int) -> None:
        for page in self._ask.events.pages_between(first, last, _FIELDS):
            for row in page.sightings:
                shown.add(row, 0 if self._ask.wants(page.rows[row.id]) else 1)

    def _note(self, found: Findings) -> None:
        summary = self._summary
        before = self._ledger.hidden_in(found.window)
        newly = found.hidden & ~before
        summary.newly_hidden += newly.bit_count()
        summary.shown_again += (before & ~found.hidden).bit_count()
        summary.losses += found.is_loss
        room = _SHOWN_RANGES - len(summary.examples)
        summary.examples += islice(ranges_of(newly, found.window.first), max(0, room))


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(max(0.0, seconds), timezone.utc)
