"""How long readers of committed records have been held up.

They read up to the last stable offset: the start of the oldest transaction that is still open. A transaction that
nobody ends holds up every reader, also while new events are committed behind it.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from concurrent.futures import Future

from confluent_kafka import IsolationLevel, KafkaException, TopicCollection, TopicPartition
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AdminClient,
    ListOffsetsResultInfo,
    OffsetSpec,
    TopicDescription,
)
from prometheus_client import Gauge

from shotgun_runtime.kafka import LastingAdmin

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
_CALL_SECONDS = 4.0
_STABLE, _END = IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED


class StableOffset:
    """For how long the last stable offset has stood still below the end, of all partitions the longest. Pure.

    One owner. `now` in seconds of a clock that only goes forward.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[int, float]] = {}

    def observe(self, offsets: Mapping[int, tuple[int, int]], now: float) -> float:
        """Takes, for each partition, the last stable offset and the end; returns the seconds, 0 when none is held up.

        A stable offset that moves is no hold-up, however far it is behind: under load some transaction is always open.
        """
        held = {}
        for partition, (stable, end) in offsets.items():
            if stable < end:
                known = self._held.get(partition)
                held[partition] = known if known is not None and known[0] == stable else (stable, now)
        self._held = held
        return max((now - since for _, since in held.values()), default=0.0)


class StableOffsetWatch:
    """Keeps a gauge at what `StableOffset` says of one topic. One owner, one thread.

    `look` never waits: it takes the answers that have come and asks anew every `LOOK_SECONDS`. While Kafka does not
    answer, or the topic is not there, the gauge stays as it was.
    """

    def __init__(
        self, admin: LastingAdmin, topic: str, gauge: Gauge, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._admin = admin
        self._topic = topic
        self._gauge = gauge
        self._clock = clock
        self._state = StableOffset()
        self._partitions = 0
        self._client: AdminClient | None = None
        self._asked: float | None = None
        self._description: Future[TopicDescription] | None = None
        self._offsets: dict[tuple[int, IsolationLevel], Future[ListOffsetsResultInfo]] = {}

    def look(self) -> None:
        """Does what there is to do; to be called as often as one likes."""
        if self._description is not None:
            if not (self._description.done() and all(answer.done() for answer in self._offsets.values())):
                return
            self._take(self._description)
        now = self._clock()
        if self._asked is None or now - self._asked >= LOOK_SECONDS:
            self._asked = now
            self._ask()

    def _ask(self) -> None:
        # Kept as long as it owes answers.
        self._client = self._admin.client
        topics = TopicCollection([self._topic])
        self._description = self._client.describe_topics(topics, request_timeout=_CALL_SECONDS)[self._topic]
        places = [TopicPartition(self._topic, number) for number in range(self._partitions)]
        for level in (_STABLE, _END) if places else ():
            asked = {place: OffsetSpec.latest() for place in places}  # type: ignore[no-untyped-call]
            answers = self._client.list_offsets(asked, isolation_level=level, request_timeout=_CALL_SECONDS)
            self._offsets.update({(place.partition, level): future for place, future in answers.items()})

    def _take(self, description: Future[TopicDescription]) -> None:
        offsets, self._offsets, self._description = self._offsets, {}, None
        try:
            self._partitions = len(description.result().partitions)
            found = {key: int(future.result().offset) for key, future in offsets.items()}
        except KafkaException as error:
            log.debug("offsets of %s: %s", self._topic, error)
            self._renew()
            return
        if min(found.values(), default=0) < 0:
            # A broker that does not answer in time is no error to librdkafka, but an offset below zero.
            self._renew()
            return
        partitions = {number for number, _ in found}
        pairs = {number: (found[number, _STABLE], found[number, _END]) for number in partitions}
        self._gauge.set(self._state.observe(pairs, self._clock()))

    def _renew(self) -> None:
        """Replaces the admin client that has failed, unless somebody has done so already."""
        if self._client is self._admin.client:
            self._admin.renew()
