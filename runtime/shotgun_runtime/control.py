"""The control topic: how producer, consumers and commands tell each other what must survive them."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from types import MappingProxyType
from typing import Any

from confluent_kafka import (
    OFFSET_BEGINNING,
    Consumer,
    KafkaError,
    KafkaException,
    Message,
    Producer,
    TopicPartition,
)

from shotgun_runtime.backoff import Backoff
from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.kafka import (
    BrokerWatch,
    ClientWatch,
    consumer_config,
    explain,
    is_refusal,
    new_consumer,
    new_producer,
    producer_config,
)
from shotgun_runtime.kafka_errors import is_leader_change
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Deadline
from shotgun_schemas.control import ORDER_PREFIXES, ControlRecord, decode_record, encode_value
from shotgun_schemas.framing import DecodeError

log = logging.getLogger(__name__)

_MOST_NEWS = 1000
_SLICE_SECONDS = 0.5


class ControlState:
    """The newest record of each key. Pure; one owner writes, any thread may read ``records`` and ``orders``.

    They are never changed, only replaced: a thread that took one keeps a consistent view. ``orders`` are the records
    with one of the ``ORDER_PREFIXES``, and the same object until there is news of one of these.
    """

    def __init__(self) -> None:
        self.records: Mapping[str, ControlRecord] = MappingProxyType({})
        self.orders: Mapping[str, ControlRecord] = MappingProxyType({})

    def apply(self, news: Mapping[str, ControlRecord | None]) -> None:
        """Take over new records; None takes a record back."""
        self.replace({**self.records, **news})

    def replace(self, everything: Mapping[str, ControlRecord | None]) -> None:
        """Forget what was known and take this instead, in one step."""
        self.records = MappingProxyType(
            {key: record for key, record in everything.items() if record is not None}
        )
        orders = {key: record for key, record in self.records.items() if key.startswith(ORDER_PREFIXES)}
        if orders != self.orders:
            self.orders = MappingProxyType(orders)


class ControlTopic:
    """Reader of the control topic with one consumer that assigns and never commits.

    Synchronous and single-owner: ``read_to_end``, ``poll`` and ``close`` belong to the thread that made it. ``get``,
    ``items``, ``records`` and ``orders`` may be used from any thread.
    """

    def __init__(self, settings: Settings, *, watch: BrokerWatch | None = None) -> None:
        self._topic = settings.stream.control_topic
        self._state = ControlState()
        self._settings = settings
        self._watch = watch or BrokerWatch(settings.kafka.bootstrap_servers)
        self._consumer = self._new_consumer()
        self._is_complete = False

    @property
    def records(self) -> Mapping[str, ControlRecord]:
        """All records by key, as one unchanging view."""
        return self._state.records

    @property
    def orders(self) -> Mapping[str, ControlRecord]:
        """What members look at before each event, by key: the same view until there is news of that."""
        return self._state.orders

    @property
    def is_complete(self) -> bool:
        """Whether all that was there when reading began is known."""
        return self._is_complete

    def get(self, key: str) -> ControlRecord | None:
        """Return the newest record of a key, or None."""
        return self._state.records.get(key)

    def items(self, prefix: str = "") -> Iterator[tuple[str, ControlRecord]]:
        """Yield keys and records whose key begins with the prefix."""
        for key, record in self._state.records.items():
            if key.startswith(prefix):
                yield key, record

    def begin(self) -> None:
        """Begin to read without waiting for it: `poll` brings the records, `is_complete` says when all are there."""
        self._is_complete = False
        self._consumer.assign([TopicPartition(self._topic, 0, OFFSET_BEGINNING)])

    def read_to_end(self, timeout: float) -> None:
        """Read all that was there when this was called.

        Raises StreamError when that takes longer than ``timeout`` seconds, KafkaRefusedError when Kafka refuses.
        """
        deadline = Deadline.after(timeout)
        self._replace_if_stranded()
        partition = TopicPartition(self._topic, 0, OFFSET_BEGINNING)
        end = self._read_end(partition, deadline)
        self._consumer.assign([partition])
        news: dict[str, ControlRecord | None] = {}
        reached = 0
        while reached < end:
            if deadline.expired:
                raise StreamError(
                    f"control topic {self._topic} could not be read to its end (offset {reached} of {end}) "
                    f"within {timeout:g} s; check that its partition has a leader"
                )
            message = self._consumer.poll(min(_SLICE_SECONDS, deadline.remaining()))
            if message is not None:
                reached = self._take(message, news, reached)
        # Whatever was known before and is not there now has been taken back, its tombstone compacted away.
        self._state.replace(news)
        self._is_complete = True

    def _read_end(self, partition: TopicPartition, deadline: Deadline) -> int:
        backoff = Backoff(initial=0.1, maximum=1.0)
        while True:
            try:
                _, end = self._consumer.get_watermark_offsets(partition, timeout=deadline.remaining())
            except KafkaException as error:  # noqa: PERF203 - it is a network that is waited for
                self._check(error.args[0])
                if not is_leader_change(error.args[0]) or deadline.expired:
                    raise StreamError(
                        f"control topic {self._topic} cannot be read: {explain(error.args[0])}"
                    ) from None
                time.sleep(min(backoff.pause(), deadline.remaining()))
            else:
                return int(end)

    def poll(self) -> dict[str, ControlRecord | None]:
        """Apply what has arrived, without waiting, and return it; None stands for a record that was taken back.

        Raises KafkaRefusedError when Kafka refuses. A broker that is away is no error: there is no news then.
        """
        if self._replace_if_stranded():
            self.begin()
        news: dict[str, ControlRecord | None] = {}
        for _ in range(_MOST_NEWS):
            message = self._consumer.poll(0)
            if message is None:
                break
            self._take(message, news, 0)
        if news:
            self._state.apply(news)
        return news

    def close(self) -> None:
        """End the consumer and its threads."""
        self._consumer.close()

    def _new_consumer(self) -> Consumer:
        self._client = ClientWatch(self._watch)
        return new_consumer(
            consumer_config(
                self._settings, watch=self._client, enable_partition_eof=True, fetch_wait_max_ms=1000
            )
        )

    def _replace_if_stranded(self) -> bool:
        if not self._client.stranded:
            return False
        self._consumer.close()
        self._consumer = self._new_consumer()
        return True

    def _take(self, message: Message, news: dict[str, ControlRecord | None], reached: int) -> int:
        error = message.error()
        offset = message.offset()
        if error is not None:
            if error.code() == KafkaError._PARTITION_EOF:
                self._is_complete = True
                return max(reached, int(offset or 0))
            self._check(error)
            log.debug("control topic %s: %s", self._topic, explain(error))
            return reached
        key, value = message.key(), message.value()
        if key is None:
            log.warning(
                "control topic %s, offset %s: a record without a key is left out", self._topic, offset
            )
        elif value is None:
            news[_text(key)] = None
        else:
            try:
                news[_text(key)] = decode_record(_bytes(key), _bytes(value))
            except DecodeError as fault:
                log.warning("control topic %s, offset %s: left out: %s", self._topic, offset, fault)
        return max(reached, int(offset or 0) + 1)

    def _check(self, error: KafkaError) -> None:
        if is_refusal(error):
            raise KafkaRefusedError(f"control topic {self._topic}: {explain(error)}")
        if error.code() == KafkaError._AUTO_OFFSET_RESET:
            raise StreamError(
                f"control topic {self._topic} has lost the position that was being read: it was deleted, recreated or "
                "cut; restart to read it anew"
            )


class ControlWriter:
    """Writes control records; each call returns only when all in-sync replicas have the record.

    One owner. ``timeout`` (seconds) bounds each call.
    """

    def __init__(
        self, settings: Settings, *, timeout: float = 15.0, watch: BrokerWatch | None = None
    ) -> None:
        self._topic = settings.stream.control_topic
        self._timeout = timeout
        self._config = producer_config(
            settings,
            watch=watch,
            linger_ms=0,
            delivery_timeout_ms=int(timeout * 1000),
            compression_type="none",
        )
        self._producer: Producer = new_producer(self._config)

    def put(self, key: str, *, by: str, reason: str, **fields: Any) -> None:
        """Write a record. Raises KafkaRefusedError when Kafka refuses, StreamError when it is not acknowledged."""
        at = datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._send(key, encode_value(by=by, at=at, reason=reason, fields=fields))

    def delete(self, key: str) -> None:
        """Take a record back. Raises as ``put``."""
        self._send(key, None)

    def close(self) -> None:
        """End the producer and its threads; nothing is waiting, because each call awaited its record."""
        self._producer.close()

    def _send(self, key: str, value: bytes | None) -> None:
        outcome: list[KafkaError | None] = []
        try:
            self._producer.produce(
                self._topic,
                key=key.encode(),
                value=value,
                partition=0,
                on_delivery=lambda err, _: outcome.append(err),
            )
            self._producer.flush(self._timeout + 1)
        except (KafkaException, BufferError) as error:
            cause = error.args[0]
            raise self._failure(key, cause if isinstance(cause, KafkaError) else None) from None
        if not outcome or outcome[0] is not None:
            self._producer.purge()
            # It may be stranded, see `ClientWatch`; nobody polls it between two records.
            self._producer = new_producer(self._config)
            raise self._failure(key, outcome[0] if outcome else None)

    def _failure(self, key: str, error: KafkaError | None) -> StreamError:
        reason = explain(error) if error else f"no acknowledgement within {self._timeout:g} s"
        message = f"control record {key} was not written to {self._topic}: {reason}"
        return KafkaRefusedError(message) if error and is_refusal(error) else StreamError(message)


def _bytes(value: str | bytes) -> bytes:
    return value.encode() if isinstance(value, str) else value


def _text(value: str | bytes) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else value
