"""Which ids `--from` and `--to` mean on this site."""

from __future__ import annotations

from dataclasses import dataclass

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.start import Start, parse_start
from shotgun_schemas.checkpoint import Checkpoint

from ..event_log import EventLog

FROM_FORM = "an event id such as 123456, a date such as 2026-01-31 or 2026-01-31T08:00:00Z, or earliest"
TO_FORM = "an event id such as 123456, or a date such as 2026-01-31 or 2026-01-31T08:00:00Z"


@dataclass(frozen=True, slots=True)
class IdRange:
    """The ids `first` to `last`, both included; none when `last` is lower."""

    first: int
    last: int


def parse_from(text: str) -> Start:
    """What `--from` says. Raises ValueError with the allowed form."""
    return _parse(text, FROM_FORM, ("id", "date", "earliest"))


def parse_to(text: str) -> Start:
    """What `--to` says. Raises ValueError with the allowed form."""
    return _parse(text, TO_FORM, ("id", "date"))


def resolve_range(events: EventLog, begin: Start, end: Start | None, checkpoint: Checkpoint) -> IdRange:
    """The ids that are meant, not yet cut to what is before the stream's start.

    A date of `end` is the first moment that is not meant any more, so that months can be put side by side; without
    `end` the range goes up to the stream's start. Raises ConfigurationError for a range that makes no sense.
    """
    _check_order(begin, end)
    first = _first(events, begin, checkpoint)
    last = checkpoint.start_head if end is None else _last(events, end, checkpoint)
    if first > last and end is not None and begin.kind != "earliest" and begin.kind != end.kind:
        raise ConfigurationError(f"--from {begin} is event {first}, behind --to {end}, which is event {last}")
    return IdRange(first, last)


def _parse(text: str, form: str, kinds: tuple[str, ...]) -> Start:
    try:
        found = parse_start(text)
    except ValueError:
        raise ValueError(form) from None
    if found.kind not in kinds or found.event_id == 0:
        raise ValueError(form)
    return found


def _check_order(begin: Start, end: Start | None) -> None:
    if end is None:
        return
    ids = begin.event_id is not None and end.event_id is not None and begin.event_id > end.event_id
    dates = begin.moment is not None and end.moment is not None and begin.moment >= end.moment
    if ids or dates:
        raise ConfigurationError(f"--from {begin} is not before --to {end}; swap them")


def _first(events: EventLog, begin: Start, checkpoint: Checkpoint) -> int:
    behind = checkpoint.head + 1
    if begin.event_id is not None:
        if begin.event_id > checkpoint.head:
            raise ConfigurationError(
                f"--from is event {begin.event_id}, but the stream has only come to event {checkpoint.head}; "
                f"a backfill is for events up to {checkpoint.start_head}, from before the stream began"
            )
        return begin.event_id
    if begin.moment is not None:
        return events.first_id_since(begin.moment) or behind
    return events.first_id() or behind


def _last(events: EventLog, end: Start, checkpoint: Checkpoint) -> int:
    if end.event_id is not None:
        return end.event_id
    assert end.moment is not None
    return (events.first_id_since(end.moment) or checkpoint.head + 1) - 1
