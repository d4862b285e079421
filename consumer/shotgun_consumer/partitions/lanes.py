"""The events of a partition that runs several at once, and each entity's in their order."""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import chain

from shotgun_schemas import headers

from ..running.delivery import Delivery


@dataclass(slots=True)
class _Lane:
    queue: deque[Delivery] = field(default_factory=deque)
    is_open: bool = True
    """Whether its head may be started: nothing of it runs, and it does not wait for a retry."""


class Lanes:
    """Events that wait, by the entity in their headers, and those that workers hold. Pure; see `Waiting`.

    Of each lane one event runs at a time; those behind it wait for its end, its retries included. Events without an
    entity share one lane. Of the lanes whose head may be started the one with the smallest offset comes first, so
    the watermark moves on.
    """

    def __init__(self) -> None:
        self._lanes: dict[bytes, _Lane] = {}
        self._ready: list[tuple[int, bytes]] = []
        self._later: list[tuple[float, int, bytes]] = []
        self._started: dict[int, Delivery] = {}
        self._waiting = 0
        self.bytes = 0

    def push(self, delivery: Delivery) -> None:
        """See `Waiting`."""
        key = _lane_of(delivery)
        lane = self._lanes.get(key)
        if lane is None:
            lane = self._lanes[key] = _Lane()
        lane.queue.append(delivery)
        self._waiting += 1
        self.bytes += delivery.size
        if lane.is_open and len(lane.queue) == 1:
            heapq.heappush(self._ready, (delivery.offset, key))

    def take(self, count: int, now: float) -> list[Delivery]:
        """See `Waiting`."""
        while self._later and self._later[0][0] <= now:
            _, offset, key = heapq.heappop(self._later)
            self._lanes[key].is_open = True
            heapq.heappush(self._ready, (offset, key))
        taken: list[Delivery] = []
        while self._ready and len(taken) < count:
            _, key = heapq.heappop(self._ready)
            lane = self._lanes[key]
            lane.is_open = False
            delivery = lane.queue.popleft()
            self._waiting -= 1
            self.bytes -= delivery.size
            self._started[delivery.offset] = delivery
            taken.append(delivery)
        return taken

    def give_back(self, deliveries: Iterable[Delivery]) -> None:
        """See `Waiting`."""
        for delivery in deliveries:
            self._return(delivery)
            key = _lane_of(delivery)
            self._lanes[key].is_open = True
            heapq.heappush(self._ready, (delivery.offset, key))

    def retry(self, delivery: Delivery, due: float) -> None:
        """See `Waiting`."""
        self._return(delivery)
        heapq.heappush(self._later, (due, delivery.offset, _lane_of(delivery)))

    def end(self, delivery: Delivery) -> None:
        """See `Waiting`."""
        if self._started.pop(delivery.offset, None) is None:
            return
        key = _lane_of(delivery)
        lane = self._lanes[key]
        if lane.queue:
            lane.is_open = True
            heapq.heappush(self._ready, (lane.queue[0].offset, key))
        else:
            del self._lanes[key]

    def due(self) -> float | None:
        """See `Waiting`."""
        return self._later[0][0] if self._later else None

    def oldest(self) -> Delivery | None:
        """See `Waiting`."""
        everyone = chain(self._started.values(), *(lane.queue for lane in self._lanes.values()))
        own = (delivery for delivery in everyone if not delivery.replayed)
        return min(own, key=lambda delivery: delivery.offset, default=None)

    @property
    def started(self) -> int:
        """See `Waiting`."""
        return len(self._started)

    def __len__(self) -> int:
        return self._waiting

    def _return(self, delivery: Delivery) -> None:
        """Back to the head of its lane, which is still there because the event had not ended."""
        del self._started[delivery.offset]
        self._lanes[_lane_of(delivery)].queue.appendleft(delivery)
        self._waiting += 1
        self.bytes += delivery.size


def _lane_of(delivery: Delivery) -> bytes:
    return delivery.headers.get(headers.ENTITY, b"")
