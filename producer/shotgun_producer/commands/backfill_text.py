"""What `shotgun-producer backfill` prints. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

from shotgun_runtime.duration import format_duration
from shotgun_schemas.checkpoint import Checkpoint

from .backfill_plan import BackfillPlan, Estimate
from .backfill_view import BackfillView, Speed

NO_PRODUCER = "no producer is active; start one with: shotgun-producer run"
_MOST_RANGES = 5


def how_far(view: BackfillView, speed: Speed) -> str:
    """Progress, rate and time left, as one line."""
    return f"{view.ids - view.left:,} of {view.ids:,} ids ({_percent(view)} %), {rate_and_rest(speed)}"


def rate_and_rest(speed: Speed) -> str:
    """The rate and the time left, as far as they are known."""
    if speed.rate is None:
        return "rate not known yet"
    rest = "" if speed.eta is None else f", {format_duration(round(speed.eta))} left"
    return f"{speed.rate:,.0f} ids/s{rest}"


def outcome(view: BackfillView) -> str:
    """How a job that is over has ended."""
    if view.phase == "cancelled" and view.next_id == view.first:
        return f"backfill {view.name} was cancelled before it began"
    if view.phase == "cancelled":
        return f"backfill {view.name} was cancelled; ids {view.first} to {view.next_id - 1} are done"
    if view.ids == 0:
        return f"backfill {view.name} is over; it had nothing to do"
    return f"backfill {view.name} is over: ids {view.first} to {view.next_id - 1} are done"


def detached(name: str) -> str:
    """What somebody needs to know who does not look on any longer."""
    return (
        f"backfill {name} goes on without this command. Look at it again with\n"
        f"    shotgun-producer backfill --attach {name}\n"
        f"and end it with\n"
        f"    shotgun-producer backfill --cancel {name}"
    )


def progress_json(view: BackfillView, speed: Speed, note: str | None) -> dict[str, Any]:
    """Progress for programs. `ids_per_second` and `eta_seconds` are null while they are not known."""
    return {
        "job": view.name,
        "state": view.phase,
        "first": view.first,
        "last": view.last,
        "next_id": view.next_id,
        "ids": view.ids,
        "ids_left": view.left,
        "rate_limit": view.rate_limit,
        "ids_per_second": speed.rate,
        "eta_seconds": speed.eta,
        "note": note,
    }


def nothing_to_do(plan: BackfillPlan, checkpoint: Checkpoint) -> str:
    """Why a plan has nothing to do."""
    if plan.done:
        return f"nothing to do: {_ranges(plan.done)} were backfilled already, or will be by {_jobs(plan)}"
    if plan.above or checkpoint.start_head < plan.first <= checkpoint.head:
        return (
            f"nothing to do: the stream began behind event {checkpoint.start_head}, and everything above it is in the "
            "stream already"
        )
    return "nothing to do: the site shows no event in this range from before the stream began"


def plan_text(plan: BackfillPlan, checkpoint: Checkpoint) -> str:
    """What will be done, and what not."""
    lines = [f"ids {plan.first} to {plan.last}: {plan.ids:,} to look at"]
    if plan.above:
        lines.append(f"events above {checkpoint.start_head} are in the stream already")
    if plan.done:
        lines.append(f"{_ranges(plan.done)} are left out: other backfills cover them")
    if plan.ahead:
        lines.append(f"it waits for {', '.join(plan.ahead)}")
    return "\n".join(lines)


def estimate_text(found: Estimate) -> str:
    """What the site shows, and how long it takes."""
    return (
        f"the site shows {found.events:,} events there; they take about "
        f"{format_duration(max(1, round(found.seconds)))}\nnothing was changed"
    )


def plan_json(plan: BackfillPlan, found: Estimate | None) -> dict[str, Any]:
    """The plan for programs. `events` and `seconds` are null when the site was not asked."""
    return {
        **asdict(plan),
        "ids": plan.ids,
        "events": None if found is None else found.events,
        "seconds": None if found is None else found.seconds,
    }


def table(views: Sequence[BackfillView]) -> str:
    """All jobs, one a line."""
    if not views:
        return "there is no backfill"
    rows = [("job", "state", "ids", "done"), *(_row(view) for view in views)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(view: BackfillView) -> tuple[str, str, str, str]:
    ids = "none" if view.last < view.first else f"{view.first} to {view.last}"
    return view.name, view.phase, ids, f"{_percent(view)} %"


def _percent(view: BackfillView) -> int:
    return 100 if not view.ids else int(100 * (view.ids - view.left) / view.ids)


def _ranges(ranges: Sequence[tuple[int, int]]) -> str:
    shown = ", ".join(f"{first} to {last}" for first, last in ranges[:_MOST_RANGES])
    more = len(ranges) - _MOST_RANGES
    return f"ids {shown}" + (f" and {more} more ranges" if more > 0 else "")


def _jobs(plan: BackfillPlan) -> str:
    return ", ".join(plan.ahead) or "another one"


def summary(views: Iterable[BackfillView]) -> str:
    """Jobs in a few words each, for `status`."""
    return "; ".join(f"{view.name} {view.phase}, {_percent(view)} % of {view.ids:,} ids" for view in views)
