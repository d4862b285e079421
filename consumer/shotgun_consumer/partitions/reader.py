"""Reads a session's partitions, no further ahead than is of use."""

from __future__ import annotations

import logging
import time

from confluent_kafka import Consumer, KafkaError, Message, TopicPartition

from shotgun_runtime.kafka import explain

from ..metrics import GroupMetrics
from ..running.delivery import Outcome
from .assignment import Assignment
from .member import Member

log = logging.getLogger(__name__)

FULL_SECONDS = 0.5
RATE_SECONDS = 1.0
FETCH_WAIT_SECONDS = 5.0
"""The service's `fetch.wait.max.ms`."""
BATCH = 500
BUSY_BATCH = 100
"""While events run, their results wait for the thread that reads."""
ENOUGH_QUEUED = 250
POLL_SLICE_SECONDS = 0.2
"""A longer `poll()` wakes up so often, in case of a Ctrl-C that only the main thread hears: confluent-kafka 2.16."""


class Reader:
    """Puts records into the assignment, in the group's thread. `problem`: why the membership must end, if it must."""

    def __init__(
        self, member: Member, consumer: Consumer, assignment: Assignment, metrics: GroupMetrics
    ) -> None:
        self._group = member.group
        self._topic = member.topic
        self._succession = member.succession
        self._consumer = consumer
        self._assignment = assignment
        self._metrics = metrics
        self._next_look = 0.0
        self._since, self._counted, self._rate = 0.0, 0, 0.0
        self._said: set[int] = set()
        self.problem: str | None = None

    @property
    def has_enough(self) -> bool:
        """Whether so much is queued that reading need not go on."""
        return self._assignment.queued >= ENOUGH_QUEUED

    def rest(self, wait: float) -> bool:
        """Wait so many seconds for one record, with nothing else to do. False when none came.

        Kafka's callbacks come out of this, too.
        """
        messages = self._first(wait)
        if messages:
            self._accept(messages)
        return bool(messages)

    def read(self, wait: float) -> None:
        """Read what is there, or wait so many seconds for the first record. Kafka's callbacks come out of this."""
        if not self.has_enough or (self._assignment.starving and self._is_slow(time.monotonic())):
            # All partitions come out of one queue. What one of them has too much of is paused, so that it does not
            # stand in the way of another that has nothing.
            messages = self._poll(wait, BUSY_BATCH if self._assignment.started else BATCH)
        else:
            # One record now and then keeps the membership and Kafka's callbacks going; pausing instead would throw
            # away all that is prefetched, again and again.
            now = time.monotonic()
            if now < self._next_look and not self._assignment.commits.open:
                return
            self._next_look = now + FULL_SECONDS
            messages = self._poll(wait, 1)
        if messages:
            self._accept(messages)
        self._throttle()

    def _is_slow(self, now: float) -> bool:
        """Whether a paused partition has enough to do until it is fetched again.

        That may take as long as a fetch of the others waits for news.
        """
        if now - self._since >= RATE_SECONDS:
            returned = self._assignment.returned
            self._rate = (returned - self._counted) / (now - self._since)
            self._since, self._counted = now, returned
        return self._rate * FETCH_WAIT_SECONDS < ENOUGH_QUEUED

    def _poll(self, wait: float, count: int) -> list[Message]:
        if count > 1 and wait <= 0:
            return self._consumer.consume(count, 0)
        first = self._first(max(0.0, wait))
        # For many, consume() would wait for all of them.
        return [*first, *self._consumer.consume(count - 1, 0)] if first and count > 1 else first

    def _first(self, wait: float) -> list[Message]:
        if wait > POLL_SLICE_SECONDS:
            return self._consumer.consume(1, wait)
        # This comes to the answer of a commit much sooner.
        message = self._consumer.poll(wait)
        return [] if message is None else [message]

    def _accept(self, messages: list[Message]) -> None:
        delivered = filtered = 0
        wants = self._succession.wants
        for message in messages:
            error = message.error()
            if error is not None:
                self._on_error(message, error)
                continue
            state = self._assignment.get(message.partition())
            if state is None:
                continue
            delivery = state.delivery(message)
            if not self._assignment.read(state, delivery.offset, delivery.key, delivery.timestamp):
                continue
            delivered += 1
            if wants(delivery):
                state.waiting.push(delivery)
            else:
                self._assignment.filter(state, delivery.offset)
                filtered += 1
        if delivered:
            self._said.clear()
            self._metrics.delivered.inc(delivered)
        if filtered:
            self._metrics.events[Outcome.FILTERED.value].inc(filtered)

    def _on_error(self, message: Message, error: KafkaError) -> None:
        code = error.code()
        if code == KafkaError._PARTITION_EOF:
            state = self._assignment.get(message.partition())
            offset = message.offset()
            if state is not None and offset is not None:
                state.progress.reach_end(offset)
                state.at_end = True
        elif code == KafkaError._AUTO_OFFSET_RESET and self.problem is None:
            self.problem = f"its position in {self._topic}[{message.partition()}] is outside of the log"
        elif error.fatal():
            self.problem = explain(error)
        elif code not in self._said:
            self._said.add(code)
            log.warning("Group %s: %s", self._group, explain(error))

    def _throttle(self) -> None:
        for state in self._assignment:
            if state.stopped is not None:
                continue
            if not state.throttled and state.overfull:
                self._consumer.pause([TopicPartition(self._topic, state.partition)])
                state.throttled = True
            elif state.throttled and state.roomy:
                self._consumer.resume([TopicPartition(self._topic, state.partition)])
                state.throttled = False
