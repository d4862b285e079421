"""Reading a partition between two offsets, without a group and without a position to keep."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, wait
from typing import Any

from confluent_kafka import (
    OFFSET_END,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Message,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

from shotgun_runtime.errors import KafkaRefusedError
from shotgun_runtime.kafka import BrokerWatch, admin, consumer_config, explain, is_refusal, new_consumer
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Deadline

from .errors import HaltedError, RecycleError

PATIENCE_SECONDS = 60.0
_CALL_SECONDS = 5.0
_POLL_SECONDS = 0.2
_AGAIN_SECONDS = 0.3
_FETCH_MS = 10
_METADATA_SECONDS = 2.0


class LogReader:
    """Reads committed records. One owner, one thread; `close` it.

    Every method raises RecycleError when the brokers do not answer within `patience` seconds, KafkaRefusedError when
    they do not let this user read, and HaltedError once `halt` is set.
    """

    def __init__(
        self,
        consumer: Consumer,
        client: AdminClient,
        halt: threading.Event,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._consumer = consumer
        self._admin = client
        self._halt = halt
        self._patience = patience

    @classmethod
    def open(
        cls,
        settings: Settings,
        halt: threading.Event,
        watch: BrokerWatch | None = None,
        client: AdminClient | None = None,
        patience: float = PATIENCE_SECONDS,
    ) -> LogReader:
        """A reader of the configured brokers. `client`: one that is connected already."""
        # The end of a partition is only told when a fetch comes back empty, so an empty fetch must not be waited for.
        config = consumer_config(
            settings, watch=watch, enable_partition_eof=True, fetch_wait_max_ms=_FETCH_MS
        )
        return cls(new_consumer(config), client or admin(settings), halt, patience)

    def close(self) -> None:
        """Gives the connections back."""
        self._consumer.close()

    def first_offset(self, topic: str, partition: int) -> int:
        """The offset of the oldest record that is left."""
        return self._offset(topic, partition, OffsetSpec.earliest())  # type: ignore[no-untyped-call]

    def end_offset(self, topic: str, partition: int) -> int:
        """The offset behind the last record, committed or not.

        A committed reader's own end stops at the first open transaction and so would hide what comes after it.
        """
        return self._offset(topic, partition, OffsetSpec.latest())  # type: ignore[no-untyped-call]

    def offset_since(self, topic: str, partition: int, moment: float) -> int:
        """The offset of the first record whose time is `moment` (seconds since 1970) or later; the end if none is."""
        end = self.end_offset(topic, partition)  # before the look: what comes meanwhile must not be left out
        spec = OffsetSpec.for_timestamp(max(0, int(moment * 1000)))
        offset = self._offset(topic, partition, spec, least=OFFSET_END)
        return end if offset == OFFSET_END else offset

    def read(self, topic: str, partition: int, start: int, end: int) -> Iterator[Message]:
        """The committed records from `start` up to, not including, `end`."""
        if start >= end:
            return
        deadline = Deadline.after(self._patience)
        self._know(topic)
        self._consumer.assign([TopicPartition(topic, partition, start)])
        try:
            while not deadline.expired:
                if self._halt.is_set():
                    raise HaltedError
                message = self._consumer.poll(_POLL_SECONDS)
                if message is None:
                    continue
                if self._is_end(message, end):
                    return
                if message.error() is None:
                    deadline = Deadline.after(self._patience)
                    yield message
                    if _offset(message) + 1 >= end:
                        return
        finally:
            self._consumer.unassign()
        raise RecycleError(
            "read", f"{topic}[{partition}] could not be read from offset {start} to {end}: no answer in time"
        )

    def _know(self, topic: str) -> None:
        # Else librdkafka looks for the leader only when it next goes through its topics, once a second.
        with contextlib.suppress(KafkaException):
            self._consumer.list_topics(topic, timeout=_METADATA_SECONDS)

    @staticmethod
    def _is_end(message: Message, end: int) -> bool:
        error = message.error()
        if error is None:
            return _offset(message) >= end
        if error.code() == KafkaError._PARTITION_EOF:
            # Below the end, an open transaction hides the rest until the broker ends it.
            return _offset(message) >= end
        if error.retriable() or error.code() in (KafkaError._TRANSPORT, KafkaError._ALL_BROKERS_DOWN):
            return False
        _refuse(f"{message.topic()}[{message.partition()}]", error)
        raise RecycleError("read", explain(error))

    def _offset(self, topic: str, partition: int, spec: OffsetSpec, least: int = 0) -> int:
        """Asks again when the answer is not there at once: now and then librdkafka sits on one request for 3 s."""
        deadline = Deadline.after(self._patience)
        asked: set[Future[Any]] = set()
        reason = "no answer in time"
        while not self._halt.is_set():
            asked.add(self._ask_for_offset(TopicPartition(topic, partition), spec))
            done, asked = wait(asked, _AGAIN_SECONDS, FIRST_COMPLETED)
            for future in done:
                offset = _answer(future, f"{topic}[{partition}]", least)
                if isinstance(offset, int):
                    return offset
                reason = offset
            if deadline.expired:
                raise RecycleError("read", f"{topic}[{partition}]: {reason}")
            if done:
                self._halt.wait(_POLL_SECONDS)
                self._learn_leader(topic)
        raise HaltedError

    def _ask_for_offset(self, place: TopicPartition, spec: OffsetSpec) -> Future[Any]:
        return self._admin.list_offsets(
            {place: spec}, isolation_level=IsolationLevel.READ_UNCOMMITTED, request_timeout=_CALL_SECONDS
        )[place]

    def _learn_leader(self, topic: str) -> None:
        """Asks who leads the topic now: an admin client goes on with an epoch that is over, and is refused for it."""
        with contextlib.suppress(KafkaException):
            self._admin.list_topics(topic, timeout=_METADATA_SECONDS)


def _refuse(place: str, error: KafkaError) -> None:
    if is_refusal(error):
        raise KafkaRefusedError(f"Kafka refused to read {place}: {explain(error)}")


def _offset(message: Message) -> int:
    offset = message.offset()
    return -1 if offset is None else offset


def _answer(future: Future[Any], place: str, least: int) -> int | str:
    """The offset, or why there is none. Raises as `_refuse`."""
    error = future.exception()
    if isinstance(error, KafkaException):
        _refuse(place, error.args[0])
        return explain(error.args[0])
    if error is not None:
        raise error
    offset = int(future.result().offset)
    # A broker that does not answer in time is no error to librdkafka, but an offset far below zero.
    return offset if offset >= least else "no answer in time"
