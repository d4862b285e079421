"""An event on its way from Kafka to the callbacks, and what became of it."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from shotgun_schemas import headers
from shotgun_schemas.event import event_id_of


# Not frozen, although nobody changes one: a frozen one takes five times as long to make, and each event makes both.
@dataclass(slots=True)
class Delivery:
    """One record of the event topic as it was read. `epoch` names the assignment that it was read in.

    `attempt` counts from 1; `ended` has the keys of the callbacks that have ended for this event in earlier attempts,
    also before a restart: they are not called again.
    """

    partition: int
    offset: int
    epoch: int
    key: bytes | None
    value: bytes | None
    headers: Mapping[str, bytes]
    timestamp: float
    """Seconds since 1970: when the event was created, or reached the broker; 0.0 when unknown."""
    attempt: int = 1
    ended: frozenset[str] = frozenset()
    replayed: bool = False
    """Whether somebody asked for this event again by a command."""

    @property
    def size(self) -> int:
        """Bytes that it holds in memory, roughly."""
        return len(self.value or b"") + 500

    @property
    def event_id(self) -> int | None:
        """The event's id, which is the record's key; None for a foreign record."""
        return event_id_of(self.key)

    def text(self, header: str) -> str | None:
        """A header as text; None when the record has none of that name."""
        value = self.headers.get(header)
        return None if value is None else headers.decode(value)


class Outcome(enum.Enum):
    """How an event ends for one group. Every event ends as exactly one of these."""

    # Counted by it for each event, and that of Enum is written in Python.
    __hash__ = object.__hash__

    FILTERED = "filtered"
    SUCCEEDED = "succeeded"
    SKIPPED = "skipped"
    DEAD_LETTERED = "dead_lettered"


@dataclass(slots=True)
class Result:
    """What a worker says of an event. `outcome` None: it is unfinished; `reason` says why.

    An unfinished event is run again after `retry_after` seconds, at the head of its lane, when that is not None;
    otherwise its partition stops at it. `ended` are the keys of the callbacks that have ended for it so far.
    `withheld` are the events behind it in the same lane that the worker had been handed and has not started.
    """

    delivery: Delivery
    outcome: Outcome | None
    reason: str = ""
    withheld: Sequence[Delivery] = ()
    retry_after: float | None = None
    ended: frozenset[str] = frozenset()
