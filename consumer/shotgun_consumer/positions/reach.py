"""Whether a stream holds everything from an event on. Pure.

The producer's checkpoint says it exactly: all ids above its start, the holes that it found below it, and what was
backfilled. Where the checkpoint cannot be read, the smallest id in the topic must do.
"""

from __future__ import annotations

from dataclasses import dataclass

from shotgun_schemas.checkpoint import Checkpoint


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the stream goes, back and on. `checkpoint` is that of this topic, None: unknown. No ids: it is empty."""

    checkpoint: Checkpoint | None
    smallest_id: int | None
    highest_id: int | None = None

    def missing(self, first: int) -> tuple[int, int] | None:
        """The ids from `first` on that the stream lacks, as the range that covers them; None when it holds them all."""
        if self.checkpoint is None:
            if self.smallest_id is not None and self.smallest_id <= first:
                return None
            return first, max(first, (self.smallest_id or first + 1) - 1)
        lacking = _cut((first, self.checkpoint.start_head), self.checkpoint)
        return (lacking[0][0], lacking[-1][1]) if lacking else None

    def refusal(self, first: int, last_done: int | None = None) -> str | None:
        """Why a group cannot be placed, and what to do; None when it can.

        `first` is the first event that it needs, `last_done` the last one that it was through with: while that is not
        in the stream, it would come later and be run again.
        """
        return self._too_late(first) or (None if last_done is None else self._too_early(last_done))

    def _too_early(self, last_done: int) -> str | None:
        come_to = max(self.highest_id or 0, self.checkpoint.head if self.checkpoint else 0)
        if come_to >= last_done:
            return None
        return (
            f"the topic has only come to event {come_to}, but everything up to event {last_done} was done and would be "
            "run again when it is published. Wait until `shotgun-producer status` shows a larger head, and run this "
            "again"
        )

    def _too_late(self, first: int) -> str | None:
        missing = self.missing(first)
        if missing is None:
            return None
        begin, end = missing
        if self.checkpoint is None and self.smallest_id is None:
            return (
                f"the topic holds no events yet, and event {begin} is the first that is needed. Let the producer begin "
                f"there, with 'start: {begin}' in its section producer, and run this again once it publishes"
            )
        return (
            f"the topic does not reach back to event {begin}: the events {begin} to {end} are not in it. Publish them "
            f"with 'shotgun-producer backfill --from {begin} --to {end}', and give the plugins 'backfill: deliver'; "
            f"or, if the topic may be made anew, let the producer begin with 'start: {begin}'"
        )


def _cut(span: tuple[int, int], checkpoint: Checkpoint) -> list[tuple[int, int]]:
    """What of `span` the stream does not hold, lowest first."""
    covered = [*checkpoint.initial_holes, *((job.first, job.next_id - 1) for job in checkpoint.backfills)]
    left: list[tuple[int, int]] = []
    at, last = span
    for first, end in sorted(covered):
        if end < at or first > end:
            continue
        if first > last:
            break
        if first > at:
            left.append((at, first - 1))
        at = max(at, end + 1)
    if at <= last:
        left.append((at, last))
    return left
