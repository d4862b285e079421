"""The gauges of one group."""

from __future__ import annotations

import time

from confluent_kafka import Consumer, KafkaException, TopicPartition

from ..metrics import GroupMetrics
from .assignment import Assignment
from .partition_state import PartitionState

# Behind the last event there may be one transaction marker, which nobody ever reads.
_MARKER = 1


class Gauges:
    """Reads the assignment and sets the gauges. Belongs to the group's thread."""

    def __init__(self, metrics: GroupMetrics, assignment: Assignment) -> None:
        self._gauges = (
            metrics.lag_seconds,
            metrics.lag_offsets,
            metrics.unfinished,
            metrics.oldest_unfinished,
            metrics.paused,
            metrics.assigned,
        )
        self._shown: tuple[float, ...] = (-1.0,) * len(self._gauges)
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
        stopped = sum(state.stopped is not None for state in self._assignment)
        self._set(
            lag_seconds, lag_offsets, self._assignment.unfinished, oldest, stopped, len(self._assignment)
        )

    def clear(self) -> None:
        """Set everything to 0: nothing is assigned any more."""
        self._set(*[0] * len(self._gauges))

    def _set(self, *values: float) -> None:
        for index, value in enumerate(values):
            # A hundred idle groups have the same to say each second.
            if value != self._shown[index]:
                self._gauges[index].set(value)
        self._shown = values


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
