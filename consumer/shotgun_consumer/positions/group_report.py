"""How groups fare, told from Kafka and the control topic alone: values, and their text. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timezone
from typing import Any, Literal

from shotgun_runtime.duration import format_duration
from shotgun_schemas import control
from shotgun_schemas.control import ControlRecord

from ..orders.hold import hold_in_force
from .group_positions import Member
from .placement import Hold, Known, Witness, place
from .position import Position
from .topic_reader import Record

State = Literal["running", "empty", "held", "paused", "stopped", "waiting for a decision", "new"]
_COLUMNS = ("group", "state", "lag", "behind", "last event", "oldest unfinished")


@dataclass(frozen=True, slots=True)
class Point:
    """An event and its time (ISO 8601 in UTC, as the topic has it); either may be unknown."""

    event_id: int | None
    at: str | None


@dataclass(frozen=True, slots=True)
class GroupReport:
    """One group. `reason` says why it does not run, if it does not.

    `lag_offsets` is an upper bound, because transaction markers count; `lag_seconds` is the age of the oldest event
    that is not finished. `unfinished` counts the events that are not finished although a later one is.
    Unknown is None.
    """

    group: str
    state: State
    reason: str
    members: tuple[Member, ...]
    lag_offsets: int | None
    lag_seconds: float | None
    last: Point | None
    oldest: Point | None
    unfinished: int


@dataclass(frozen=True, slots=True)
class Neighbours:
    """The records on both sides of a position: the last before it, and the first at it or behind; None without."""

    before: Record | None
    first: Record | None


@dataclass(frozen=True, slots=True)
class Found:
    """What was found of one group. `neighbours` are those of its positions, by partition."""

    known: Known
    positions: Mapping[int, Position]
    neighbours: Mapping[int, Neighbours]
    members: tuple[Member, ...]


def report(found: Found, records: Mapping[str, ControlRecord], now: float) -> GroupReport:
    """How the group fares at `now`, in seconds since 1970."""
    state, reason = _state(found, records, now)
    positions, bounds = found.positions, found.known.bounds or {}
    lags = [max(0, bounds[number][1] - position.offset) for number, position in positions.items()]
    firsts = [one.first for one in found.neighbours.values() if one.first is not None]
    oldest = min(firsts, key=lambda record: record.timestamp, default=None)
    return GroupReport(
        group=found.known.group,
        state=state,
        reason=reason,
        members=found.members,
        lag_offsets=sum(lags) if positions else None,
        lag_seconds=_age(oldest, now) if positions else None,
        last=_last(found),
        oldest=None if oldest is None else _point(oldest),
        unfinished=sum(position.known_unfinished for position in positions.values()),
    )


def _state(found: Found, records: Mapping[str, ControlRecord], now: float) -> tuple[State, str]:
    group = found.known.group
    decision = place(found.known, range(found.known.identity.partitions))
    if isinstance(decision, Hold):
        return "waiting for a decision", decision.reason
    hold = records.get(control.hold_key(group))
    if hold is not None and hold_in_force(hold, now):
        return "held", f"held by {hold.by} since {hold.at}: {hold.reason}"
    pause = records.get(control.pause_key(group))
    if pause is not None:
        return "paused", f"paused by {pause.by} since {pause.at}: {pause.reason or 'no reason was given'}"
    stops = [
        f"{found.known.topic}[{number}] stays at event {stop.fields.get('event_id')} since {stop.at}: {stop.reason}"
        for number in range(found.known.identity.partitions)
        if (stop := records.get(control.stop_key(group, number))) is not None
    ]
    if stops:
        return "stopped", "; ".join(stops)
    if found.members:
        return "running", ""
    return ("empty", "") if found.positions else ("new", "it has no position yet")


def _last(found: Found) -> Point | None:
    before = [one.before for one in found.neighbours.values() if one.before is not None]
    if before:
        return _point(max(before, key=lambda record: record.timestamp))
    witness: Witness | None = found.known.witness
    if witness is None or witness.event_id is None:
        return None
    return Point(witness.event_id, witness.event_at)


def _point(record: Record) -> Point:
    return Point(record.event_id, _iso(record.timestamp) if record.timestamp else None)


def _iso(timestamp: float) -> str:
    moment = datetime.fromtimestamp(timestamp, timezone.utc)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")


def _age(oldest: Record | None, now: float) -> float | None:
    if oldest is None:
        return 0.0
    return max(0.0, now - oldest.timestamp) if oldest.timestamp else None


def as_json(reports: Iterable[GroupReport]) -> list[dict[str, Any]]:
    """The groups for programs: times in seconds, null for what is unknown."""
    return [asdict(one) for one in reports]


def as_text(reports: Sequence[GroupReport]) -> str:
    """The groups for people: a table, and below it why groups do not run."""
    lines = table([_COLUMNS, *map(_row, reports)])
    lines += [f"{one.group}: {one.reason}" for one in reports if one.reason]
    return "\n".join(lines)


def table(rows: Sequence[Sequence[str]]) -> list[str]:
    """Rows as lines with aligned columns."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return [
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    ]


def _row(one: GroupReport) -> tuple[str, ...]:
    state = one.state if one.state != "running" else f"running on {_hosts(one.members)}"
    lag = "unknown" if one.lag_offsets is None else str(one.lag_offsets)
    behind = "unknown" if one.lag_seconds is None else format_duration(round(one.lag_seconds))
    ahead = f" (and {one.unfinished - 1} more)" if one.unfinished > 1 else ""
    return one.group, state, lag, behind, _shown(one.last), _shown(one.oldest) + ahead


def _hosts(members: Collection[Member]) -> str:
    hosts = sorted({member.host for member in members})
    return f"{', '.join(hosts)} ({len(members)})"


def _shown(point: Point | None) -> str:
    if point is None:
        return "-"
    event = "a foreign record" if point.event_id is None else str(point.event_id)
    return event if point.at is None else f"{event} of {point.at}"
