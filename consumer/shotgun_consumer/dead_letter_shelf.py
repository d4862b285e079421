"""A team's dead letters, as a command sees them: read to the end, chosen, taken back."""

from __future__ import annotations

import fnmatch
import logging
import time
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime

from confluent_kafka import OFFSET_BEGINNING, Consumer, KafkaError, KafkaException, Message, TopicPartition

from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError, StreamError
from shotgun_runtime.kafka import (
    BrokerWatch,
    consumer_config,
    explain,
    is_refusal,
    new_consumer,
    new_producer,
    producer_config,
)
from shotgun_runtime.settings import Settings
from shotgun_schemas import headers
from shotgun_schemas.dead_letter import DeadLetter, parse_letter
from shotgun_schemas.framing import DecodeError
from shotgun_schemas.topics import dead_letter_topic

log = logging.getLogger(__name__)

PATIENCE_SECONDS = 60.0
_WRITE_SECONDS = 30.0
_BATCH = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant; what is empty or None says nothing. `plugin`, `callback` and `event_type` are patterns.

    `since` is the earliest time at which a letter was put aside.
    """

    plugin: str | None = None
    callback: str | None = None
    event_type: str | None = None
    since: datetime | None = None
    events: Collection[str] = ()

    def takes(self, letter: DeadLetter) -> bool:
        """Whether the letter is meant."""
        given = letter.headers.get(headers.EVENT_TYPE, b"")
        return (
            (self.plugin is None or fnmatch.fnmatchcase(letter.plugin, self.plugin))
            and (self.callback is None or fnmatch.fnmatchcase(letter.callback, self.callback))
            and (self.event_type is None or fnmatch.fnmatchcase(headers.decode(given), self.event_type))
            and (self.since is None or time_of(letter) >= self.since)
            and (not self.events or letter.event in self.events)
        )

    @property
    def is_all(self) -> bool:
        """Whether nothing is said, so that every letter is meant."""
        return self == Choice()


def time_of(letter: DeadLetter) -> datetime:
    """When the letter was put aside."""
    return datetime.fromisoformat(letter.time.replace("Z", "+00:00"))


def topic_of(settings: Settings) -> str:
    """The team's dead-letter topic. Raises ConfigurationError without a team."""
    if not settings.consumer.team:
        raise ConfigurationError(
            "no team is given, so no dead letters; set consumer.team, or use --team TEAM"
        )
    return dead_letter_topic(settings.stream.dead_letter_topic, settings.consumer.team)


def read_letters(settings: Settings, choice: Choice) -> list[DeadLetter]:
    """The letters that are meant, oldest first; none when the topic was never needed.

    Raises ConfigurationError without a team, KafkaRefusedError when Kafka refuses, StreamError when it does not answer.
    """
    topic = topic_of(settings)
    watch = BrokerWatch(settings.kafka.bootstrap_servers)
    consumer = new_consumer(
        consumer_config(settings, watch=watch, enable_partition_eof=True, fetch_wait_max_ms=10)
    )
    try:
        found = _read(consumer, topic, choice)
    except KafkaException as error:
        raise _failure(topic, error.args[0]) from None
    finally:
        consumer.close()
    return sorted(found, key=lambda letter: (letter.time, letter.event))


def take_back(settings: Settings, letters: Iterable[DeadLetter]) -> None:
    """Write a tombstone for each letter. Raises KafkaRefusedError or StreamError when one is not acknowledged."""
    topic = topic_of(settings)
    producer = new_producer(
        producer_config(settings, linger_ms=5, delivery_timeout_ms=int(_WRITE_SECONDS * 1000))
    )
    failures: list[KafkaError] = []
    try:
        for letter in letters:
            producer.produce(
                topic,
                key=letter.record_key,
                value=None,
                on_delivery=lambda error, _: failures.append(error) if error is not None else None,
            )
            producer.poll(0)
        left = producer.flush(_WRITE_SECONDS + 1)
    except KafkaException as error:
        raise _failure(topic, error.args[0]) from None
    finally:
        producer.close()
    if failures:
        raise _failure(topic, failures[0])
    if left:
        raise StreamError(f"{left} tombstones were not acknowledged by {topic}; run the command again")


def _read(consumer: Consumer, topic: str, choice: Choice) -> list[DeadLetter]:
    known = consumer.list_topics(topic, timeout=PATIENCE_SECONDS).topics.get(topic)
    if known is None or known.error is not None:
        if known is None or known.error.code() in (
            KafkaError.UNKNOWN_TOPIC_OR_PART,
            KafkaError._UNKNOWN_TOPIC,
        ):
            return []
        raise KafkaException(known.error)
    consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in known.partitions])
    unread = set(known.partitions)
    letters: dict[bytes, DeadLetter] = {}
    quiet_since = time.monotonic()
    while unread:
        messages = consumer.consume(_BATCH, 0.2)
        if messages:
            quiet_since = time.monotonic()
        elif time.monotonic() - quiet_since > PATIENCE_SECONDS:
            raise StreamError(f"{topic} cannot be read to its end: no answer from Kafka in time")
        for message in messages:
            _take(message, letters, unread, choice)
    return list(letters.values())


def _take(message: Message, letters: dict[bytes, DeadLetter], unread: set[int], choice: Choice) -> None:
    error, key = message.error(), message.key()
    if error is not None:
        if error.code() == KafkaError._PARTITION_EOF:
            unread.discard(message.partition() or 0)
        elif not error.retriable() and error.code() != KafkaError._TRANSPORT:
            raise KafkaException(error)
        return
    if not isinstance(key, bytes):
        return
    letters.pop(key, None)
    if message.value() is None:
        return
    try:
        letter = parse_letter(
            message.value(),
            message.headers() or (),  # type: ignore[arg-type]
            max(0, message.timestamp()[1]) / 1000,
        )
    except DecodeError as fault:
        log.warning("%s, offset %s: left out: %s", message.topic(), message.offset(), fault)
        return
    if choice.takes(letter):
        letters[key] = letter


def _failure(topic: str, error: KafkaError) -> StreamError:
    message = f"{topic}: {explain(error)}"
    return KafkaRefusedError(message) if is_refusal(error) else StreamError(message)
