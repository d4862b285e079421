"""Setting positions that were found by reading the topic, for `positions import` and `migrate`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from typing import Any

from shotgun_runtime.errors import DecisionNeededError
from shotgun_schemas import control

from ..positions.group_positions import write_positions
from ..positions.placing import IsDone, Placing, forgotten, place_all
from ..positions.position import Position
from ..positions.reach import Reach
from .control_desk import myself
from .held_group import held_group
from .view import StreamView


@dataclass(frozen=True, slots=True)
class Wish:
    """What is known of a group: which events it was through with, the first that it needs, the last that was done."""

    group: str
    is_done: IsDone
    first_needed: int
    last_done: int | None


@dataclass(frozen=True, slots=True)
class Plan:
    """Where a group would go on. `unfinished`: events of the topic that it has yet to run."""

    group: str
    first_needed: int
    old: Mapping[int, Position]
    new: Mapping[int, Position]
    unfinished: int

    @property
    def is_there(self) -> bool:
        """Whether the group has just these positions already."""
        return dict(self.old) == dict(self.new)

    def as_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "group": self.group,
            "first_needed": self.first_needed,
            "unfinished": self.unfinished,
            "partitions": [
                {
                    "partition": number,
                    "old_offset": self.old[number].offset if number in self.old else None,
                    "new_offset": position.offset,
                    "unfinished_ahead": position.known_unfinished,
                }
                for number, position in sorted(self.new.items())
            ],
        }

    def as_row(self) -> tuple[str, ...]:
        """For a table: group, first event, offset, events yet to run, what was there."""
        places = ", ".join(f"[{number}]@{one.offset}" for number, one in sorted(self.new.items()))
        if not self.old:
            before = "has no position yet"
        elif self.is_there:
            before = "is there already"
        else:
            before = "replaces " + ", ".join(f"[{n}]@{one.offset}" for n, one in sorted(self.old.items()))
        note = "; the map of finished events is too long: some are repeated" if forgotten(self.new) else ""
        return self.group, str(self.first_needed), places, str(self.unfinished), before + note


COLUMNS = ("group", "first event", "position", "events to run", "now")


def plan_positions(view: StreamView, wishes: list[Wish]) -> list[Plan]:
    """Find where these groups go on, in one reading of the topic.

    Raises DecisionNeededError while the topic does not reach back to what one of them needs.
    """
    limits = view.bounds()
    placings = {wish.group: Placing(wish.is_done, limits) for wish in wishes}
    with closing(view.reader()) as reader:
        place_all(reader.records(limits), placings.values())
    checkpoint = view.checkpoint()
    refusals: dict[str, list[str]] = {}
    for wish in wishes:
        seen = placings[wish.group]
        refusal = Reach(checkpoint, seen.smallest_id, seen.highest_id).refusal(
            wish.first_needed, wish.last_done
        )
        if refusal is not None:
            refusals.setdefault(refusal, []).append(wish.group)
    if refusals:
        lines = [f"{', '.join(groups)}: {refusal}" for refusal, groups in refusals.items()]
        raise DecisionNeededError("nothing was changed.\n" + "\n".join(lines))
    old = view.positions([wish.group for wish in wishes])
    return [
        Plan(
            wish.group,
            wish.first_needed,
            old[wish.group],
            placings[wish.group].positions(),
            placings[wish.group].unfinished_ids,
        )
        for wish in wishes
    ]


def write_plans(view: StreamView, plans: list[Plan], reason: str, say: Callable[[str], None]) -> None:
    """Set these positions; groups that are there already stay as they are. Raises as `held_group`."""
    moving = [plan for plan in plans if not plan.is_there]
    if not moving:
        return
    with view.writer() as writer:
        for plan in moving:
            with held_group(view, writer, plan.group, reason, say):
                write_positions(view.client, plan.group, view.topic, plan.new)
                writer.put(
                    control.group_key(plan.group),
                    by=myself(),
                    reason=reason,
                    topic_id=view.identity.topic_id,
                    partitions=view.identity.partitions,
                    event_id=plan.first_needed,
                    event_at=None,
                )
