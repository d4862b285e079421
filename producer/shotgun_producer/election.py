"""Which of several instances publishes.

Election is the assignment of the checkpoint topic's one partition in a consumer group; nothing is ever fetched. It
decides who works, it does not keep the stream safe: that is the fence of the transactional id, which also holds when
two instances believe to be elected.
"""

from __future__ import annotations

import logging
import threading
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition

from shotgun_runtime.errors import KafkaRefusedError
from shotgun_runtime.kafka import BrokerWatch, ClientWatch, consumer_config, explain, is_refusal, new_consumer
from shotgun_runtime.settings import Settings

log = logging.getLogger(__name__)

SESSION_MS = 6_000
HEARTBEAT_MS = 250
"""The member that stays learns with its next heartbeat that another one has left."""

STOP_SECONDS = 5.0
LEAVE_SECONDS = 15.0
_POLL_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class Term:
    """One time of being elected. `halt` is set when it is over; who serves it then stops and sets `finished`."""

    halt: threading.Event = field(default_factory=threading.Event)
    finished: threading.Event = field(default_factory=threading.Event)
    served: threading.Event = field(default_factory=threading.Event)

    @property
    def is_over(self) -> bool:
        """Whether nothing is published in it any more."""
        return self.finished.is_set() or not self.served.is_set()


class Election:
    """A member of the election's group, in a thread of its own.

    `join`, `leave` and `close` may be called from any thread. Once the stop is requested, or the partition is taken
    away, the running term ends.
    """

    def __init__(self, settings: Settings, stop: threading.Event, watch: BrokerWatch | None = None) -> None:
        self._settings = settings
        self._stop = stop
        self._watch = watch or BrokerWatch(settings.kafka.bootstrap_servers)
        self._changed = threading.Condition()
        self._wants = False
        self._is_standing = False
        self._closed = False
        self._term: Term | None = None
        self._refusal: KafkaError | None = None
        self._failure: Exception | None = None
        self._said: set[int] = set()
        self._thread = threading.Thread(target=self._run, name="election", daemon=True)

    def join(self) -> None:
        """Stands for election."""
        with self._changed:
            self._wants = True
            self._changed.notify_all()
        if not self._thread.is_alive():
            self._thread.start()

    def leave(self) -> None:
        """Leaves the group, so that another instance may be elected; returns when that is done.

        The caller's own term must be finished.
        """
        with self._changed:
            self._wants = False
            self._changed.wait_for(lambda: not self._is_standing, LEAVE_SECONDS)

    def wait_for_term(self, seconds: float) -> Term | None:
        """The term to serve, None when there is none within `seconds`.

        Raises KafkaRefusedError, and whatever ended the election's thread.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._is_elected() or self._refusal or self._failure, seconds)
            if self._failure is not None:
                raise self._failure
            refusal, self._refusal = self._refusal, None
            if refusal is not None:
                raise KafkaRefusedError(f"Kafka refused: {explain(refusal)}")
            if self._term is None or self._term.halt.is_set():
                return None
            self._term.served.set()
            return self._term

    def close(self, seconds: float) -> None:
        """Leaves the group and ends the thread, within `seconds`."""
        with self._changed:
            self._wants, self._closed = False, True
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _is_elected(self) -> bool:
        return self._term is not None and not self._term.halt.is_set()

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._wants or self._closed)
                if self._closed:
                    return
                self._is_standing = True
            failure: Exception | None = None
            try:
                self._stand()
            except Exception as error:  # noqa: BLE001 - it belongs to the thread that waits for a term
                failure = error
            with self._changed:
                self._failure = failure
                self._is_standing = False
                self._changed.notify_all()
            if failure is not None or self._stop.is_set():
                return

    def _stand(self) -> None:
        """One membership, from joining the group to leaving it."""
        client = ClientWatch(self._watch)
        consumer = new_consumer(
            consumer_config(
                self._settings,
                group_id=group_of(self._settings),
                watch=client,
                group_protocol="classic",
                session_timeout_ms=SESSION_MS,
                heartbeat_interval_ms=HEARTBEAT_MS,
                # The one assignor that leaves the partition where it is when somebody joins.
                partition_assignment_strategy="cooperative-sticky",
            )
        )
        try:
            consumer.subscribe(
                [self._settings.stream.checkpoint_topic],
                on_assign=self._on_assign,
                on_revoke=self._on_revoke,
                on_lost=self._on_revoke,
            )
            while self._wants and not self._closed and not self._has_stopped():
                message = consumer.poll(_POLL_SECONDS)
                if message is not None:
                    self._note(message)
                if client.stranded:
                    log.warning("The election's client has lost all brokers for good: joining anew")
                    break
        finally:
            self._end_term()
            consumer.close()

    def _has_stopped(self) -> bool:
        """Whether a stop is requested and nothing more can be published: there is no reason to stay."""
        if not self._stop.is_set():
            return False
        return self._halt_term() is None

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        for partition in partitions:
            partition.offset = 0
        consumer.incremental_assign(partitions)
        consumer.pause(partitions)
        with self._changed:
            self._term = Term()
            self._changed.notify_all()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        if not partitions:
            return
        self._end_term()
        try:
            consumer.incremental_unassign(partitions)
        except KafkaException as error:
            # Lost, not revoked: the assignment is gone already.
            log.debug("unassign: %s", explain(error.args[0]))

    def _end_term(self) -> None:
        """Ends the term, and waits for a bounded time until nothing is published any more."""
        term = self._halt_term()
        if term is not None:
            term.finished.wait(STOP_SECONDS)
        self._term = None

    def _halt_term(self) -> Term | None:
        """Halts the term; returns it while it is still served."""
        with self._changed:
            term = self._term
            if term is not None:
                term.halt.set()
            return None if term is None or term.is_over else term

    def _note(self, message: Message) -> None:
        error = message.error()
        if error is None:
            return
        if is_refusal(error):
            with self._changed:
                self._refusal = error
                self._changed.notify_all()
        elif error.code() not in self._said:
            self._said.add(error.code())
            log.warning("Election: %s", explain(error))


def group_of(settings: Settings) -> str:
    """Name of the election's group."""
    return f"shotgun-producer.{settings.stream.topic}"


def transactional_id_of(settings: Settings) -> str:
    """The name under which every instance of this stream publishes, so that the newest one fences the others."""
    return f"shotgun-producer.{settings.stream.topic}"
