"""The gauges of one group."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from .assignment import Assignment
from .metrics import GroupMetrics
from .partition_state import PartitionState

# Behind the last event there may be one transaction marker, which nobody ever reads.
_MARKER = 1


class Gauges:
    """Reads the assignment and sets the gauges. Belongs to the group's thread."""

    def __init__(self, metrics: GroupMetrics, assignment: Assignment) -> None:
        self._metrics = metrics
        self._assignment = assignment
        self._watermarks: dict[int, tuple[int, float]] = {}

    def update(self, consumer: Consumer, topic: str) -> None:
        """Set all gauges."""
        now = time.monotonic()
        wall = time.time()
        lag_seconds = oldest = 0.0
        lag_offsets = 0
        for state in self._assignment:
            high = _end(consumer, topic, state.partition)
            watermark = state.progress.watermark
            lag_offsets += max(0, high - watermark)
            lag_seconds = max(lag_seconds, _age(state, high, wall))
            if state.progress.unfinished:
                known, since = self._watermarks.get(state.partition, (-1, now))
                since = since if known == watermark else now
                self._watermarks[state.partition] = (watermark, since)
                oldest = max(oldest, now - since)
        self._metrics.lag_seconds.set(lag_seconds)
        self._metrics.lag_offsets.set(lag_offsets)
        self._metrics.unfinished.set(self._assignment.unfinished)
        self._metrics.oldest_unfinished.set(oldest)
        self._metrics.paused.set(sum(state.stopped is not None for state in self._assignment))
        self._metrics.assigned.set(len(self._assignment))

    def clear(self) -> None:
        """Set everything to 0: nothing is assigned any more."""
        for gauge in (
            self._metrics.lag_seconds,
            self._metrics.lag_offsets,
            self._metrics.unfinished,
            self._metrics.oldest_unfinished,
            self._metrics.paused,
            self._metrics.assigned,
        ):
            gauge.set(0)


def _end(consumer: Consumer, topic: str, partition: int) -> int:
    """The end of the partition as the last fetch told it; nothing is asked for it."""
    try:
        _, high = consumer.get_watermark_offsets(TopicPartition(topic, partition), cached=True)
    except KafkaException:
        return 0
    return max(0, high)


def _age(state: PartitionState, high: int, wall: float) -> float:
    oldest = state.waiting.oldest()
    if oldest is not None:
        return max(0.0, wall - oldest.timestamp)
    behind = not state.at_end and high - state.progress.next_offset > _MARKER
    return max(0.0, wall - state.timestamp) if behind and state.timestamp else 0.0
