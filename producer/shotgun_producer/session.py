"""One spell of publishing: fence, open, then poll and publish until something ends it."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from confluent_kafka.admin import AdminClient

from shotgun_runtime.health import Health
from shotgun_runtime.kafka import BrokerWatch, new_producer, producer_config
from shotgun_runtime.settings import Settings
from shotgun_schemas.checkpoint import Checkpoint, encode_checkpoint
from shotgun_schemas.headers import LATE_FROM_SECONDS

from .election import transactional_id_of
from .errors import FencedError, HaltedError, RecycleError
from .event_log import EventLog
from .hold import Hold
from .holes import Found
from .log_reader import LogReader
from .metrics import Metrics
from .opening import Opening, check_head
from .page import Page
from .page_size import PageSize
from .progress import Progress
from .publisher import Publisher
from .records import Record, RecordMaker
from .site_reader import SiteReader

log = logging.getLogger(__name__)

CLOSE_SECONDS = 10.0
CHECK_HEAD_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session uses and does not own."""

    settings: Settings
    site: SiteReader
    client: AdminClient
    watch: BrokerWatch
    metrics: Metrics
    health: Health
    page_size: PageSize


class Session:
    """Publishes until it must stop. Used once; everything that it knows comes from the checkpoint.

    `run` never returns normally. It raises HaltedError when `halt` is set, FencedError, RecycleError,
    DecisionNeededError, and what refuses for good: SiteRefusedError, KafkaRefusedError, ConfigurationError.
    """

    def __init__(self, around: Surroundings, halt: threading.Event) -> None:
        self._around = around
        self._metrics = around.metrics
        self._interval = around.settings.producer.poll_interval
        self._checkpoint_interval = around.settings.producer.checkpoint_interval
        self._halt = halt
        self._events = EventLog(around.site, halt)
        self._hold = Hold(around.settings.producer.hold)
        self._newest = 0
        self._head_checked = time.monotonic()
        self._checkpointed = time.monotonic()
        self.has_polled = False

    def run(self) -> None:
        """See the class."""
        settings = self._around.settings
        producer = new_producer(
            producer_config(
                settings, transactional_id=transactional_id_of(settings), watch=self._around.watch
            )
        )
        stream = settings.stream
        publisher = Publisher(
            producer, topic=stream.topic, checkpoint_topic=stream.checkpoint_topic, metrics=self._metrics
        )
        try:
            publisher.fence(self._halt)
            self._publish_until_halted(publisher, self._open(publisher))
        finally:
            self._metrics.active.set(0)
            publisher.close(min(CLOSE_SECONDS, settings.shutdown_timeout / 2))

    def _open(self, publisher: Publisher) -> Progress:
        around = self._around
        reader = LogReader.open(around.settings, self._halt, around.watch)
        try:
            opening = Opening(around.settings, around.client, reader, self._events, self._metrics)
            return opening.open(publisher, self._halt)
        finally:
            reader.close()

    def _publish_until_halted(self, publisher: Publisher, progress: Progress) -> None:
        base = progress.base
        maker = RecordMaker(site=base.site, partitions=base.partitions)
        self._metrics.active.set(1)
        self._around.health.set_ready()
        self._show(progress)
        written = progress.checkpoint(base.written_at)
        while not self._halt.is_set():
            page, found = self._poll(progress)
            if found:
                written = self._publish(publisher, progress, page, found, maker)
            elif time.monotonic() - self._checkpointed >= self._checkpoint_interval:
                state = progress.checkpoint(self._events.now())
                if replace(state, written_at=written.written_at) != written:
                    written = self._publish(publisher, progress, page, (), maker)
                self._checkpointed = time.monotonic()
            self._show(progress)
            self._show_lag(page)
            publisher.serve()
            if publisher.is_suspect:
                raise RecycleError("slow_commit", "the last commit was slow or had to be repeated")
            if not (found and page.is_full):
                self._halt.wait(self._interval)
        raise HaltedError

    def _poll(self, progress: Progress) -> tuple[Page, tuple[Found, ...]]:
        holes = progress.holes
        plan = holes.plan(self._events.now())
        page = self._events.page(plan, self._around.page_size.rows)
        self.has_polled = True
        self._around.health.beat()
        self._metrics.polls.labels("rows" if page.sightings else "empty").inc()
        for row in page.unusable:
            self._metrics.unusable_rows.inc()
            log.error("The site sent a row without an id that can be published: %.200r", dict(row))
        if page.reach is not None and page.reach > self._newest:
            self._newest = self._events.newest_id() or 0
        elif not page.sightings:
            self._check_head(holes.head)
        now = self._events.now()
        free = self._hold.release(page.sightings, holes.head, now)
        seen = holes.observe(free, plan, now=now, reach=page.reach, newest=self._newest)
        for first, last in seen.expired:
            self._metrics.holes_expired.inc()
            log.warning("Ids %d to %d never appeared and are given up", first, last)
        return page, seen.found

    def _check_head(self, head: int) -> None:
        """Nothing new may mean that the site is not what it was: from time to time that is looked at."""
        if time.monotonic() - self._head_checked >= CHECK_HEAD_SECONDS:
            check_head(self._events, head, self._halt)
            self._head_checked = time.monotonic()

    def _publish(
        self,
        publisher: Publisher,
        progress: Progress,
        page: Page,
        found: Sequence[Found],
        maker: RecordMaker,
    ) -> Checkpoint:
        now = self._events.now()
        records = [maker.make(page.rows[event.id], late=event.late, now=now) for event in found]
        checkpoint = progress.checkpoint(now)
        value = encode_checkpoint(checkpoint)
        try:
            publisher.publish(records, value)
        except (RecycleError, FencedError):
            self._around.page_size.failed()
            raise
        self._around.page_size.succeeded()
        progress.moved_to(publisher.end_offsets)
        self._checkpointed = time.monotonic()
        self._metrics.checkpoint_bytes.set(len(value))
        self._count(found, records)
        return checkpoint

    def _count(self, found: Sequence[Found], records: Sequence[Record]) -> None:
        metrics = self._metrics
        metrics.events_published.inc(len(records))
        metrics.misfit_events.inc(sum(record.is_misfit for record in records))
        metrics.oversize_events.inc(sum(record.left_out is not None for record in records))
        for event in found:
            if event.late is not None:
                metrics.fill_delay.observe(event.late)
                if event.late > LATE_FROM_SECONDS:
                    metrics.events_late.inc()

    def _show(self, progress: Progress) -> None:
        holes = progress.holes
        self._metrics.head_id.set(holes.head)
        self._metrics.holes.labels("hot").set(holes.hot)
        self._metrics.holes.labels("cold").set(holes.cold)

    def _show_lag(self, page: Page) -> None:
        created_at = page.sightings[-1].created_at if page.is_full else None
        self._metrics.lag.set(0 if created_at is None else max(0.0, self._events.now() - created_at))
