"""Reading a topic between offsets, without a group and without a position to keep."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError, StreamError
from shotgun_runtime.kafka import BrokerWatch, consumer_config, explain, is_refusal, new_consumer
from shotgun_runtime.settings import Settings
from shotgun_schemas.event import event_id_of

Bounds = Mapping[int, tuple[int, int]]
"""Of each partition: the first offset that is meant, and the one behind the last."""

PATIENCE_SECONDS = 60.0
REQUEST_SECONDS = 15.0
_BATCH = 1_000
_FIRST_STEP = 10_000
_LAST_STEP = 1_000_000
_FETCH_MS = 10
_POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Record:
    """One record of the topic, without its value. `event_id` is None for a foreign record, `timestamp` in seconds."""

    partition: int
    offset: int
    event_id: int | None
    timestamp: float


class _Nearest:
    """The neighbours of an id, among those that were seen."""

    def __init__(self, event_id: int) -> None:
        self.event_id = event_id
        self.earlier: int | None = None
        self.later: int | None = None

    def see(self, other: int) -> None:
        if other < self.event_id:
            self.earlier = other if self.earlier is None else max(self.earlier, other)
        else:
            self.later = other if self.later is None else min(self.later, other)

    def __str__(self) -> str:
        near = " and ".join(str(found) for found in (self.earlier, self.later) if found is not None)
        return f"the nearest to {self.event_id} are {near}" if near else "it holds no other event"


class EventMissingError(ConfigurationError):
    """The topic does not hold some events. The message names them, and the nearest ones that it holds."""

    def __init__(self, topic: str, missing: Collection[int], near: _Nearest) -> None:
        names = ", ".join(map(str, sorted(missing)))
        what = f"event {names} is" if len(missing) == 1 else f"events {names} are"
        hint = f"; {near}" if near.event_id in missing else ""
        super().__init__(f"{what} not in {topic}{hint}")


class TopicReader:
    """Reads committed records, of the event topic unless another is named. One owner, one thread; `close` it.

    Every method raises StreamError when the brokers do not answer in time, KafkaRefusedError when they do not let
    this user read.
    """

    def __init__(
        self,
        settings: Settings,
        watch: BrokerWatch,
        *,
        topic: str | None = None,
        fetch_wait_ms: int = _FETCH_MS,
    ) -> None:
        self._topic = topic or settings.stream.topic
        # The end of a partition is only told when a fetch comes back empty, so an empty fetch must not be waited for,
        # unless to follow the end is what the reader is for.
        self._consumer: Consumer = new_consumer(
            consumer_config(settings, watch=watch, enable_partition_eof=True, fetch_wait_max_ms=fetch_wait_ms)
        )

    def close(self) -> None:
        """Give the connections back."""
        self._consumer.close()

    def messages(self, spans: Bounds) -> Generator[Message, None, None]:
        """The records of these spans, in order within a partition. Compacted ones and markers are not there."""
        open_spans = {partition: end for partition, (start, end) in spans.items() if start < end}
        if not open_spans:
            return
        self._consumer.assign(
            [TopicPartition(self._topic, partition, spans[partition][0]) for partition in open_spans]
        )
        try:
            quiet_since = time.monotonic()
            while open_spans:
                messages = self._batch()
                if messages:
                    quiet_since = time.monotonic()
                elif time.monotonic() - quiet_since > PATIENCE_SECONDS:
                    self._fail("no answer in time")
                for message in messages:
                    if self._is_meant(message, open_spans):
                        yield message
        finally:
            self._consumer.unassign()

    def records(self, spans: Bounds) -> Generator[Record, None, None]:
        """As `messages`, without their values."""
        for message in self.messages(spans):
            yield record_of(message)

    def follow(self, starts: Mapping[int, int]) -> Generator[Message | None, None, None]:
        """All records from these offsets on, without end; now and then None, so that the caller may stop."""
        self._consumer.assign([TopicPartition(self._topic, *start) for start in starts.items()])
        while True:
            yield None
            for message in self._batch():
                error = message.error()
                if error is None:
                    yield message
                elif not _passes(error):
                    self._refuse(error)

    def find(self, event_id: int, limits: Bounds) -> Record:
        """The event's own record; the newest one if the topic holds the event more than once.

        Raises EventMissingError when it is not there.
        """
        return self.find_all([event_id], limits)[event_id]

    def find_all(self, event_ids: Collection[int], limits: Bounds) -> dict[int, Record]:
        """As `find`, for several events.

        Found by reading from the ends backwards, in growing steps: ids are in no order, so nothing can be bisected.
        """
        missing, found = set(event_ids), dict[int, Record]()
        near = _Nearest(min(missing, default=0))
        tops, step = {partition: end for partition, (_, end) in limits.items()}, _FIRST_STEP
        while missing:
            spans = {
                partition: (max(limits[partition][0], top - step), top)
                for partition, top in tops.items()
                if top > limits[partition][0]
            }
            if not spans:
                raise EventMissingError(self._topic, missing, near)
            for record in self.records(spans):
                if record.event_id in missing:
                    found[record.event_id] = record
                elif record.event_id is not None:
                    near.see(record.event_id)
            missing -= found.keys()
            tops = {partition: start for partition, (start, _) in spans.items()}
            step = min(_LAST_STEP, step * 4)
        return found

    def offsets_at(self, moment: datetime, limits: Bounds) -> dict[int, int]:
        """Of each partition the first offset with a record of that time or later; the end where there is none."""
        millis = max(0, int(moment.timestamp() * 1000))
        starts = self._lookup(millis, limits)
        # Kafka counts transaction markers, which carry the time of publishing: behind events that were published long
        # after they happened, it stops at the first of them.
        return self._first(
            {partition: (starts[partition], end) for partition, (_, end) in limits.items()},
            lambda record: round(record.timestamp * 1000) >= millis,
        )

    def offsets_from(self, event_id: int, limits: Bounds) -> dict[int, int]:
        """Of each partition the first offset with this id or a larger one; the end where there is none."""
        return self._first(limits, lambda record: record.event_id is not None and record.event_id >= event_id)

    def _first(self, spans: Bounds, is_meant: Callable[[Record], bool]) -> dict[int, int]:
        found: dict[int, int] = {}
        for partition, (start, end) in spans.items():
            found[partition] = end
            with closing(self.records({partition: (start, end)})) as records:
                for record in records:
                    if is_meant(record):
                        found[partition] = record.offset
                        break
        return found

    def _lookup(self, millis: int, limits: Bounds) -> dict[int, int]:
        asked = [TopicPartition(self._topic, partition, millis) for partition in limits]
        if not asked:
            return {}
        try:
            answers = self._consumer.offsets_for_times(asked, timeout=REQUEST_SECONDS)
        except KafkaException as error:
            self._refuse(error.args[0])
        for answer in answers:
            if answer.error is not None:
                self._refuse(answer.error)
        return {
            answer.partition: answer.offset if answer.offset >= 0 else limits[answer.partition][1]
            for answer in answers
        }

    def _batch(self) -> list[Message]:
        # consume() would wait for the whole batch.
        first = self._consumer.poll(_POLL_SECONDS)
        return [] if first is None else [first, *self._consumer.consume(_BATCH, 0)]

    def _is_meant(self, message: Message, open_spans: dict[int, int]) -> bool:
        """Whether the record lies in its span; closes spans that are over."""
        error, partition, offset = message.error(), message.partition(), message.offset()
        if partition not in open_spans or offset is None:
            if error is not None and not _passes(error):
                self._refuse(error)
            return False
        end = open_spans[partition]
        if error is not None and error.code() != KafkaError._PARTITION_EOF:
            if not _passes(error):
                self._refuse(error)
            return False
        # Below the end, an open transaction may hide the rest for a moment.
        if offset >= end - 1 if error is None else offset >= end:
            del open_spans[partition]
            if open_spans:
                self._consumer.incremental_unassign([TopicPartition(self._topic, partition)])
        return error is None and offset < end

    def _refuse(self, error: KafkaError) -> NoReturn:
        if is_refusal(error):
            raise KafkaRefusedError(f"{self._topic} cannot be read: {explain(error)}")
        self._fail(explain(error))

    def _fail(self, reason: str) -> NoReturn:
        raise StreamError(f"{self._topic} cannot be read: {reason}")


def record_of(message: Message) -> Record:
    """The record's place, event and time."""
    partition, offset = message.partition(), message.offset()
    assert partition is not None
    assert offset is not None
    return Record(partition, offset, event_id_of(message.key()), max(0, message.timestamp()[1]) / 1000)


def _passes(error: KafkaError) -> bool:
    return error.retriable() or error.code() in (
        KafkaError._PARTITION_EOF,
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
    )
