"""What a partition's owner may do with the events that have not ended."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

from ..running.delivery import Delivery


class Waiting(Protocol):
    """The events of a partition that were read and have not ended: those that wait, and those that a worker holds.

    `now` and `due` are seconds of a clock that only goes forward.
    """

    bytes: int
    """What the waiting ones hold in memory, roughly."""

    def push(self, delivery: Delivery) -> None:
        """Put an event behind the others."""

    def take(self, count: int, now: float) -> list[Delivery]:
        """At most `count` events that may be started now, to be handed to a worker."""

    def give_back(self, deliveries: Iterable[Delivery]) -> None:
        """Have events wait again that a worker holds and has not started, ahead of the others."""

    def retry(self, delivery: Delivery, due: float) -> None:
        """Have a started event wait until then, and all that must not overtake it."""

    def end(self, delivery: Delivery) -> None:
        """A started event has ended."""

    def due(self) -> float | None:
        """When the next retry is due; None without one."""

    def oldest(self) -> Delivery | None:
        """The oldest event that was read and has not ended; None without one. Replays do not count."""

    @property
    def started(self) -> int:
        """Events that a worker holds."""

    def __len__(self) -> int:
        """Events that wait."""
