"""Sends the commits of a session to Kafka and takes the answers."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Mapping

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from shotgun_runtime.kafka import explain

from ..metrics import GroupMetrics
from ..positions.positions import commit_now
from .commits import Commit, CommitPipeline

log = logging.getLogger(__name__)


class CommitSender:
    """The shell around the commit pipeline. Belongs to the group's thread, in which Kafka's answers come too."""

    def __init__(self, group: str, topic: str, pipeline: CommitPipeline, metrics: GroupMetrics) -> None:
        self._group = group
        self._topic = topic
        self._pipeline = pipeline
        self._metrics = metrics
        self._open: tuple[Commit, float] | None = None
        self._said: set[int] = set()

    def send(self, consumer: Consumer, running: int) -> None:
        """Send what is due while so many events are running, without waiting for the answer."""
        now = time.monotonic()
        commit = self._pipeline.take(now, running)
        if commit is None:
            return
        self._open = (commit, now)
        try:
            consumer.commit(offsets=_pairs(self._topic, commit), asynchronous=True)
        except KafkaException as error:
            self._settle(dict.fromkeys(_partitions(commit), error.args[0]))

    def awaited(self, now: float) -> float:
        """For how many seconds the open commit has waited for its answer; 0.0 when none is open."""
        return 0.0 if self._open is None else now - self._open[1]

    def on_commit(self, error: KafkaError | None, pairs: list[TopicPartition]) -> None:
        """Kafka's answer to an asynchronous commit: librdkafka's `on_commit`."""
        # The request may have failed as a whole, or for single partitions.
        failed = {pair.partition: pair.error for pair in pairs if pair.error is not None}
        self._settle(failed or ({} if error is None else {pair.partition: error for pair in pairs}))

    def finish(self, consumer: Consumer, partitions: Collection[int]) -> None:
        """The last commit of partitions that are given up; waits for the answer.

        An open commit may name the same partitions. Its request went out earlier over the same connection, and Kafka
        works through a connection in order, so this one is the last word on them.
        """
        commit = self._pipeline.final(partitions)
        if commit is None:
            return
        sent = time.monotonic()
        try:
            refused: Mapping[int, KafkaError] = commit_now(consumer, _pairs(self._topic, commit))
        except KafkaException as error:
            refused = dict.fromkeys(_partitions(commit), error.args[0])
        self._pipeline.settle_final(commit, tuple(refused))
        self._count(refused, time.monotonic() - sent)

    def _settle(self, refused: Mapping[int, KafkaError]) -> None:
        if self._open is None:
            return
        commit, sent = self._open
        self._open = None
        now = time.monotonic()
        self._pipeline.settle(commit, tuple(refused), now)
        self._count(refused, now - sent)

    def _count(self, refused: Mapping[int, KafkaError], seconds: float) -> None:
        self._metrics.commit_duration.observe(seconds)
        if refused:
            self._metrics.commit_failures.inc()
        else:
            self._said.clear()
        for partition, error in refused.items():
            if error.code() == KafkaError.OFFSET_METADATA_TOO_LARGE:
                self._pipeline.bare(partition)
            if error.code() not in self._said:
                self._said.add(error.code())
                log.warning(
                    "Group %s: Kafka did not take its position in %s[%d]: %s. What ran since the last position that "
                    "was taken is repeated if the group has to begin there again",
                    self._group,
                    self._topic,
                    partition,
                    explain(error),
                )


def _partitions(commit: Commit) -> list[int]:
    return [point.partition for point in commit.points]


def _pairs(topic: str, commit: Commit) -> list[TopicPartition]:
    return [
        TopicPartition(topic, point.partition, point.snapshot.watermark, point.snapshot.metadata)
        for point in commit.points
    ]
