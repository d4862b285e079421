"""Two-step writing: a transaction draws its ids when it starts, and its rows appear when it commits, if ever."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from shotgun_sandbox.site.event_log import EventLog, Row
from shotgun_sandbox.site.ids import BlockCounter


@dataclass(slots=True)
class Transaction:
    """Rows written by one writer that nobody sees before the commit."""

    name: str
    writer: int
    rows: list[Row] = field(default_factory=list)

    @property
    def ids(self) -> list[int]:
        """The ids drawn so far, in the order of drawing."""
        return [row["id"] for row in self.rows]


class Transactions:
    """Opens, commits and aborts transactions on the event log. Not thread-safe: the owner holds a lock."""

    def __init__(self, log: EventLog, counter: BlockCounter, now: Callable[[], str]) -> None:
        self._log = log
        self._counter = counter
        self._now = now
        self._numbers = itertools.count(1)
        self._open: dict[str, Transaction] = {}
        self._dead: list[int] = []

    def open(self, writer: int | None = None) -> Transaction:
        """Start a transaction on ``writer``; on the one that happens to be free when none is named."""
        chosen = self._counter.pick_writer() if writer is None else writer
        transaction = Transaction(f"t{next(self._numbers)}", chosen)
        self._open[transaction.name] = transaction
        return transaction

    def write(self, transaction: Transaction, values: Mapping[str, Any]) -> int:
        """Draw an id for a row with ``values`` and return it; absent fields are null, the date is now."""
        event_id = self._counter.draw(transaction.writer)
        row: Row = {
            "type": "EventLogEntry",
            "id": event_id,
            "event_type": None,
            "attribute_name": None,
            "description": None,
            "meta": None,
            "entity": None,
            "user": None,
            "project": None,
            "session_uuid": None,
            "created_at": self._now(),
        }
        row.update(values)
        row["id"] = event_id
        transaction.rows.append(row)
        return event_id

    def get(self, name: str) -> Transaction:
        """Return an open transaction. Raises KeyError when it is unknown, committed or aborted."""
        return self._open[name]

    def commit(self, transaction: Transaction) -> list[int]:
        """Make all rows of ``transaction`` visible in one instant and return their ids."""
        if self._open.pop(transaction.name, None) is None:
            return []
        for row in transaction.rows:
            self._log.add(row)
        return transaction.ids

    def abort(self, transaction: Transaction) -> list[int]:
        """Drop ``transaction``; its ids stay unused for ever. Return them."""
        if self._open.pop(transaction.name, None) is None:
            return []
        self._dead.extend(transaction.ids)
        return transaction.ids

    def forget(self) -> None:
        """Drop every open transaction and all memory of dead ids, as a restored site has none."""
        self._open.clear()
        self._dead.clear()

    @property
    def pending(self) -> list[Transaction]:
        """The open transactions, oldest first."""
        return list(self._open.values())

    @property
    def dead(self) -> list[int]:
        """Ids of aborted transactions since the start."""
        return list(self._dead)
