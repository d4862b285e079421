"""What moving a group means: values and their text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from .position import Position


@dataclass(frozen=True, slots=True)
class Move:
    """A group's old positions and new offsets by partition; an old one is missing where it was lost.

    `ends` are the ends of the partitions.
    """

    group: str
    topic: str
    place: str
    old: Mapping[int, Position]
    new: Mapping[int, int]
    ends: Mapping[int, int]

    @property
    def repeated(self) -> int:
        """At most so many events are run again; transaction markers count."""
        return sum(
            position.finished_between(self.new[number], self.ends[number])
            for number, position in self.old.items()
        )

    @property
    def passed_over(self) -> int:
        """At most so many events are never run by the group; transaction markers count."""
        return sum(
            max(0, self.new[number] - position.offset)
            - position.finished_between(position.offset, self.new[number])
            for number, position in self.old.items()
        )

    @property
    def is_known(self) -> bool:
        """Whether all old positions are known."""
        return self.old.keys() == self.new.keys()

    def as_text(self) -> str:
        """What will happen, for people."""
        consequences = []
        if self.repeated:
            consequences.append(f"up to {self.repeated:,} events are run again")
        if self.passed_over:
            consequences.append(
                f"up to {self.passed_over:,} events are passed over and never run by this group"
            )
        if not self.is_known:
            consequences.append("its old position is lost, so what is repeated or passed over cannot be told")
        return f"Group {self.group!r} goes on at {self.place}: {'; '.join(consequences) or 'where it is already'}."

    def as_json(self) -> dict[str, Any]:
        """The same for programs."""
        return {
            "group": self.group,
            "topic": self.topic,
            "place": self.place,
            "partitions": [
                {
                    "partition": number,
                    "old_offset": self.old[number].offset if number in self.old else None,
                    "new_offset": offset,
                }
                for number, offset in sorted(self.new.items())
            ],
            "repeated_at_most": self.repeated if self.is_known else None,
            "passed_over_at_most": self.passed_over if self.is_known else None,
        }
