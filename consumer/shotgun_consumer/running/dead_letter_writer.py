"""Puts events aside into the team's dead-letter topic, which is made when it is first needed."""

from __future__ import annotations

import threading
from datetime import datetime, timezone
from typing import Any

from confluent_kafka import KafkaError, KafkaException, Producer

from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.kafka import BrokerWatch, admin, explain, is_refusal, new_producer, producer_config
from shotgun_runtime.secret import Redactor
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Deadline
from shotgun_runtime.stream_topics import dead_letter_topic
from shotgun_runtime.topics import ensure_topics
from shotgun_schemas.dead_letter import DeadLetter

from .failure_handler import FailedCall

WRITE_TIMEOUT_SECONDS = 15.0
_POLL_SECONDS = 0.05


class DeadLetterWriter:
    """One for a process, for any thread. Connects to nothing before the first letter, or `prepare`."""

    def __init__(
        self, settings: Settings, watch: BrokerWatch, timeout: float = WRITE_TIMEOUT_SECONDS
    ) -> None:
        self._settings = settings
        self._spec = dead_letter_topic(settings.stream, settings.consumer.team)
        self._timeout = timeout
        self._config = producer_config(
            settings, watch=watch, linger_ms=0, delivery_timeout_ms=int(timeout * 1000)
        )
        self._redact = Redactor(settings.logging.redacted)
        self._lock = threading.Lock()
        self._producer: Producer | None = None
        self._is_prepared = False

    @property
    def topic(self) -> str:
        """Name of the topic."""
        return self._spec.name

    def prepare(self) -> None:
        """Make the topic if it is missing. Raises KafkaRefusedError, with the command that makes it, or StreamError."""
        with self._lock:
            if self._is_prepared:
                return
            replication = self._settings.stream.replication_factor
            ensure_topics(admin(self._settings), [self._spec], replication)
            self._is_prepared = True

    def put(self, letter: DeadLetter) -> None:
        """Write a letter, its texts without secrets. Returns once all in-sync replicas have it.

        Raises KafkaRefusedError when Kafka refuses, StreamError when it is not acknowledged in time.
        """
        self._send(
            f"the dead letter of event {letter.event}",
            key=letter.record_key,
            value=letter.value,
            headers=letter.record_headers(),
            timestamp=int(letter.timestamp * 1000),
        )

    def take_back(self, letter: str) -> None:
        """Write a tombstone for the letter with this key. Returns and raises as `put`."""
        self._send(f"the tombstone of dead letter {letter}", key=letter.encode(), value=None)

    def _send(self, what: str, **record: Any) -> None:
        self.prepare()
        producer = self._current()
        outcome: list[KafkaError | None] = []
        deadline = Deadline.after(self._timeout + 1)
        try:
            producer.produce(self.topic, on_delivery=lambda error, _: outcome.append(error), **record)
            while not outcome and not deadline.expired:
                producer.poll(_POLL_SECONDS)
        except (KafkaException, BufferError) as error:
            cause = error.args[0]
            raise self._failure(what, cause if isinstance(cause, KafkaError) else None) from None
        if not outcome or outcome[0] is not None:
            self._replace(producer)
            raise self._failure(what, outcome[0] if outcome else None)

    def letter(self, group: str, plugin: str, failed: FailedCall, stack: str) -> DeadLetter:
        """The letter of a failed call, without secrets."""
        kind = type(failed.error)
        module = "" if kind.__module__ == "builtins" else f"{kind.__module__}."
        delivery = failed.delivery
        return DeadLetter(
            group=group,
            team=self._settings.consumer.team,
            plugin=plugin,
            callback=failed.spec.key,
            topic=failed.position.topic,
            partition=delivery.partition,
            offset=delivery.offset,
            key=delivery.key,
            value=delivery.value,
            timestamp=delivery.timestamp,
            attempts=failed.attempt,
            time=datetime.now(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            exception_class=f"{module}{kind.__qualname__}",
            exception_message=self._redact(str(failed.error)),
            stacktrace=self._redact(stack),
            headers=delivery.headers,
        )

    def close(self) -> None:
        """End the producer and its threads; nothing is waiting, because each call awaited its letter."""
        with self._lock:
            if self._producer is not None:
                self._producer.close()
                self._producer = None

    def _current(self) -> Producer:
        with self._lock:
            if self._producer is None:
                self._producer = new_producer(self._config)
            return self._producer

    def _replace(self, producer: Producer) -> None:
        """It may be stranded, see `ClientWatch`; nobody polls it between two letters."""
        producer.purge()
        with self._lock:
            if self._producer is producer:
                self._producer = None
            # Somebody may have deleted the topic.
            self._is_prepared = False

    def _failure(self, what: str, error: KafkaError | None) -> StreamError:
        reason = explain(error) if error else f"no acknowledgement within {self._timeout:g} s"
        message = f"{what} was not written to {self.topic}: {reason}"
        return KafkaRefusedError(message) if error and is_refusal(error) else StreamError(message)


class GroupDeadLetters:
    """The dead letters of one plugin in one group."""

    def __init__(self, writer: DeadLetterWriter, group: str, plugin: str) -> None:
        self._writer = writer
        self._group = group
        self._plugin = plugin

    def put(self, failed: FailedCall, stack: str) -> str:
        """See `failure_handler.DeadLetters`."""
        letter = self._writer.letter(self._group, self._plugin, failed, stack)
        self._writer.put(letter)
        return (
            f"the event is a dead letter of this callback (tries: {failed.attempt}); see it with "
            f"'shotgun-consumer dead-letters show {letter.event} --plugin {self._plugin}'"
        )

    def take_back(self, letter: str) -> None:
        """See `failure_handler.DeadLetters`."""
        self._writer.take_back(letter)
