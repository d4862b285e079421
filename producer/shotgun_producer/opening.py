"""From the fence to the first poll: what was published, whether that still fits, and where to go on."""

from __future__ import annotations

import logging
import threading

from confluent_kafka.admin import AdminClient

from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.settings import Settings
from shotgun_runtime.topics import TopicIdentity, TopicMissingError, topic_identity
from shotgun_schemas.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint
from shotgun_schemas.framing import DecodeError

from . import decisions
from .checkpoint_log import newest_checkpoint
from .errors import RecycleError
from .event_log import EventLog
from .first_position import first_position
from .holes import Plan, Sighting
from .inspection import check_site
from .log_reader import LogReader
from .metrics import Metrics
from .progress import Place, Progress
from .publisher import Publisher

log = logging.getLogger(__name__)


class Opening:
    """Finds out how to go on. Used once, after the fence and before the first poll.

    `open` raises DecisionNeededError when a person must decide, RecycleError when Kafka does not answer, and whatever
    the site's reader and the publisher raise.
    """

    def __init__(
        self, settings: Settings, client: AdminClient, reader: LogReader, events: EventLog, metrics: Metrics
    ) -> None:
        self._settings = settings
        self._admin = client
        self._reader = reader
        self._events = events
        self._metrics = metrics
        self._topic = settings.stream.topic

    def open(self, publisher: Publisher, halt: threading.Event) -> Progress:
        """The stream as it is, or, at the very first start, a new one whose checkpoint has just been written."""
        stored = newest_checkpoint(self._reader, self._settings.stream.checkpoint_topic)
        checkpoint = _decode(stored.value) if stored is not None and stored.value is not None else None
        identity = self._identity(checkpoint)
        place = Place(self._settings.shotgun.url, self._topic, identity.topic_id, identity.partitions)
        ends = tuple(self._reader.end_offset(self._topic, number) for number in range(place.partitions))
        publisher.continue_behind(ends)
        if checkpoint is not None:
            return self._go_on(checkpoint, place, ends, halt)
        if stored is None:
            decisions.check_no_events(
                self._topic, any(self._has_events(n, end) for n, end in enumerate(ends))
            )
        return self._begin(publisher, place, ends)

    def _identity(self, checkpoint: Checkpoint | None) -> TopicIdentity:
        try:
            return topic_identity(self._admin, self._topic)
        except TopicMissingError:
            if checkpoint is not None and checkpoint.topic == self._topic:
                decisions.topic_gone(checkpoint)
            raise
        except KafkaRefusedError:
            raise
        except StreamError as error:
            raise RecycleError("read", str(error)) from error

    def _has_events(self, partition: int, end: int) -> bool:
        first = self._reader.first_offset(self._topic, partition)
        return any(True for _ in self._reader.read(self._topic, partition, first, end))

    def _begin(self, publisher: Publisher, place: Place, ends: tuple[int, ...]) -> Progress:
        start = self._settings.producer.start_position
        position = first_position(self._events, start)
        now = self._events.now()
        progress = Progress.begin(place, position, ends, now)
        # Written before the first event: whatever happens next, this stays the beginning.
        publisher.write_checkpoint(encode_checkpoint(progress.checkpoint(now)))
        missing = sum(last - first + 1 for first, last in position.holes)
        log.info(
            "A new stream of %s into %s begins at %s: behind event %d, with %d ids before it still missing",
            place.site,
            place.topic,
            start,
            position.head,
            missing,
        )
        return progress

    def _go_on(
        self, checkpoint: Checkpoint, place: Place, ends: tuple[int, ...], halt: threading.Event
    ) -> Progress:
        decisions.check_place(checkpoint, place)
        decisions.check_topic_ends(checkpoint, ends)
        progress = Progress(checkpoint)
        self._reconcile(progress, ends)
        check_site(self._events, progress, halt)
        log.info("Going on behind event %d with %d holes", progress.holes.head, len(checkpoint.holes))
        return progress

    def _reconcile(self, progress: Progress, ends: tuple[int, ...]) -> None:
        """Takes what stands in the topic beyond the checkpoint as published: a transaction may have been torn."""
        ids = []
        for partition, (known, end) in enumerate(zip(progress.base.end_offsets, ends, strict=True)):
            start = max(known, self._reader.first_offset(self._topic, partition))
            for message in self._reader.read(self._topic, partition, start, end):
                key = message.key() or b""
                if key.isdigit():
                    ids.append(int(key))
        progress.moved_to(dict(enumerate(ends)))
        now = self._events.now()
        rows = [Sighting(number) for number in ids]
        found = [event.id for event in progress.holes.observe(rows, Plan(None), now=now).found]
        old = progress.backfills.reconcile(ids)
        progress.holes.miss(old.taken.missing, now=now)
        found += [*old.taken.ids, *old.strays]
        if found:
            self._metrics.reconciled_events.inc(len(found))
            log.error(
                "%d events (%d to %d) stand in the topic without a checkpoint that covers them: a transaction was "
                "torn. They count as published",
                len(found),
                min(found),
                max(found),
            )


def _decode(value: bytes) -> Checkpoint:
    try:
        return decode_checkpoint(value)
    except DecodeError as error:
        decisions.unreadable_checkpoint(str(error))
