"""All that a group member knows of one assigned partition. Its one owner is the group's thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from confluent_kafka import Message

from .delivery import Delivery
from .progress import Progress

MAX_QUEUED_EVENTS = 1_000
MAX_QUEUED_BYTES = 8 * 1024 * 1024
RESUME_BELOW = 4


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


@dataclass(slots=True)
class PartitionState:
    """Progress, and the events that were read and have not ended.

    `throttled` says that reading is paused because too much is queued, `stopped` that it is paused behind an event
    that failed, with the reason. `timestamp` and `last_key` are those of the last event that was
    read.
    """

    partition: int
    progress: Progress
    waiting: Waiting
    throttled: bool = False
    stopped: str | None = None
    at_end: bool = False
    timestamp: float = 0.0
    last_key: bytes | None = None

    def delivery(self, message: Message) -> Delivery:
        """A record of this partition as it travels from here on."""
        offset, value, key = message.offset(), message.value(), message.key()
        assert offset is not None
        return Delivery(
            self.partition,
            offset,
            self.progress.epoch,
            key,
            value,
            dict(message.headers() or ()),  # type: ignore[arg-type]
            max(0, message.timestamp()[1]) / 1000,
            ended=self.progress.ended(offset),
        )

    def start(self, count: int, now: float) -> list[Delivery]:
        """Take at most `count` events, to be handed to a worker. None behind a failure."""
        return [] if self.stopped is not None else self.waiting.take(count, now)

    def stop(self, delivery: Delivery, reason: str, withheld: Iterable[Delivery]) -> None:
        """Stay at this event, which failed, until the next assignment."""
        self.waiting.give_back([delivery, *withheld])
        self.stopped = reason

    @property
    def overfull(self) -> bool:
        """Whether reading must be paused."""
        return len(self.waiting) >= MAX_QUEUED_EVENTS or self.waiting.bytes >= MAX_QUEUED_BYTES

    @property
    def roomy(self) -> bool:
        """Whether reading may go on."""
        return (
            len(self.waiting) < MAX_QUEUED_EVENTS // RESUME_BELOW
            and self.waiting.bytes < MAX_QUEUED_BYTES // RESUME_BELOW
        )
