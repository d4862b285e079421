"""From new ids to a committed transaction: filter, records, checkpoint, counters."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from shotgun_schemas.checkpoint import encode_checkpoint

from .errors import FencedError, RecycleError
from .metrics import Metrics
from .page_size import PageSize
from .poll import Polled
from .progress import Progress
from .publish_filter import PublishFilter
from .published_counts import PublishedCounts
from .publisher import Publisher
from .records import Record, RecordMaker


class PageWriter:
    """Publishes what was found together with the checkpoint that covers it. One owner, one thread.

    Every method raises FencedError or RecycleError; then the progress is not what was committed, and must be thrown
    away. `checkpoint_interval` in seconds.
    """

    def __init__(
        self,
        publisher: Publisher,
        progress: Progress,
        *,
        publish_filter: PublishFilter,
        page_size: PageSize,
        checkpoint_interval: float,
        metrics: Metrics,
    ) -> None:
        base = progress.base
        self._publisher = publisher
        self._progress = progress
        self._maker = RecordMaker(site=base.site, partitions=base.partitions)
        self._filter = publish_filter
        self._page_size = page_size
        self._interval = checkpoint_interval
        self._metrics = metrics
        self._counts = PublishedCounts(metrics)
        self._written = progress.checkpoint(base.written_at)
        self._written_at = time.monotonic()

    def write(self, polled: Polled) -> None:
        """Publishes those of the new events that are wanted; with none, the checkpoint waits until it is due."""
        rows = polled.rows
        wanted = [event for event in polled.found if self._filter.wants(rows[event.id])]
        self._metrics.events_excluded.inc(len(polled.found) - len(wanted))
        if wanted:
            job_of = self._progress.backfills.job_of
            records = [
                self._maker.make(rows[event.id], late=event.late, now=polled.now, backfill=job_of(event.id))
                for event in wanted
            ]
            self._progress.take_anchor([rows[event.id] for event in wanted])
            self._commit(records, polled.now)
            self._counts.count(wanted, records, self._progress.holes.head)

    def write_checkpoint_if_due(self, now: float, interval: float | None = None) -> None:
        """Writes the checkpoint alone, when the last one is older than `interval` and something has changed since.

        `interval` in seconds; None: the configured one. `now`: seconds since 1970 by the site's clock.
        """
        interval = self._interval if interval is None else interval
        if time.monotonic() - self._written_at < interval:
            return
        if replace(self._progress.checkpoint(now), written_at=self._written.written_at) != self._written:
            self.write_checkpoint(now)
        self._written_at = time.monotonic()

    def write_checkpoint(self, now: float) -> None:
        """Writes the checkpoint alone. `now`: seconds since 1970 by the site's clock."""
        self._commit((), now)

    def _commit(self, records: Sequence[Record], now: float) -> None:
        checkpoint = self._progress.checkpoint(now)
        value = encode_checkpoint(checkpoint)
        try:
            self._publisher.publish(records, value)
        except (RecycleError, FencedError):
            self._page_size.failed()
            raise
        self._page_size.succeeded()
        self._progress.moved_to(self._publisher.end_offsets)
        self._written, self._written_at = checkpoint, time.monotonic()
        self._metrics.checkpoint_bytes.set(len(value))
