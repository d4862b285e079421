"""What `checkpoint set` would mean, said before it is done. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from shotgun_schemas.checkpoint import Checkpoint

from .checkpoint_move import Situation, is_same_site, is_same_topic


@dataclass(frozen=True, slots=True)
class Consequence:
    """From the checkpoint that is there (`present`, None: none that can be read) to the one that would be (`new`).

    `held`: the highest id among the last records of the topic; None when it holds none, or when that was not asked.
    """

    present: Checkpoint | None
    new: Checkpoint
    situation: Situation
    held: int | None = None

    @property
    def goes_on(self) -> bool:
        """Whether site and topic are those of the checkpoint that is there."""
        present, situation = self.present, self.situation
        return present is not None and is_same_site(present, situation) and is_same_topic(present, situation)

    @property
    def skipped(self) -> tuple[int, int] | None:
        """Ids that the stream has not read and never will; None: there are none, or the old head says nothing."""
        if self.present is None or not is_same_site(self.present, self.situation):
            return None
        return _range(self.present.head + 1, self.new.head)

    @property
    def again(self) -> tuple[int, int] | None:
        """Ids that were published into this topic and are published once more; None: there are none."""
        if self.goes_on and self.present is not None:
            return _range(self.new.head + 1, self.present.head)
        if self.present is None and self.held is not None:
            return _range(self.new.head + 1, self.held)
        return None

    def as_json(self, *, written: bool) -> dict[str, Any]:
        """For programs; `written`: whether it was done."""
        return {
            "head": self.new.head,
            "present_head": None if self.present is None else self.present.head,
            "newest": self.situation.newest,
            "skipped": self.skipped,
            "again": self.again,
            "holes": len(self.new.holes),
            "same_site": None if self.present is None else is_same_site(self.present, self.situation),
            "same_topic": None if self.present is None else is_same_topic(self.present, self.situation),
            "written": written,
        }

    def as_text(self) -> str:
        """For people."""
        return "\n".join([self._where(), *self._what_differs(), *self._what_becomes()])

    def _where(self) -> str:
        head, newest, present = self.new.head, self.situation.newest, self.present
        before = (
            "There is no checkpoint that can be read" if present is None else f"The head is {present.head}"
        )
        ahead = (
            f"{head + 1} to {newest}, the newest of the site, come next" if newest > head else "what is new"
        )
        return f"{before}. The stream is to go on behind event {head}: {ahead}."

    def _what_differs(self) -> list[str]:
        present, situation, head = self.present, self.situation, self.new.head
        if present is None:
            return []
        lines = []
        if not is_same_site(present, situation):
            lines.append(
                f"The site {situation.place.site} is not the one that was read, {present.site}: what was missing there "
                f"is no longer looked for, and events up to {head} of the new one are not published."
            )
        if not is_same_topic(present, situation):
            lines.append(
                f"The topic {situation.place.topic} is not the one that was written to: what was published is not in "
                f"it. To publish that here, too: shotgun-producer backfill --from ID --to {head}"
            )
        elif present.partitions != situation.place.partitions:
            lines.append(
                f"The topic had {present.partitions} partitions and has {situation.place.partitions}: events of one "
                "entity may lie in two of them."
            )
        return lines

    def _what_becomes(self) -> list[str]:
        lines = []
        if self.skipped is not None:
            first, last = self.skipped
            lines.append(
                f"Events {first} to {last} are skipped: the stream never publishes them, and verify does not expect "
                f"them. To publish them later: shotgun-producer backfill --from {first} --to {last}"
            )
        if self.again is not None:
            first, last = self.again
            lines.append(
                f"Events {first} to {last} are published a second time, as far as the site still shows them: readers "
                "see each twice, and verify calls them doubled."
            )
        elif self.present is None:
            lines.append(f"Events up to {self.new.head} are not published.")
        if self.goes_on and self.skipped is None and self.again is None:
            lines.append("No event is skipped, and none is published twice.")
        if self.new.holes:
            lines.append(f"{len(self.new.holes)} ranges of missing ids below it are still looked for.")
        return lines


def _range(first: int, last: int) -> tuple[int, int] | None:
    return (first, last) if first <= last else None
