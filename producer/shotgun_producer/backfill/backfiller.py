"""Running backfills: the active producer publishes old events in the pauses between its polls."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable, Iterator

from ..event_log import EventLog
from ..holes import Found, Sighting
from ..page import Page
from ..page_writer import PageWriter
from ..poll import Polled, Poller
from ..progress import Progress
from ..span_reader import SpanReader
from ..spans import ReadSpan
from .job import Job
from .jobs import BackfillJobs

log = logging.getLogger(__name__)

CHECKPOINT_SECONDS = 2.0
"""Where a job publishes nothing, because nothing is there or all is filtered, its progress is written so often."""

OpenSpans = Callable[[Iterable[tuple[int, int]]], SpanReader]


class Backfiller:
    """Works on the jobs of the control topic, one after the other, a little each time it is asked to.

    The rows are read in the background while the polls go on; only publishing them takes the caller's time. One
    owner, one thread; `close` it. `work` raises what `PageWriter` and `EventLog` do.
    """

    def __init__(
        self,
        jobs: BackfillJobs,
        progress: Progress,
        poller: Poller,
        writer: PageWriter,
        events: EventLog,
        *,
        open_spans: OpenSpans,
        limit: int,
    ) -> None:
        """`limit`: events in one transaction, at the most."""
        self._jobs = jobs
        self._progress = progress
        self._backfills = progress.backfills
        self._poller = poller
        self._writer = writer
        self._events = events
        self._open_spans = open_spans
        self._limit = limit
        self._spans: SpanReader | None = None
        self._rate: float | None = None
        self._next_at = 0.0

    def work(self, seconds: float, halt: threading.Event) -> None:
        """Passes about so many seconds, with work as long as there is any.

        One page is published even when there is no time at all, so that a job goes on however busy the site is.
        """
        end = time.monotonic() + seconds
        self._look_at_jobs()
        while self._spans is not None and not halt.is_set() and self._next_at <= end:
            halt.wait(max(0.0, self._next_at - time.monotonic()))
            span = self._spans.take(max(0.0, end - time.monotonic()))
            if span is not None:
                self._publish(span)
            if time.monotonic() >= end:
                return
        halt.wait(max(0.0, end - time.monotonic()))

    def close(self) -> None:
        """Ends the threads that read for it, and gives the connections back."""
        self._stop_reading()
        self._jobs.close()

    def _look_at_jobs(self) -> None:
        self._jobs.poll()
        if not self._jobs.is_complete:
            return
        for job in self._jobs.cancelled():
            self._cancel(job.name)
        wanted = self._jobs.wanted()
        running = self._backfills.running
        if running is None:
            for job in wanted:
                if self._begin(job):
                    return
        elif self._spans is None:
            log.info("Backfill %s goes on with event %d", running.job, running.next_id)
            self._read(next((job for job in wanted if job.name == running.job), None))

    def _begin(self, job: Job) -> bool:
        """Whether the job runs now; one without anything to do, or that was done before, is over."""
        if self._backfills.find(job.name) is None:
            # What was archived before the job began is no hole in what it publishes.
            first = max(job.first, self._events.first_id() or 0)
            begun = self._backfills.begin(job.name, first, job.last)
            self._writer.write_checkpoint(self._events.now())
            log.info("Backfill %s begins: events %d to %d", job.name, begun.first, begun.last)
        if self._backfills.running is None:
            self._over(job.name)
            return False
        self._read(job)
        return True

    def _read(self, job: Job | None) -> None:
        self._rate = None if job is None else job.rate_limit
        self._next_at = 0.0
        self._spans = self._open_spans(self._backfills.segments())

    def _publish(self, span: ReadSpan) -> None:
        running = self._backfills.running
        assert running is not None, "spans are read for a running job only"
        self._poller.tell_unusable(span.page)
        published = 0
        for first, last, page, behind in _parts(span, self._limit):
            taken = self._backfills.take(first, last, page.sightings, behind=behind)
            now = self._events.now()
            self._poller.miss(taken.missing, now)
            found = tuple(Found(number) for number in taken.ids)
            self._writer.write(Polled(page.rows, found, is_full=False, now=now))
            published += len(found)
        if self._rate is not None:
            self._next_at = max(self._next_at, time.monotonic()) + published / self._rate
        self._writer.write_checkpoint_if_due(self._events.now(), CHECKPOINT_SECONDS)
        if self._backfills.running is None:
            self._writer.write_checkpoint_if_due(self._events.now(), 0.0)
            log.info("Backfill %s is done", running.job)
            self._over(running.job)

    def _cancel(self, name: str) -> None:
        running = self._backfills.running
        if running is not None and running.job == name:
            self._backfills.cancel(name)
            self._writer.write_checkpoint(self._events.now())
            log.info("Backfill %s was cancelled before event %d", name, running.next_id)
            self._stop_reading()
        self._jobs.done(name)

    def _over(self, name: str) -> None:
        self._stop_reading()
        self._jobs.done(name)

    def _stop_reading(self) -> None:
        if self._spans is not None:
            self._spans.close()
            self._spans = None


def _parts(span: ReadSpan, limit: int) -> Iterator[tuple[int, int, Page, float | None]]:
    """The span in parts of at most `limit` rows: first and last id, the rows, the date of the row behind, if known."""
    pages = list(span.page.cut(limit)) or [span.page]
    first = span.first
    for page, following in zip(pages, [*pages[1:], None], strict=True):
        last = span.last if following is None else page.sightings[-1].id
        behind: Sighting | None = None if following is None else following.sightings[0]
        yield first, last, page, None if behind is None else behind.created_at
        first = last + 1
