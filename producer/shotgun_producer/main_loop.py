"""Poll and publish, again and again; what else the active producer does happens in the pauses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable

from .audit.auditor import Auditor
from .backfill.backfiller import Backfiller
from .backfill.jobs import BackfillJobs
from .catch_up import CatchUp, is_far_behind
from .errors import HaltedError, RecycleError
from .event_log import EventLog
from .hold import Hold
from .inspection import Inspection
from .pace import Pace
from .page_writer import PageWriter
from .poll import Poller
from .progress import Progress
from .publish_filter import PublishFilter
from .publisher import Publisher
from .span_reader import SpanReader
from .surroundings import Surroundings

log = logging.getLogger(__name__)


class MainLoop:
    """The work of the active producer on an opened stream. Used once; one owner, one thread.

    `run` never returns normally; it raises what `Session.run` does.
    """

    def __init__(
        self,
        around: Surroundings,
        events: EventLog,
        publisher: Publisher,
        progress: Progress,
        halt: threading.Event,
    ) -> None:
        producer = around.settings.producer
        publish_filter = PublishFilter(producer.exclude_event_types, producer.projects)
        progress.use_filter(publish_filter.rule)
        self._around = around
        self._events = events
        self._publisher = publisher
        self._progress = progress
        self._halt = halt
        self._poller = Poller(
            events,
            progress.holes,
            hold=Hold(producer.hold),
            page_size=around.page_size,
            metrics=around.metrics,
            inspection=Inspection(events, around.admin, progress, halt),
        )
        self._writer = PageWriter(
            publisher,
            progress,
            publish_filter=publish_filter,
            page_size=around.page_size,
            checkpoint_interval=producer.checkpoint_interval,
            metrics=around.metrics,
        )
        self._pace = Pace(producer.poll_interval, producer.idle_poll_interval, time.monotonic())
        self._backfiller = Backfiller(
            BackfillJobs(around.settings, watch=around.watch),
            progress,
            self._poller,
            self._writer,
            events,
            open_spans=self._open_spans,
            limit=around.page_size.rows,
        )
        self._auditor = Auditor(
            around.settings, around.watch, around.metrics, progress.base, around.audits, publish_filter.wants
        )
        self.has_polled = False

    def run(self) -> None:
        """See the class."""
        self._show()
        try:
            with self._auditor:
                self._poll_and_publish()
        finally:
            self._backfiller.close()
        raise HaltedError

    def _poll_and_publish(self) -> None:
        while not self._halt.is_set():
            polled = self._poller.poll()
            self.has_polled = True
            self._writer.write(polled)
            self._tick()
            if polled.found:
                self._pace.saw_events(time.monotonic())
            # With nothing found, rows wait for holes to fill, and more requests would not help.
            if polled.found and self._is_far_behind():
                self._catch_up()
            elif not (polled.found and polled.is_full):
                self._backfiller.work(self._pace.pause(time.monotonic()), self._halt)

    def _tick(self) -> None:
        """What must happen often, whatever the loop is busy with."""
        self._around.health.beat()
        self._auditor.serve(self._progress, self._events.now())
        self._writer.write_checkpoint_if_due(self._events.now())
        self._publisher.serve()
        self._around.stable_offset.look()
        if self._publisher.is_suspect:
            raise RecycleError("slow_commit", "the last commit was slow or had to be repeated")
        self._show()

    def _is_far_behind(self) -> bool:
        if self._around.settings.producer.parallel_requests == 1:
            return False
        return is_far_behind(self._poller.head, self._poller.newest, self._around.page_size.rows)

    def _catch_up(self) -> None:
        head, newest = self._poller.head, self._poller.newest
        log.info(
            "%d ids behind the site: reading with %d requests at once",
            newest - head,
            self._around.settings.producer.parallel_requests,
        )
        with self._open_spans([(head + 1, newest)]) as spans:
            limit = self._around.page_size.rows
            CatchUp(self._poller, self._writer, spans, limit=limit, tick=self._tick, halt=self._halt).run()
        log.info("Published up to event %d: polling again", self._poller.head)

    def _open_spans(self, ranges: Iterable[tuple[int, int]]) -> SpanReader:
        return SpanReader(
            self._around.open_reader,
            ranges,
            requests=self._around.settings.producer.parallel_requests,
            limit=self._around.page_size.rows,
        )

    def _show(self) -> None:
        holes, metrics = self._progress.holes, self._around.metrics
        metrics.head_id.set(holes.head)
        metrics.holes.labels("hot").set(holes.hot)
        metrics.holes.labels("cold").set(holes.cold)
        metrics.lag.set(self._poller.lag)
        metrics.lag_ids.set(self._poller.newest - self._poller.head)
        running = self._progress.backfills.running
        metrics.backfill_ids.labels("done").set(0 if running is None else running.next_id - running.first)
        metrics.backfill_ids.labels("left").set(self._progress.backfills.left)
