"""What the active producer knows: the checkpoint, opened up for work."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from shotgun_schemas.checkpoint import Anchor, Checkpoint, Filter, Hole

from .backfill.backfills import Backfills
from .first_position import Position
from .holes import Holes
from .page import Row
from .times import parse_created_at


@dataclass(frozen=True, slots=True)
class Place:
    """Which site is published into which topic."""

    site: str
    topic: str
    topic_id: str
    partitions: int


class Progress:
    """Holes, backfills and end offsets of one stream. One owner.

    It is only ever made from a checkpoint or a first position, and thrown away when a transaction fails.
    """

    def __init__(self, checkpoint: Checkpoint) -> None:
        self._base = checkpoint
        self.backfills = Backfills(checkpoint.start_head, checkpoint.initial_holes, checkpoint.backfills)
        self.holes = Holes(checkpoint.head, checkpoint.holes)
        self._end_offsets = list(checkpoint.end_offsets)
        anchor = checkpoint.anchor
        self._anchor = anchor if anchor is not None and anchor.id <= checkpoint.head else None

    @classmethod
    def begin(cls, place: Place, position: Position, end_offsets: tuple[int, ...], now: float) -> Progress:
        """A new stream. `now`: seconds since 1970 by the site's clock."""
        seen = int(now)
        return cls(
            Checkpoint(
                installation=str(uuid.uuid4()),
                site=place.site,
                topic=place.topic,
                topic_id=place.topic_id,
                partitions=place.partitions,
                head=position.head,
                holes=tuple(Hole(first, last, seen, seen) for first, last in position.holes),
                start_head=position.head,
                initial_holes=position.holes,
                end_offsets=end_offsets,
                written_at=now,
            )
        )

    @property
    def base(self) -> Checkpoint:
        """The checkpoint that this began with; what never changes in it still holds."""
        return self._base

    def use_filter(self, rule: str) -> None:
        """Takes note of what is left out from now on. With another rule than before, that begins at the head."""
        known = self._base.filter
        if known is None or known.rule != rule:
            self._base = replace(self._base, filter=Filter(rule, 0 if known is None else self.holes.head))

    @property
    def has_moved(self) -> bool:
        """Whether a row above the first position has ever been seen."""
        return self.holes.head > self._base.start_head

    @property
    def anchor(self) -> Anchor | None:
        """The highest event that was published and whose date is known: by it the site is known again."""
        return self._anchor

    def take_anchor(self, rows: Sequence[Row]) -> None:
        """Takes the highest of these rows, which are being published in this order, as the anchor, if it has a date."""
        known = 0 if self._anchor is None else self._anchor.id
        for row in reversed(rows):
            number, date = row["id"], row.get("created_at")
            if number <= known:
                return
            if isinstance(date, str) and parse_created_at(date) is not None:
                self._anchor = Anchor(number, date)
                return

    def moved_to(self, end_offsets: Mapping[int, int]) -> None:
        """Takes note of how far the partitions have been written."""
        for partition, offset in end_offsets.items():
            self._end_offsets[partition] = max(offset, self._end_offsets[partition])

    def checkpoint(self, now: float) -> Checkpoint:
        """The state as it is, to be written at `now` (seconds since 1970 by the site's clock)."""
        return replace(
            self._base,
            head=self.holes.head,
            holes=self.holes.snapshot(),
            end_offsets=tuple(self._end_offsets),
            written_at=now,
            backfills=self.backfills.snapshot(),
            anchor=self._anchor,
        )
