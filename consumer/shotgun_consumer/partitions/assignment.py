"""The partitions that a group member owns, from their assignment to their revocation. Does no I/O."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator
from dataclasses import dataclass, replace
from itertools import count

from shotgun_schemas.event import event_id_of

from ..positions.marks import NO_MARKS, Marks
from ..running.delivery import Delivery, Result
from ..running.history import POISON
from .commits import CommitPipeline
from .gate import Gate
from .in_order import InOrder
from .lanes import Lanes
from .partition_state import PartitionState
from .progress import Progress
from .turn import Turn

FIRST_AHEAD = 16
SPARE_SHARE = 8
"""Of so many workers one finds its next event handed over already."""


@dataclass(frozen=True, slots=True)
class Reached:
    """The event that the oldest position points to: the oldest unfinished one, else the last one read."""

    event_id: int
    timestamp: float


class Assignment:
    """State of all assigned partitions, and the commits that are due for them.

    With a `concurrency` above 1 that many events of different entities run at once. `turn` is the one of the process,
    for events that must run alone.

    Synchronous, single owner: the group's thread. `epochs` numbers assignments over the whole life of the group in
    this process, so what belongs to an earlier one is told apart from what belongs to the same partition now.
    """

    def __init__(
        self,
        max_uncommitted: int,
        epochs: Iterator[int] | None = None,
        *,
        concurrency: int = 1,
        group: str = "",
        turn: Turn | None = None,
    ) -> None:
        self.commits = CommitPipeline(max_uncommitted, concurrency)
        self._concurrency = concurrency
        self._spare = math.ceil(concurrency / SPARE_SHARE)
        self._epochs = epochs if epochs is not None else count(1)
        self._states: dict[int, PartitionState] = {}
        self._next = 0
        self._pace, self._returned = FIRST_AHEAD, 0
        self.returned = 0
        """How many results have come back, in all."""
        self._group = group
        self._turn = Turn() if turn is None else turn
        self._shut: set[int] = set()
        """The partitions of which an event was started and none has returned."""

    def add(self, partition: int, offset: int, marks: Marks = NO_MARKS) -> None:
        """Take over a partition at its committed offset. What was known of an earlier assignment is gone."""
        self.remove(partition)
        progress = Progress(next(self._epochs), offset, marks)
        waiting = InOrder() if self._concurrency == 1 else Lanes()
        self.commits.assign(partition, progress, committed=True)
        gate = Gate((self._group, partition), progress, marks, self._turn, self.commits)
        self._states[partition] = PartitionState(partition, progress, waiting, gate)

    def remove(self, partition: int) -> None:
        """Give a partition up: nothing of it counts or is committed any more."""
        state = self._states.pop(partition, None)
        if state is not None:
            state.gate.close()
        self._shut.discard(partition)
        self.commits.forget(partition)

    def get(self, partition: int | None) -> PartitionState | None:
        """The state of a partition; None when it is not assigned."""
        return None if partition is None else self._states.get(partition)

    def __iter__(self) -> Iterator[PartitionState]:
        return iter(tuple(self._states.values()))

    def __len__(self) -> int:
        return len(self._states)

    def read(self, state: PartitionState, offset: int, key: bytes | None, timestamp: float) -> bool:
        """Note a record that was read. False when it had been read before and is to be dropped."""
        if not state.progress.deliver(offset):
            return False
        state.at_end = False
        state.timestamp = timestamp
        state.last_key = key
        return True

    def filter(self, state: PartitionState, offset: int) -> None:
        """End an event that nobody wants, as soon as it was read."""
        state.progress.pass_over(offset, state.progress.epoch)

    def settle(self, result: Result, now: float) -> PartitionState | None:
        """Take in what a worker says. None when it belongs to an earlier assignment and changes nothing."""
        delivery = result.delivery
        state = self._states.get(delivery.partition)
        if state is None or state.progress.epoch != delivery.epoch:
            return None
        self._returned += 1
        self.returned += 1
        if result.outcome is None:
            self._keep(state, result, now)
        else:
            state.waiting.end(delivery)
            if not delivery.replayed:
                state.progress.finish(delivery.offset, delivery.epoch)
                self.commits.finished(delivery.partition)
        if not state.gate.is_open:
            state.gate.returned(result, state.waiting)
        return state

    @staticmethod
    def _keep(state: PartitionState, result: Result, now: float) -> None:
        """Have an unfinished event run again later, or its partition stay at it."""
        delivery = result.delivery
        # Whether it is poison, the gate knows, and says with each start.
        ended = result.ended - {POISON}
        state.progress.note_ended(delivery.offset, ended)
        again = replace(delivery, attempt=delivery.attempt + 1, ended=ended)
        if result.retry_after is None:
            state.stop(again, result.reason, result.withheld)
        else:
            state.waiting.give_back(result.withheld)
            state.waiting.retry(again, now + result.retry_after)

    def startable(self, now: float) -> list[Delivery]:
        """The events to hand to the workers now, within the bound on what may be repeated.

        Partitions take turns, so that a long queue of one does not keep the others waiting. While a partition of
        whatever group has the turn of the process, no other one starts anything.
        """
        owner = self._turn.owner
        started = self.started - sum(self._states[partition].gate.held for partition in self._shut)
        room = self.commits.room(started)
        room = min(room, self._concurrency + self._ahead() - started)
        taken: list[Delivery] = []
        states = list(self._states.values())
        for index in range(len(states)):
            if not room:
                break
            state = states[(self._next + index) % len(states)]
            if owner is not None and owner != (self._group, state.partition):
                continue
            some = state.start(room, now)
            if not state.gate.is_open:
                self._shut.add(state.partition)
            room -= len(some)
            taken.extend(some)
        if taken:
            # Not at each look: there are two in a round, so the same partition would come first each time.
            self._next += 1
        return taken

    def _ahead(self) -> int:
        """How many events to hand over beyond those that can run at once.

        Without any, a worker that becomes free waits for the owner. With too many, an event of another partition, or
        another lane, waits behind them. So it follows how many end between two looks: many short ones, few long ones.
        """
        if self._concurrency > 1:
            return self._spare
        if self._returned:
            self._pace, self._returned = max(1, 2 * self._returned, self._pace // 2), 0
        return self._pace

    def tend(self, now: float) -> None:
        """Look after the partitions of which no event has returned yet. To be called in each round of the loop."""
        for partition in tuple(self._shut):
            gate = self._states[partition].gate
            gate.tend(now)
            if gate.is_open:
                self._shut.discard(partition)

    def absolve(self) -> None:
        """Have all events run, whatever was suspected, because somebody wants that."""
        for state in self._states.values():
            state.gate.absolve()

    def hand_on(self, partitions: Collection[int]) -> None:
        """Let the last commits of these partitions say that nothing is amiss, unless something of them still runs."""
        for state in self._ended(partitions):
            state.gate.hand_on()

    def stop(self, partitions: Collection[int]) -> None:
        """The same when it is the process that stops."""
        for state in self._ended(partitions):
            state.gate.stop()

    def _ended(self, partitions: Collection[int]) -> list[PartitionState]:
        return [
            state
            for state in self._states.values()
            if state.partition in partitions and not state.waiting.started
        ]

    def give_back(self, deliveries: Collection[Delivery], partitions: Collection[int] | None = None) -> None:
        """Queue events again that were handed over and have not been started.

        With them comes what was held back before it was handed over, of these partitions or of all.
        """
        for state in self._states.values():
            mine = [
                delivery
                for delivery in deliveries
                if (delivery.partition, delivery.epoch) == (state.partition, state.progress.epoch)
            ]
            if mine:
                state.waiting.give_back(mine)
            if partitions is None or state.partition in partitions:
                state.gate.give_back(state.waiting, mine)

    @property
    def started(self) -> int:
        """Events that the workers hold, of all partitions."""
        return sum(state.waiting.started for state in self._states.values())

    @property
    def queued(self) -> int:
        """Events that wait to be handed over, of all partitions that are not stopped."""
        return sum(len(state.waiting) for state in self._states.values() if state.stopped is None)

    @property
    def has_waiting(self) -> bool:
        """Whether any event waits to be handed over, be it held back."""
        return bool(self._shut) or any(map(_has_waiting, self._states.values()))

    @property
    def starving(self) -> bool:
        """Whether a partition has nothing waiting while others have, so that what comes for it should be read soon."""
        return len(self._states) > 1 and any(
            not len(state.waiting) and state.stopped is None for state in self._states.values()
        )

    def due(self) -> float | None:
        """When the next retry is due; None without one."""
        dues = [
            due for state in self._states.values() if state.stopped is None and (due := state.waiting.due())
        ]
        return min(dues, default=None)

    def until_due(self, seconds: float, now: float) -> float:
        """So long, but not longer than until the next retry is due.

        One that is due already, and was not started, waits for something else, such as the answer to a commit; to look
        for it again and again would take a whole core while Kafka is away.
        """
        due = self.due()
        return seconds if due is None or due <= now else min(seconds, due - now)

    @property
    def unfinished(self) -> int:
        """Events that were read and have not ended."""
        return sum(state.progress.unfinished for state in self._states.values())

    def reached(self) -> Reached | None:
        """Which event the group has come to, over all partitions here; None before anything was read."""
        points = [point for state in self._states.values() if (point := _reached(state)) is not None]
        return min(points, key=lambda point: point.event_id, default=None)


def _has_waiting(state: PartitionState) -> bool:
    return len(state.waiting) > 0


def _reached(state: PartitionState) -> Reached | None:
    oldest = state.waiting.oldest()
    if oldest is not None:
        event_id, timestamp = oldest.event_id, oldest.timestamp
    else:
        event_id, timestamp = event_id_of(state.last_key), state.timestamp
    return None if event_id is None else Reached(event_id, timestamp)
