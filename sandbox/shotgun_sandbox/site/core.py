"""The site without its network: data, rules and time behind one lock."""

from __future__ import annotations

import threading
from collections.abc import Iterable, Mapping
from functools import partial
from random import Random
from typing import Any

from shotgun_sandbox.site.auth import Accounts
from shotgun_sandbox.site.calendar import StudioCalendar
from shotgun_sandbox.site.catalog import furnish
from shotgun_sandbox.site.clock import SiteClock, iso
from shotgun_sandbox.site.entities import Entities
from shotgun_sandbox.site.event_log import EventLog, Row
from shotgun_sandbox.site.history import History
from shotgun_sandbox.site.id_ranges import IdRanges
from shotgun_sandbox.site.ids import BlockCounter
from shotgun_sandbox.site.options import SiteOptions
from shotgun_sandbox.site.permission import Permissions
from shotgun_sandbox.site.read import PageRules, Reads
from shotgun_sandbox.site.rules import EventRules, Writes
from shotgun_sandbox.site.scheduler import Scheduler
from shotgun_sandbox.site.transactions import Transaction, Transactions

# So many of the newest rows are written one by one, so that the head has the holes of a real site; all older
# rows are dense and computed from their id.
LIVED_ROWS = 2500


class SiteCore:
    """All parts of a site, wired together. Every use of a part, save clock and scheduler, holds ``lock``."""

    def __init__(self, options: SiteOptions) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.clock = SiteClock(options.start)
        self.scheduler = Scheduler(self.clock)
        started = self.clock.now() if options.start is None else options.start  # one value, so seeds repeat
        self.entities = Entities()
        furnish(self.entities, Random(options.seed), started)  # noqa: S311
        self.accounts = Accounts(self.entities, options.password, Random(options.seed + 1))  # noqa: S311
        self._add_scripts()
        self.lived = min(options.events, LIVED_ROWS)
        self.calendar = StudioCalendar(options.events, started)
        self.history = self._history()
        self.log = EventLog(self.history)
        self.counter = BlockCounter(
            Random(options.seed + 2),  # noqa: S311
            writers=options.writers,
            block=options.id_block,
            next_id=self.history.last_id + 1,
        )
        self._pretended: float | None = None
        self.transactions = Transactions(self.log, self.counter, lambda: iso(self.stamp()))
        self.rules = EventRules()
        self.writes = Writes(self.entities, self.transactions, self.stamp, self.rules)
        self.pages = PageRules(cap=options.page_cap)
        self.reads = Reads(self.log, self.entities, self.pages, self.clock.now)
        self.permissions = Permissions()
        self.visible_after = options.visible_after

    def stamp(self) -> float:
        """Return the time that a row written now carries, in epoch seconds."""
        return self.clock.now() if self._pretended is None else self._pretended

    def pretend(self, epoch: float | None) -> None:
        """Date rows ``epoch`` from here on; by the site's clock again when none. For writing the past."""
        self._pretended = epoch

    def commit_after(self, transaction: Transaction, seconds: float) -> None:
        """Make the rows of ``transaction`` visible in ``seconds`` of the site's time; at once when 0."""
        if seconds <= 0:
            self.transactions.commit(transaction)
        else:
            self.scheduler.after(seconds, partial(self._commit_due, transaction))

    def write_events(
        self, rows: Iterable[Mapping[str, Any]], *, writer: int | None = None, after: float = 0.0
    ) -> list[int]:
        """Write rows in one transaction that becomes visible ``after`` seconds; return their ids."""
        with self.lock:
            transaction = self.transactions.open(writer)
            for values in rows:
                self.transactions.write(transaction, values)
            self.commit_after(transaction, after)
            return transaction.ids

    def reset(self, next_id: int) -> int:
        """Restore the site from a backup: rows from ``next_id`` on are gone, and ids count on from there.

        Returns how many rows were lost.
        """
        with self.lock:
            self.transactions.forget()
            self.counter.reset(next_id)
            return self.log.forget_from(next_id)

    def visible(self, first: int, last: int) -> list[int]:
        """Return the visible ids between ``first`` and ``last``, both included."""
        with self.lock:
            return list(self.log.walk(IdRanges.of([(first, last)])))

    def row(self, event_id: int) -> Row:
        """Return a visible row as it was written. Raises KeyError when it is not visible."""
        with self.lock:
            return self.log.row(event_id)

    def _commit_due(self, transaction: Transaction) -> None:
        with self.lock:
            self.transactions.commit(transaction)

    def _history(self) -> History:
        options = self.options
        return History(
            options.events - self.lived,
            self.calendar,
            self.entities,
            seed=options.seed,
            dead=options.dead,
            writers=options.writers,
            block=options.id_block,
        )

    def _add_scripts(self) -> None:
        values = {
            "lastname": "1.0",
            "generate_event_log_entries": True,
            "description": "The sandbox's own script",
        }
        self.accounts.add_script(self.options.script_name, self.options.api_key, values)
        quiet = {**values, "generate_event_log_entries": False, "description": "A script that logs nothing"}
        self.accounts.add_script("quiet", self.options.api_key, quiet)
