"""Reads and writes a group's positions, and resolves where a new group begins."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from contextlib import closing

from confluent_kafka import (
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from shotgun_runtime.kafka import BrokerWatch, consumer_config, new_consumer
from shotgun_runtime.settings import Settings
from shotgun_runtime.start import Start

from ..stream import Stream
from .marks import NO_MARKS, decode_marks
from .placement import Hold, Known, place
from .position import Position
from .topic_reader import TopicReader

log = logging.getLogger(__name__)

REQUEST_SECONDS = 15.0


class Positions:
    """The positions of one group. Belongs to the group's thread.

    Every method may raise KafkaException or StreamError when Kafka does not answer.
    """

    def __init__(self, settings: Settings, group: str, stream: Stream, watch: BrokerWatch) -> None:
        self._settings = settings
        self._group = group
        self._stream = stream
        self._watch = watch
        self._starts: dict[int, int] = {}

    def check(self) -> Hold | None:
        """Whether the group may be joined. Needs no membership. Resolves where new partitions begin."""
        identity = self._stream.identity
        partitions = range(identity.partitions)
        committed = committed_offsets(
            self._settings, self._group, self._stream.topic, partitions, self._watch
        )
        limits = bounds(self._stream.admin, self._stream.topic, partitions)
        decision = place(self._known(committed, limits), partitions)
        if isinstance(decision, Hold):
            return decision
        missing = [partition for partition in decision.new if partition not in self._starts]
        if missing:
            start = self._settings.consumer.start_position
            found = resolve_start(self._settings, self._watch, start, {p: limits[p] for p in missing})
            self._starts.update(found)
            for partition, offset in found.items():
                log.info(
                    "Group %s is new: it begins at offset %d of %s[%d] (start: %s)",
                    self._group,
                    offset,
                    self._stream.topic,
                    partition,
                    start,
                )
        self._starts.update({partition: limits[partition][0] for partition in decision.added})
        return None

    def take_up(self, consumer: Consumer, partitions: Iterable[int]) -> Mapping[int, Position] | Hold | None:
        """Where a member goes on; the offsets of new partitions are committed before anything is delivered.

        None when the answer has changed since `check`, which is then to be asked again.
        """
        found = _found(consumer, self._stream.topic, partitions)
        offsets = {partition: None if one is None else one.offset for partition, one in found.items()}
        decision = place(self._known(offsets, None), list(offsets))
        if isinstance(decision, Hold):
            return decision
        fresh = (*decision.new, *decision.added)
        if any(partition not in self._starts for partition in fresh):
            return None
        starts = {partition: self._starts[partition] for partition in fresh}
        if starts:
            commit_now(consumer, [TopicPartition(self._stream.topic, *start) for start in starts.items()])
        kept = {partition: one for partition, one in found.items() if one is not None}
        return {**kept, **{partition: Position(offset) for partition, offset in starts.items()}}

    def fetch(self, partition: int, offset: int) -> Message | None:
        """One record of the topic, read beside the membership; None when there is none at this offset."""
        with closing(TopicReader(self._settings, self._watch)) as reader:
            return next(reader.messages({partition: (offset, offset + 1)}), None)

    def all_known(self, consumer: Consumer) -> bool:
        """Whether each partition of the topic has a position, so that a missing one would be a loss."""
        committed = _committed(consumer, self._stream.topic, range(self._stream.identity.partitions))
        return all(offset is not None for offset in committed.values())

    def _known(
        self, committed: Mapping[int, int | None], limits: Mapping[int, tuple[int, int]] | None
    ) -> Known:
        return Known(
            group=self._group,
            topic=self._stream.topic,
            identity=self._stream.identity,
            witness=self._stream.witness(self._group),
            committed=committed,
            bounds=limits,
        )


def commit_now(consumer: Consumer, pairs: list[TopicPartition]) -> dict[int, KafkaError]:
    """Commit these offsets and wait for the answer: the partitions that were refused, with the reason.

    Raises KafkaException when the whole request failed.
    """
    answers = consumer.commit(offsets=pairs, asynchronous=False)
    return {answer.partition: answer.error for answer in answers or [] if answer.error is not None}


def committed_offsets(
    settings: Settings, group: str, topic: str, partitions: Iterable[int], watch: BrokerWatch
) -> dict[int, int | None]:
    """A group's committed offsets; None where there is none. Raises KafkaException."""
    # Not with AdminClient.list_consumer_group_offsets: while the group's coordinator is loading, that brings the whole
    # process down with a segmentation fault (confluent-kafka 2.16.1).
    asker = new_consumer(consumer_config(settings, group_id=group, watch=watch))
    try:
        return _committed(asker, topic, partitions)
    finally:
        asker.close()


def _committed(consumer: Consumer, topic: str, partitions: Iterable[int]) -> dict[int, int | None]:
    return {
        partition: None if one is None else one.offset
        for partition, one in _found(consumer, topic, partitions).items()
    }


def _found(consumer: Consumer, topic: str, partitions: Iterable[int]) -> dict[int, Position | None]:
    asked = [TopicPartition(topic, partition) for partition in partitions]
    answers = consumer.committed(asked, timeout=REQUEST_SECONDS)
    for answer in answers:
        if answer.error is not None:
            raise KafkaException(answer.error)
    return {answer.partition: _committed_of(answer) for answer in answers}


def _committed_of(answer: TopicPartition) -> Position | None:
    if answer.offset < 0:
        return None
    marks = decode_marks(answer.offset, answer.metadata)
    if marks is None:
        log.warning(
            "%s[%d]: what was committed with offset %d is not ours, or cut off; it is left out of account, and what "
            "had ended ahead of that offset is repeated",
            answer.topic,
            answer.partition,
            answer.offset,
        )
    return Position(answer.offset, marks or NO_MARKS)


def bounds(client: AdminClient, topic: str, partitions: Iterable[int]) -> dict[int, tuple[int, int]]:
    """Each partition's first offset and its end, as a reader of committed events sees it. Raises KafkaException."""
    pairs = [TopicPartition(topic, partition) for partition in partitions]
    found: list[dict[int, int]] = []
    for spec in (OffsetSpec.earliest(), OffsetSpec.latest()):  # type: ignore[no-untyped-call]
        futures = client.list_offsets(
            dict.fromkeys(pairs, spec),
            isolation_level=IsolationLevel.READ_COMMITTED,
            request_timeout=REQUEST_SECONDS,
        )
        offsets = {
            pair.partition: future.result(timeout=2 * REQUEST_SECONDS).offset
            for pair, future in futures.items()
        }
        unanswered = sorted(partition for partition, offset in offsets.items() if offset < 0)
        if unanswered:
            # A broker that does not answer in time is no error to librdkafka, but an offset below zero.
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{topic}{unanswered}: no answer in time"))
        found.append(offsets)
    low, high = found
    return {partition: (low[partition], high[partition]) for partition in low}


def resolve_start(
    settings: Settings, watch: BrokerWatch, start: Start, limits: Mapping[int, tuple[int, int]]
) -> dict[int, int]:
    """The offset of each partition at which `start` lies. Raises StreamError.

    For an event id that is the first record whose id is as large or larger, found by reading from the beginning.
    """
    if start.kind == "earliest":
        return {partition: low for partition, (low, _) in limits.items()}
    if start.kind == "latest":
        return {partition: high for partition, (_, high) in limits.items()}
    with closing(TopicReader(settings, watch)) as reader:
        if start.moment is not None:
            return reader.offsets_at(start.moment, limits)
        assert start.event_id is not None
        return reader.offsets_from(start.event_id, limits)
