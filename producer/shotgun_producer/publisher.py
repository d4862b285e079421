"""Events and checkpoint in one Kafka transaction.

Non-obvious:

* The events are flushed before the checkpoint is produced. So a delayed end of an earlier transaction can at worst
  make events visible without their checkpoint, which the next start finds at the end of the topic; the other way
  round could not be repaired.
* A `produce` that raises does not stop the transaction from committing without that record. So any exception aborts.
* After an abort, or a commit whose fate is unknown, the same producer must not begin another transaction: a delayed
  request of the old one could end the new one.
"""

from __future__ import annotations

import contextlib
import logging
import threading
import time
import warnings
from collections.abc import Iterator, Sequence
from typing import NoReturn

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from shotgun_runtime.errors import KafkaRefusedError
from shotgun_runtime.kafka import explain, is_refusal
from shotgun_runtime.shutdown import Deadline
from shotgun_schemas.checkpoint import CHECKPOINT_KEY

from .errors import FencedError, HaltedError, RecycleError
from .metrics import Metrics
from .records import Record
from .transaction_errors import Verdict, judge

log = logging.getLogger(__name__)

CALL_SECONDS = 2.0
FENCE_SECONDS = 20.0
FLUSH_SECONDS = 12.0
COMMIT_SECONDS = 14.0
ABORT_SECONDS = 5.0
SLOW_COMMIT_SECONDS = 5.0

_CONSEQUENCES = frozenset({KafkaError._PURGE_QUEUE, KafkaError._PURGE_INFLIGHT, KafkaError._MSG_TIMED_OUT})
"""What becomes of records when a transaction is aborted for another reason, or no broker answers: no news of them."""


class Publisher:
    """A transactional producer for the event topic and the checkpoint topic. One owner, one thread.

    The caller may rely on this: when `publish` returns, events and checkpoint are committed, all of them. When it
    raises, this publisher must be closed and another one made, and what was committed stands in the checkpoint topic.
    """

    def __init__(self, producer: Producer, *, topic: str, checkpoint_topic: str, metrics: Metrics) -> None:
        self._producer = producer
        self._topic = topic
        self._checkpoint_topic = checkpoint_topic
        self._metrics = metrics
        self._refused: KafkaError | None = None
        self._end_offsets: dict[int, int] = {}
        self._reached: dict[int, int] = {}
        self._is_suspect = False

    @property
    def end_offsets(self) -> dict[int, int]:
        """For each event partition, the offset behind its last event as far as this publisher knows."""
        return dict(self._end_offsets)

    def continue_behind(self, ends: Sequence[int]) -> None:
        """Says where the event partitions end now. An event that lands before is taken for a loss: see `publish`."""
        self._end_offsets = dict(enumerate(ends))

    @property
    def is_suspect(self) -> bool:
        """Whether the last commit was so slow that its request may still be on the way: time for a new publisher."""
        return self._is_suspect

    def fence(self, halt: threading.Event) -> None:
        """Shuts out every older producer with the same transactional id.

        Raises HaltedError, KafkaRefusedError when this user may not do that, RecycleError for a broken producer, also
        when it gets no answer: it may be stranded (see `ClientWatch`), and another one would get it.
        """
        deadline = Deadline.after(FENCE_SECONDS)
        while not halt.is_set():
            if self._is_fenced_in():
                return
            if deadline.expired:
                raise RecycleError("fatal", f"no answer to the fence within {FENCE_SECONDS:g} s")
            self._serve(0.2)
        raise HaltedError

    def publish(self, records: Sequence[Record], checkpoint: bytes) -> None:
        """Publishes the records and the checkpoint in one transaction.

        Nothing is committed when a record got an offset that was reached before: Kafka takes records by the topic's
        name, also when the topic was made again or has lost its end. The next start finds out which. Raises
        FencedError, RecycleError, or KafkaRefusedError when this user may not write that.
        """
        started = time.monotonic()
        with self._failing():
            self._refused = None
            self._reached = dict(self._end_offsets)
            self._producer.begin_transaction()
            for record in records:
                self._produce(record)
            if records:
                self._flush()
            self._producer.produce(self._checkpoint_topic, checkpoint, CHECKPOINT_KEY, partition=0)
        self._commit()
        self._metrics.transactions.labels("committed").inc()
        self._metrics.transaction_duration.observe(time.monotonic() - started)
        self._metrics.transaction_events.observe(len(records))

    def write_checkpoint(self, value: bytes | None) -> None:
        """Writes a checkpoint alone, or with None the tombstone that takes it back. Raises as `publish`."""
        with self._failing():
            self._producer.begin_transaction()
            self._producer.produce(self._checkpoint_topic, value, CHECKPOINT_KEY, partition=0)
        self._commit()

    def serve(self) -> None:
        """Lets librdkafka call its error and statistics callbacks; called now and then while nothing is published."""
        self._serve(0)

    def close(self, seconds: float) -> None:
        """Closes the producer; what is still open is aborted. Returns after `seconds` even if the client hangs."""
        closing = threading.Thread(target=self._close, name="producer-close", daemon=True)
        closing.start()
        closing.join(seconds)
        if closing.is_alive():
            log.warning("The Kafka producer did not close within %g s and is left behind", seconds)

    def _is_fenced_in(self) -> bool:
        try:
            self._producer.init_transactions(CALL_SECONDS)
        except KafkaException as error:
            cause = _cause(error)
            if is_refusal(cause):
                raise KafkaRefusedError(f"Kafka refused: {explain(cause)}") from None
            if judge(cause) is not Verdict.RETRY:
                raise RecycleError("fatal", explain(cause)) from error
            log.debug("init_transactions: %s", explain(cause))
            return False
        return True

    def _close(self) -> None:
        try:
            with warnings.catch_warnings():
                # A fenced producer warns that it cannot abort, and then raises: nothing can be done about either.
                warnings.simplefilter("ignore", RuntimeWarning)
                self._producer.close()
        except Exception as error:  # noqa: BLE001
            log.debug("closing the Kafka producer: %s", error)

    def _produce(self, record: Record) -> None:
        try:
            self._give(record)
        except BufferError:
            # librdkafka's queue is full of large records: wait for some room, once.
            self._producer.flush(FLUSH_SECONDS)
            self._give(record)

    def _give(self, record: Record) -> None:
        self._producer.produce(
            self._topic,
            record.value,
            record.key,
            partition=record.partition,
            on_delivery=self._on_delivery,
            timestamp=record.timestamp,
            headers=record.headers,
        )

    def _on_delivery(self, error: KafkaError | None, message: Message) -> None:
        if error is not None:
            if self._refused is None:
                self._refused = error
                level = logging.DEBUG if error.code() in _CONSEQUENCES else logging.ERROR
                log.log(level, "Kafka did not take event %s: %s", _text(message.key()), explain(error))
            return
        partition, offset = message.partition(), message.offset()
        if partition is not None and offset is not None:
            if offset < self._reached.get(partition, 0) and self._refused is None:
                self._refused = KafkaError(
                    KafkaError._STATE,
                    f"partition {partition} took an event at offset {offset}, but ended at "
                    f"{self._reached[partition]} before: the topic was made again, or has lost events",
                )
            self._end_offsets[partition] = max(offset + 1, self._end_offsets.get(partition, 0))

    def _flush(self) -> None:
        left = self._producer.flush(FLUSH_SECONDS)
        if self._refused is not None:
            raise KafkaException(self._refused)
        if left:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{left} records unacknowledged"))

    def _commit(self) -> None:
        started = time.monotonic()
        deadline = Deadline.after(COMMIT_SECONDS)
        calls = 0
        while not self._is_committed(max(0.1, min(SLOW_COMMIT_SECONDS, deadline.remaining())), deadline):
            calls += 1
            self._serve(0.1)
        self._is_suspect = calls > 0 or time.monotonic() - started > SLOW_COMMIT_SECONDS

    def _is_committed(self, seconds: float, deadline: Deadline) -> bool:
        """One call; False when the same call is to be made again."""
        try:
            self._producer.commit_transaction(seconds)
        except Exception as error:
            cause = self._known_cause() or _cause(error)
            verdict = judge(cause)
            if verdict is Verdict.RETRY and not deadline.expired:
                return False
            if verdict in (Verdict.RETRY, Verdict.FATAL):
                self._metrics.transactions.labels("unknown").inc()
                raise RecycleError(
                    "unknown_commit", f"the fate of a commit is unknown: {explain(cause)}"
                ) from error
            self._give_up(cause)
        return True

    @contextlib.contextmanager
    def _failing(self) -> Iterator[None]:
        """Ends the transaction, if that can be done, after any exception.

        Not only KafkaException: a fatal error that turns up while a delivery is reported comes out as SystemError.
        """
        try:
            yield
        except Exception as error:  # noqa: BLE001
            self._give_up(self._known_cause() or _cause(error))

    def _known_cause(self) -> KafkaError | None:
        """What ended this producer or its transaction, however it first showed; None when neither has ended.

        A delivery report, for one, only tells that its record was purged.
        """
        try:
            # Refused in every state that it is asked in here, and with the reason if there is one.
            self._producer.begin_transaction()
        except Exception as error:  # noqa: BLE001
            cause = _cause(error)
            return cause if cause.fatal() or cause.txn_requires_abort() else None
        return None

    def _give_up(self, cause: KafkaError) -> NoReturn:
        if judge(cause) is Verdict.FENCED:
            self._metrics.transactions.labels("fenced").inc()
            raise FencedError(explain(cause))
        if cause.fatal():
            self._metrics.transactions.labels("unknown").inc()
            raise RecycleError("fatal", explain(cause))
        try:
            self._producer.abort_transaction(ABORT_SECONDS)
        except Exception as error:  # noqa: BLE001 - the producer is thrown away in any case
            log.debug("abort_transaction: %s", error)
        self._metrics.transactions.labels("aborted").inc()
        self._metrics.aborts.labels(cause.name()).inc()
        if is_refusal(cause):
            raise KafkaRefusedError(f"Kafka refused: {explain(cause)}")
        raise RecycleError("abort", explain(cause))

    def _serve(self, seconds: float) -> None:
        # What poll raises comes back from the next call, which knows what to do about it.
        with contextlib.suppress(Exception):
            self._producer.poll(seconds)


def _cause(error: Exception) -> KafkaError:
    cause = error.args[0] if error.args else error
    return cause if isinstance(cause, KafkaError) else KafkaError(KafkaError._FAIL, str(cause))


def _text(key: bytes | str | None) -> str:
    return key.decode(errors="replace") if isinstance(key, bytes) else str(key)
