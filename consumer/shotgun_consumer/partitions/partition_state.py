"""All that a group member knows of one assigned partition. Its one owner is the group's thread."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from confluent_kafka import Message

from ..running.delivery import Delivery
from .gate import Gate
from .progress import Progress
from .waiting import Waiting

MAX_QUEUED_EVENTS = 1_000
MAX_QUEUED_BYTES = 8 * 1024 * 1024
RESUME_BELOW = 4


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
    gate: Gate
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
        if self.stopped is not None:
            return []
        return (
            self.waiting.take(count, now) if self.gate.is_open else self.gate.start(self.waiting, count, now)
        )

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
