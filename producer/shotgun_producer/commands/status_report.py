"""Where the stream stands: values and their text. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from shotgun_runtime.duration import format_duration
from shotgun_schemas.checkpoint import Checkpoint, Hole

from .backfill_text import summary
from .backfill_view import BackfillView
from .stream import Member


@dataclass(frozen=True, slots=True)
class Tier:
    """How much is missing: ranges, and ids in them."""

    ranges: int
    ids: int


@dataclass(frozen=True, slots=True)
class Newest:
    """An event of the site. `created_at`: seconds since 1970, None when the site's text cannot be read."""

    id: int
    created_at: float | None


@dataclass(frozen=True, slots=True)
class Chosen:
    """What this configuration makes of the stream on purpose; a running producer may have another one."""

    hold: float = 0.0
    exclude_event_types: tuple[str, ...] = ()
    projects: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """Where the stream stands. `published` is the newest event that is in the topic and still on the site.

    `backfills` are the jobs that run or wait. `open_records`: records at the end of the topic that readers of committed
    records do not see yet, because a transaction is open.
    """

    site: str
    topic: str
    members: tuple[Member, ...]
    checkpoint: Checkpoint | None
    newest: Newest | None
    published: Newest | None
    now: float
    decision: str | None
    backfills: tuple[BackfillView, ...] = ()
    open_records: int = 0
    chosen: Chosen = Chosen()

    @property
    def head(self) -> int | None:
        """The highest id that was read."""
        return None if self.checkpoint is None else self.checkpoint.head

    @property
    def lag_ids(self) -> int | None:
        """How many ids the head is behind the site's newest event."""
        if self.head is None:
            return None
        return 0 if self.newest is None else max(0, self.newest.id - self.head)

    @property
    def lag_seconds(self) -> float | None:
        """Time between the creation of the newest published event and of the newest one; None when it is unknown."""
        if self.lag_ids == 0:
            return 0.0
        dates = [event.created_at if event else None for event in (self.published, self.newest)]
        if self.lag_ids is None or dates[0] is None or dates[1] is None:
            return None
        return max(0.0, dates[1] - dates[0])

    @property
    def checkpoint_age(self) -> float | None:
        """Seconds since the checkpoint was written, by the site's clock."""
        return None if self.checkpoint is None else max(0.0, self.now - self.checkpoint.written_at)

    @property
    def oldest_hole_age(self) -> float | None:
        """Seconds since the oldest hole was first seen, by the site's clock; None when no ids are missing."""
        if self.checkpoint is None or not self.checkpoint.holes:
            return None
        return max(0.0, self.now - min(hole.first_seen for hole in self.checkpoint.holes))


def tiers(holes: Iterable[Hole]) -> dict[str, Tier]:
    """What is missing, hot and cold."""
    found = {"hot": Tier(0, 0), "cold": Tier(0, 0)}
    for hole in holes:
        tier = tier_of(hole)
        found[tier] = Tier(found[tier].ranges + 1, found[tier].ids + hole.last - hole.first + 1)
    return found


def tier_of(hole: Hole) -> str:
    """`hot` or `cold`, as of the checkpoint that the hole is from."""
    return "cold" if hole.interval else "hot"


def as_json(status: Status) -> dict[str, Any]:
    """The status for programs: times in seconds, ids as numbers, null for what is unknown."""
    members = [asdict(member) for member in status.members]
    holes = () if status.checkpoint is None else status.checkpoint.holes
    return {
        "site": status.site,
        "topic": status.topic,
        "active": next((member for member in members if member["active"]), None),
        "standby": [member for member in members if not member["active"]],
        "head": status.head,
        "newest": None if status.newest is None else status.newest.id,
        "lag_ids": status.lag_ids,
        "lag_seconds": status.lag_seconds,
        "holes": {name: asdict(tier) for name, tier in tiers(holes).items()},
        "oldest_hole_age_seconds": status.oldest_hole_age,
        "open_records": status.open_records,
        "checkpoint_age_seconds": status.checkpoint_age,
        "backfills": [asdict(view) for view in status.backfills],
        "hold_seconds": status.chosen.hold,
        "exclude_event_types": status.chosen.exclude_event_types,
        "projects": status.chosen.projects,
        "decision": status.decision,
    }


def as_text(status: Status) -> str:
    """The status for people."""
    lines = [("site", status.site), ("topic", status.topic), *_who(status), *_where(status)]
    lines += _chosen(status.chosen)
    lines.append(("decision", status.decision or "none is needed"))
    return "\n".join(f"{name + ':':<14}{value}" for name, value in lines)


def _who(status: Status) -> list[tuple[str, str]]:
    active = [member for member in status.members if member.active]
    standby = [member for member in status.members if not member.active]
    return [
        ("active", _named(active) or "no producer; start one with: shotgun-producer run"),
        ("standby", _named(standby) or "none"),
    ]


def _named(members: Iterable[Member]) -> str:
    return ", ".join(f"{member.host} ({member.member})" for member in members)


def _where(status: Status) -> list[tuple[str, str]]:
    newest = "no event is visible" if status.newest is None else str(status.newest.id)
    if status.checkpoint is None:
        return [("newest", newest), ("checkpoint", "none: nothing was published yet, or it was reset")]
    return [
        ("head", str(status.head)),
        ("newest", newest),
        ("lag", f"{status.lag_ids} ids, {_duration(status.lag_seconds)}"),
        ("holes", _holes(status)),
        ("readers", _readers(status.open_records)),
        ("checkpoint", f"{_duration(status.checkpoint_age)} old"),
        *([("backfills", summary(status.backfills))] if status.backfills else []),
    ]


def _holes(status: Status) -> str:
    holes = () if status.checkpoint is None else status.checkpoint.holes
    text = "; ".join(f"{tier.ranges} {name} ({tier.ids} ids)" for name, tier in tiers(holes).items())
    return (
        text
        if status.oldest_hole_age is None
        else f"{text}; the oldest is {_duration(status.oldest_hole_age)} old"
    )


def _readers(open_records: int) -> str:
    if not open_records:
        return "can read to the end of the topic"
    return f"do not see the last {open_records} records yet: a transaction is open"


def _chosen(chosen: Chosen) -> list[tuple[str, str]]:
    lines = []
    if chosen.hold:
        lines.append(
            ("hold", f"events wait up to {format_duration(chosen.hold)} for missing ids before them")
        )
    if chosen.exclude_event_types:
        lines.append(("excluded", ", ".join(chosen.exclude_event_types)))
    if chosen.projects:
        lines.append(("projects", ", ".join(map(str, chosen.projects))))
    return lines


def _duration(seconds: float | None) -> str:
    return "an unknown time" if seconds is None else format_duration(round(seconds))
