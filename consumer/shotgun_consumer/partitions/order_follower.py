"""What a session does on operators' orders: pause, go on where it had stopped, run events again."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import replace

from confluent_kafka import Consumer, TopicPartition

from shotgun_runtime.errors import StreamError

from ..orders.order_watch import OrderWatch
from ..orders.orders import Replay
from ..positions.positions import Positions
from ..running.history import only
from ..running.worker import AnyWorker
from .assignment import Assignment
from .member import Member
from .partition_state import PartitionState

log = logging.getLogger(__name__)


class OrderFollower:
    """Follows the orders for one session, in the group's thread.

    `paused` tells whether no event may be started. `follow` is to be called about once a second; it may wait for Kafka
    when an event is to be run again.
    """

    def __init__(
        self,
        member: Member,
        consumer: Consumer,
        worker: AnyWorker,
        assignment: Assignment,
        positions: Positions,
    ) -> None:
        self._group = member.group
        self._topic = member.topic
        self._watch = OrderWatch(member.orders)
        self._consumer = consumer
        self._worker = worker
        self._assignment = assignment
        self._positions = positions
        self.paused = False

    def follow(self) -> None:
        """Look at the orders, and do what they say."""
        if self._watch.silent() and not self.paused:
            return
        paused = self._watch.paused
        if paused and not self.paused:
            self._assignment.give_back(self._worker.withdraw())
        self.paused = paused
        if self._watch.resumed():
            for state in self._assignment:
                # Whoever resumes a group wants what it stays at run, poison or not.
                state.gate.absolve()
                self._go_on(state)
        for partition in self._watch.skipped():
            self._go_on(self._assignment.get(partition))
        for replay in self._watch.replays([state.partition for state in self._assignment]):
            self._replay(replay)
        self._tidy()

    def forget(self, partitions: Collection[int]) -> None:
        """Begin again with the replays of partitions that are assigned anew."""
        self._watch.forget(partitions)

    def _go_on(self, state: PartitionState | None) -> None:
        """Try again the event that the partition stays at."""
        if state is None or state.stopped is None:
            return
        log.info("Group %s: %s[%d] goes on", self._group, self._topic, state.partition)
        state.stopped = None
        if not state.throttled:
            self._consumer.resume([TopicPartition(self._topic, state.partition)])

    def _tidy(self) -> None:
        """Take back what was ordered or told about events that are over."""
        if self._watch.quiet:
            return
        for state in self._assignment:
            position = self._assignment.commits.position(state.partition)
            if position is not None:
                self._watch.passed(state.partition, position, state.progress.has_passed)

    def _replay(self, replay: Replay) -> None:
        """Run an event again, behind those of its lane. The position is not concerned."""
        state = self._assignment.get(replay.partition)
        if state is None or not state.progress.has_passed(replay.offset):
            return  # its own turn is still to come
        place = f"{self._topic}[{replay.partition}]@{replay.offset}"
        try:
            message = self._positions.fetch(replay.partition, replay.offset)
        except StreamError as error:
            log.warning("Group %s: %s is not replayed yet: %s", self._group, place, error)
            return
        if message is None:
            log.error(
                "Group %s: %s was to be replayed, but holds no event; the order is taken back",
                self._group,
                place,
            )
            self._watch.take_back(replay)
            return
        self._watch.begun(replay)
        log.info("Group %s: %s is replayed", self._group, place)
        state.waiting.push(replace(state.delivery(message), replayed=True, ended=only(replay.callbacks)))
