"""All that a group member knows of one assigned partition. Its one owner is the group's thread."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from .delivery import Delivery
from .progress import Progress

MAX_QUEUED_EVENTS = 1_000
MAX_QUEUED_BYTES = 8 * 1024 * 1024
RESUME_BELOW = 4


@dataclass(slots=True)
class PartitionState:
    """Progress, and the events that were read and not yet handed to a worker.

    `throttled` says that reading is paused because too much is queued, `stopped` that it is paused behind an event
    that failed, with the reason. `timestamp` and `last_key` are those of the last event that was
    read.
    """

    partition: int
    progress: Progress
    throttled: bool = False
    stopped: str | None = None
    at_end: bool = False
    timestamp: float = 0.0
    last_key: bytes | None = None
    _queue: deque[Delivery] = field(default_factory=deque)
    _bytes: int = 0
    _started: deque[Delivery] = field(default_factory=deque)

    def enqueue(self, delivery: Delivery) -> None:
        """Queue an event behind the others."""
        self._queue.append(delivery)
        self._bytes += delivery.size

    def start(self, count: int) -> list[Delivery]:
        """Take at most `count` events from the queue, to be handed to a worker. None behind a failure."""
        if self.stopped is not None:
            return []
        taken: list[Delivery] = []
        while self._queue and len(taken) < count:
            delivery = self._queue.popleft()
            self._bytes -= delivery.size
            taken.append(delivery)
        self._started.extend(taken)
        return taken

    def give_back(self, deliveries: Iterable[Delivery]) -> None:
        """Queue events again that a worker was handed and has not started, ahead of the others."""
        returned = list(deliveries)
        offsets = {delivery.offset for delivery in returned}
        self._started = deque(delivery for delivery in self._started if delivery.offset not in offsets)
        self._queue.extendleft(reversed(returned))
        self._bytes += sum(delivery.size for delivery in returned)

    def end(self, offset: int) -> None:
        """A started event has come back from its worker."""
        if self._started and self._started[0].offset == offset:
            self._started.popleft()
        else:
            self._started = deque(delivery for delivery in self._started if delivery.offset != offset)

    def stop(self, delivery: Delivery, reason: str, withheld: Iterable[Delivery]) -> None:
        """Stay at this event, which failed, until the next assignment."""
        self.give_back([delivery, *withheld])
        self.stopped = reason

    @property
    def queued(self) -> int:
        """Events that wait here."""
        return len(self._queue)

    @property
    def started(self) -> int:
        """Events that a worker holds."""
        return len(self._started)

    @property
    def overfull(self) -> bool:
        """Whether reading must be paused."""
        return len(self._queue) >= MAX_QUEUED_EVENTS or self._bytes >= MAX_QUEUED_BYTES

    @property
    def roomy(self) -> bool:
        """Whether reading may go on."""
        return (
            len(self._queue) < MAX_QUEUED_EVENTS // RESUME_BELOW
            and self._bytes < MAX_QUEUED_BYTES // RESUME_BELOW
        )

    def oldest(self) -> Delivery | None:
        """The oldest event that was read and has not ended; None without one."""
        for events in (self._started, self._queue):
            if events:
                return events[0]
        return None
