"""What moving a group means: values and their text. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Move:
    """A group's old and new offsets by partition; an old one is None where the position was lost."""

    group: str
    topic: str
    place: str
    old: Mapping[int, int | None]
    new: Mapping[int, int]

    @property
    def repeated(self) -> int:
        """At most so many events are run again, those that had ended ahead included; transaction markers count."""
        return sum(max(0, old - self.new[number]) for number, old in self.old.items() if old is not None)

    @property
    def passed_over(self) -> int:
        """At most so many events are never run by the group; transaction markers count."""
        return sum(max(0, self.new[number] - old) for number, old in self.old.items() if old is not None)

    @property
    def is_known(self) -> bool:
        """Whether all old positions are known."""
        return all(old is not None for old in self.old.values())

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
                {"partition": number, "old_offset": self.old[number], "new_offset": self.new[number]}
                for number in sorted(self.new)
            ],
            "repeated_at_most": self.repeated if self.is_known else None,
            "passed_over_at_most": self.passed_over if self.is_known else None,
        }
