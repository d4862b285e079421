"""Where the very first start begins."""

from __future__ import annotations

from dataclasses import dataclass

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.start import Start

from .event_log import EventLog
from .holes import NEAR_IDS, missing_ranges


@dataclass(frozen=True, slots=True)
class Position:
    """A beginning: events above `head` are published, and those of `holes` when they appear."""

    head: int
    holes: tuple[tuple[int, int], ...] = ()


def first_position(events: EventLog, start: Start) -> Position:
    """The position that `start` means on this site. `created_at` only finds an id here; it is never a cursor.

    Raises ConfigurationError for an id that the site has not reached, HaltedError and SiteRefusedError as `events`.
    """
    if start.kind == "earliest":
        first = events.first_id()
        return Position(max(0, (first or 0) - NEAR_IDS - 1))
    if start.event_id is not None:
        return _at_id(events, max(1, start.event_id))
    if start.moment is not None:
        found = events.first_id_since(start.moment)
        if found is not None:
            return Position(found - 1)
    return _latest(events)


def _at_id(events: EventLog, wanted: int) -> Position:
    newest = events.newest_id() or 0
    if wanted > newest + 1:
        raise ConfigurationError(
            f"producer.start is event {wanted}, but the newest event of the site is {newest}; "
            f"use an id up to {newest + 1}, or latest"
        )
    return Position(wanted - 1)


def _latest(events: EventLog) -> Position:
    """Ids are missing near the newest one as a rule: they are still to come, and only they."""
    newest = events.newest_id() or 0
    lowest = max(1, newest - NEAR_IDS + 1)
    return Position(newest, tuple(missing_ranges(lowest, newest, events.ids_between(lowest, newest))))
