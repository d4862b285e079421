"""The stream in Kafka as a command sees it: its topics, its checkpoint, its members. Nothing is written."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from confluent_kafka import (
    OFFSET_END,
    ConsumerGroupState,
    IsolationLevel,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.kafka import admin, explain, is_refusal, require_broker
from shotgun_runtime.settings import Settings, require_kafka
from shotgun_runtime.topics import TopicIdentity, topic_identity
from shotgun_schemas.checkpoint import Checkpoint, decode_checkpoint
from shotgun_schemas.framing import DecodeError

from ..checkpoint_log import StoredCheckpoint, newest_checkpoint
from ..decisions import unreadable_checkpoint
from ..election import group_of
from ..errors import RecycleError
from ..log_reader import PATIENCE_SECONDS, LogReader

_CALL_SECONDS = 15.0
_LAST_OFFSETS = 2_000
_NO_GROUP = (KafkaError.GROUP_ID_NOT_FOUND, KafkaError.COORDINATOR_NOT_AVAILABLE)


@dataclass(frozen=True, slots=True)
class Member:
    """One running producer. `host`: the address from which it is connected."""

    member: str
    client: str
    host: str
    active: bool


class Stream:
    """What stands in Kafka about one stream. One owner, one thread; made by `open_stream`.

    Every method raises StreamError when the brokers do not answer, KafkaRefusedError when they refuse.
    """

    def __init__(self, settings: Settings, client: AdminClient, reader: LogReader) -> None:
        self._settings = settings
        self.topic = settings.stream.topic
        self.client = client
        self.reader = reader
        self._checked: set[str] = set()

    def identity(self) -> TopicIdentity:
        """Which topic of events this is. KafkaRefusedError when there is none."""
        return self._there(self.topic)

    def stored(self) -> StoredCheckpoint | None:
        """The newest record of the checkpoint; None when there never was one."""
        topic = self._settings.stream.checkpoint_topic
        if topic not in self._checked:
            self._there(topic)
            self._checked.add(topic)
        return newest_checkpoint(self.reader, topic)

    def require_checkpoint(self) -> Checkpoint:
        """The newest checkpoint. Raises StreamError when there is none, DecisionNeededError for an unreadable one."""
        found = opened(self.stored())
        if found is None:
            raise StreamError(
                f"there is no checkpoint in {self._settings.stream.checkpoint_topic}: nothing was published yet, or "
                "it was reset. Start a producer: shotgun-producer run"
            )
        return found

    def ends(self, partitions: int) -> tuple[int, ...]:
        """The offset behind the last record of each partition."""
        return tuple(self.reader.end_offset(self.topic, number) for number in range(partitions))

    def open_records(self, partitions: int) -> int:
        """How many records readers of committed records do not see yet, because a transaction is open."""
        places = [TopicPartition(self.topic, number) for number in range(partitions)]
        # Asked for first: what is committed meanwhile is then not taken for open, but for seen.
        ends = self._offsets(places, OffsetSpec.latest(), IsolationLevel.READ_UNCOMMITTED)  # type: ignore[no-untyped-call]
        stable = self._offsets(places, OffsetSpec.latest(), IsolationLevel.READ_COMMITTED)  # type: ignore[no-untyped-call]
        return sum(max(0, end - start) for end, start in zip(ends, stable, strict=True))

    def has_events(self, ends: tuple[int, ...]) -> bool:
        """Whether any partition holds a committed record before these ends."""
        for number, end in enumerate(ends):
            first = self.reader.first_offset(self.topic, number)
            if any(True for _ in self.reader.read(self.topic, number, first, end)):
                return True
        return False

    def highest_of_last(self, ends: tuple[int, ...]) -> int | None:
        """The highest id among the last records of each partition; None when there are no events."""
        ids = []
        for number, end in enumerate(ends):
            start = max(self.reader.first_offset(self.topic, number), end - _LAST_OFFSETS)
            keys = [message.key() or b"" for message in self.reader.read(self.topic, number, start, end)]
            ids += [int(key) for key in keys if key.isdigit()]
        return max(ids, default=None)

    def place_of(self, partition: int, moment: float, end: int) -> int:
        """The offset of the first record whose time is `moment` (seconds since 1970) or later; `end` if none is."""
        place = TopicPartition(self.topic, partition)
        spec = OffsetSpec.for_timestamp(int(moment * 1000))
        (offset,) = self._offsets([place], spec, IsolationLevel.READ_UNCOMMITTED)
        return offset if 0 <= offset < end else end

    def _offsets(
        self, places: Sequence[TopicPartition], spec: OffsetSpec, level: IsolationLevel
    ) -> list[int]:
        futures = self.client.list_offsets(
            dict.fromkeys(places, spec), isolation_level=level, request_timeout=_CALL_SECONDS
        )
        try:
            offsets = [int(futures[place].result(2 * _CALL_SECONDS).offset) for place in places]
        except KafkaException as error:
            raise _failure(f"offsets of {self.topic}", error.args[0]) from None
        if min(offsets) < OFFSET_END:
            # A broker that does not answer in time is no error to librdkafka.
            raise StreamError(f"offsets of {self.topic}: no answer in time")
        return offsets

    def members(self) -> tuple[Member, ...]:
        """The running producers, the active one first; empty when none runs."""
        group = group_of(self._settings)
        futures = self.client.describe_consumer_groups([group], request_timeout=_CALL_SECONDS)
        try:
            found = futures[group].result(2 * _CALL_SECONDS)
        except KafkaException as error:
            if error.args[0].code() in _NO_GROUP:
                return ()
            raise _failure(f"consumer group {group}", error.args[0]) from None
        if found.state == ConsumerGroupState.DEAD:
            return ()
        members = [
            Member(
                member.member_id,
                member.client_id,
                member.host.lstrip("/"),
                bool(member.assignment and member.assignment.topic_partitions),
            )
            for member in found.members
        ]
        return tuple(sorted(members, key=lambda member: (not member.active, member.member)))

    def _there(self, topic: str) -> TopicIdentity:
        try:
            return topic_identity(self.client, topic)
        except KafkaRefusedError as error:
            raise KafkaRefusedError(
                f"{error}. Check the stream section of the configuration; the first start of `shotgun-producer run` "
                "makes its topics"
            ) from None


def opened(stored: StoredCheckpoint | None) -> Checkpoint | None:
    """What the record holds; None when there is none or it was reset. DecisionNeededError when it cannot be read."""
    if stored is None or stored.value is None:
        return None
    try:
        return decode_checkpoint(stored.value)
    except DecodeError as error:
        unreadable_checkpoint(str(error))


@contextmanager
def open_stream(settings: Settings, patience: float = PATIENCE_SECONDS) -> Iterator[Stream]:
    """The stream for one command. `patience`: seconds for which its reader waits for the brokers.

    Raises ConfigurationError without brokers, StreamError when none answers; what the reader raises inside becomes a
    StreamError.
    """
    require_kafka(settings.kafka)
    client = admin(settings)
    require_broker(client, settings.kafka.bootstrap_servers)
    reader = LogReader.open(settings, threading.Event(), patience=patience)
    try:
        yield Stream(settings, client, reader)
    except RecycleError as error:
        raise StreamError(f"Kafka at {settings.kafka.bootstrap_servers} does not answer: {error}") from None
    finally:
        reader.close()


def _failure(what: str, error: KafkaError) -> StreamError:
    message = f"{what}: {explain(error)}"
    return KafkaRefusedError(message) if is_refusal(error) else StreamError(message)
