"""The stream of the consumer's chaos suite: small transactions, some of them aborted, whatever Kafka does."""

from __future__ import annotations

import random
import threading
from bisect import bisect_left
from collections.abc import Callable

from confluent_kafka import KafkaException, Message
from consumer_journal import Journal
from consumer_support import EventStream, event
from consumer_verdict import Record
from support import PATIENCE, Kafka

from shotgun_schemas import codec
from shotgun_schemas.headers import event_headers

ENTITIES = 60
PARTITIONS = 6
ABORTED_FROM = 1_000_000
"""Events with such ids are in aborted transactions alone."""
BURST_PAGE, TRICKLE_PAGE = 200, 40
ABORTED_SHARE = 0.2


class Publisher:
    """Writes a burst, and from then on pages whenever the slowest plugin has less than `backlog` events left.

    So there is always work to disturb, and a slow machine is not buried in it. An entity is in one partition only.
    """

    def __init__(self, kafka: Kafka, rng: random.Random, backlog: int) -> None:
        self.stream = EventStream(kafka, PARTITIONS)
        self._rng = rng
        self._backlog = backlog
        self._next = 1
        self._next_aborted = ABORTED_FROM
        self._lock = threading.Lock()
        self._page: dict[int, tuple[int, int]] = {}
        self._known: list[list[tuple[int, int]]] = [[] for _ in range(PARTITIONS)]
        self._stopping = threading.Event()
        self._problem: BaseException | None = None

    @property
    def published(self) -> int:
        """How many events are in committed transactions."""
        return self._next - 1

    def burst(self, events: int) -> None:
        """Write so many events, and the aborted ones among them."""
        while self.published < events:
            self._write_page(min(BURST_PAGE, events - self.published))

    def start(self, journals: list[Journal]) -> None:
        """Begin the trickle, in a thread of its own."""
        self._thread = threading.Thread(target=self._trickle, args=(journals,), name="publisher", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the trickle, the last page whole. Raises what went wrong."""
        self._stopping.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the publisher does not end"
        self.check()

    def check(self) -> None:
        """Raises what went wrong in the trickle."""
        if self._problem is not None:
            raise AssertionError("the publisher failed") from self._problem

    def below(self, partition: int, offset: int, begin: int) -> list[tuple[int, int]]:
        """Offset and event of what is known to be committed from `begin` up to, and not with, `offset`."""
        with self._lock:
            known = self._known[partition]
            return known[bisect_left(known, (begin, 0)) : bisect_left(known, (offset, 0))]

    def records(self) -> dict[int, Record]:
        """What a committed reader finds in the topic, by event. Fails when one is there twice, or was aborted."""
        records: dict[int, Record] = {}
        for message in self.stream.kafka.read(self.stream.topic):
            number, offset, partition = int(message.key() or b""), message.offset(), message.partition()
            assert number not in records, f"event {number} is in the topic twice"
            assert number < ABORTED_FROM, f"event {number} was aborted"
            assert offset is not None
            assert partition is not None
            records[number] = Record(partition, offset, f"Task:{number % ENTITIES}")
        assert set(records) == set(range(1, self._next)), "the topic does not hold what was written"
        return records

    def _trickle(self, journals: list[Journal]) -> None:
        try:
            while not self._stopping.is_set():
                if self.published - min(journal.count_over() for journal in journals) < self._backlog:
                    self._write_page(self._rng.randint(1, TRICKLE_PAGE))
                else:
                    self._stopping.wait(0.02)
        except BaseException as error:  # noqa: BLE001 - told to the test
            self._problem = error

    def _write_page(self, events: int) -> None:
        if self._rng.random() < ABORTED_SHARE:
            self._transact(self._next_aborted, self._rng.randint(1, TRICKLE_PAGE), self._abort)
            self._next_aborted += TRICKLE_PAGE
        self._transact(self._next, events, self._commit)
        self._next += events
        with self._lock:
            for number, (partition, offset) in self._page.items():
                if offset >= 0:
                    self._known[partition].append((offset, number))

    def _transact(self, first: int, events: int, finish: Callable[[], None]) -> None:
        """One transaction; written anew when Kafka, restarted, wants it aborted."""
        producer = self.stream.producer
        while True:
            self._page.clear()
            producer.begin_transaction()
            try:
                for number in range(first, first + events):
                    self._write(number)
                producer.flush(PATIENCE)
                finish()
                return
            except KafkaException as error:
                if not error.args[0].txn_requires_abort():
                    raise
                self._abort()

    def _write(self, number: int) -> None:
        one = event(number, entity={"type": "Task", "id": number % ENTITIES, "name": "a task"})
        self.stream.producer.produce(
            self.stream.topic,
            key=str(number).encode(),
            value=codec.encode(one),
            headers=event_headers(one, site="http://127.0.0.1:9", schema=codec.FINGERPRINT),  # type: ignore[arg-type]
            partition=number % PARTITIONS,
            on_delivery=lambda error, message: self._delivered(number, message) if error is None else None,
        )

    def _delivered(self, number: int, message: Message) -> None:
        offset, partition = message.offset(), message.partition()
        assert offset is not None
        assert partition is not None
        self._page[number] = (partition, offset)

    def _commit(self) -> None:
        _until_settled(self.stream.producer.commit_transaction)

    def _abort(self) -> None:
        _until_settled(self.stream.producer.abort_transaction)


def _until_settled(step: Callable[[float], None]) -> None:
    """A step that is taken again while it may still succeed."""
    while not _is_settled(step):
        pass


def _is_settled(step: Callable[[float], None]) -> bool:
    try:
        step(PATIENCE)
    except KafkaException as error:
        if not error.args[0].retriable():
            raise
        return False
    return True
