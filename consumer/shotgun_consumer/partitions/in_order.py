"""The events of a partition that runs them one after the other."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from itertools import chain

from ..running.delivery import Delivery


class InOrder:
    """Events that wait, and those that a worker holds, of which it runs the first. Pure; see `Waiting`."""

    def __init__(self) -> None:
        self._queue: deque[Delivery] = deque()
        self._started: deque[Delivery] = deque()
        self._due: float | None = None
        self.bytes = 0

    def push(self, delivery: Delivery) -> None:
        """See `Waiting`."""
        self._queue.append(delivery)
        self.bytes += delivery.size

    def take(self, count: int, now: float) -> list[Delivery]:
        """See `Waiting`."""
        if self._due is not None:
            if now < self._due:
                return []
            self._due = None
        taken: list[Delivery] = []
        while self._queue and len(taken) < count:
            delivery = self._queue.popleft()
            self.bytes -= delivery.size
            taken.append(delivery)
        self._started.extend(taken)
        return taken

    def give_back(self, deliveries: Iterable[Delivery]) -> None:
        """See `Waiting`."""
        returned = list(deliveries)
        offsets = {delivery.offset for delivery in returned}
        self._started = deque(delivery for delivery in self._started if delivery.offset not in offsets)
        self._queue.extendleft(reversed(returned))
        self.bytes += sum(delivery.size for delivery in returned)

    def retry(self, delivery: Delivery, due: float) -> None:
        """See `Waiting`."""
        self.give_back([delivery])
        self._due = due

    def end(self, delivery: Delivery) -> None:
        """See `Waiting`."""
        if self._started and self._started[0].offset == delivery.offset:
            self._started.popleft()
        else:
            self._started = deque(one for one in self._started if one.offset != delivery.offset)

    def due(self) -> float | None:
        """See `Waiting`."""
        return self._due

    def oldest(self) -> Delivery | None:
        """See `Waiting`."""
        everyone = chain(self._started, self._queue)
        return next((delivery for delivery in everyone if not delivery.replayed), None)

    @property
    def started(self) -> int:
        """See `Waiting`."""
        return len(self._started)

    def __len__(self) -> int:
        return len(self._queue)
