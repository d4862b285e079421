"""The backfills that are asked for, as the active producer follows them beside its work."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable
from contextlib import closing

from shotgun_runtime.backoff import OutageLog
from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.errors import StreamError
from shotgun_runtime.kafka import BrokerWatch
from shotgun_runtime.settings import Settings
from shotgun_schemas.control import BACKFILL_PREFIX, ControlRecord, backfill_key

from .job import Job, read_job

log = logging.getLogger(__name__)

WRITE_SECONDS = 2.0
RETRY_SECONDS = 30.0


class BackfillJobs:
    """Reads the jobs from the control topic and takes back those that are over. One owner, one thread; `close` it.

    No method waits for the control topic, but `done`, which takes at most about `WRITE_SECONDS`. None of them raises
    for it either: a backfill must not hold up the live stream. What goes wrong is logged and tried again after
    `RETRY_SECONDS`.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        watch: BrokerWatch | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._clock = clock
        self._outage = OutageLog(f"The control topic {settings.stream.control_topic}", log)
        self._topic: ControlTopic | None = None
        self._retry_at = 0.0
        self._jobs: dict[str, Job] = {}
        self._ended: dict[str, str] = {}
        self._write_at = 0.0

    def poll(self) -> None:
        """Takes what is new, without waiting. To be called often, from the first moment on."""
        if self._topic is None and self._clock() < self._retry_at:
            return
        try:
            if self._topic is None:
                self._topic = ControlTopic(self._settings, watch=self._watch)
                self._topic.begin()
            news = self._topic.poll()
        except StreamError as error:
            self._outage.failed(str(error))
            self.close()
            self._retry_at = self._clock() + RETRY_SECONDS
            return
        if self._topic.is_complete:
            self._outage.recovered()
        for key, record in news.items():
            if key.startswith(BACKFILL_PREFIX):
                self._take(key.removeprefix(BACKFILL_PREFIX), record)

    @property
    def is_complete(self) -> bool:
        """Whether the control topic is known to its end: only then is a job that is not known one that is not there."""
        return self._topic is not None and self._topic.is_complete

    def wanted(self) -> tuple[Job, ...]:
        """The jobs to be done, in their order; none as long as the control topic is not known to its end."""
        return tuple(job for job in self._known() if not job.is_cancelled)

    def cancelled(self) -> tuple[Job, ...]:
        """The jobs that are to end where they are, and then to be reported with `done`."""
        return tuple(job for job in self._known() if job.is_cancelled)

    def done(self, job: str) -> None:
        """Takes the job's record back. To be called when the checkpoint that ends it is committed.

        It may be called again and again: a record that could not be taken back is tried again after a while.
        """
        known = self._jobs.get(job)
        if known is None or self._ended.get(job) == known.at or self._clock() < self._write_at:
            return
        try:
            with closing(ControlWriter(self._settings, timeout=WRITE_SECONDS, watch=self._watch)) as writer:
                writer.delete(backfill_key(job))
        except StreamError as error:
            self._write_at = self._clock() + RETRY_SECONDS
            log.warning("Backfill %s is over, but: %s. Trying again in %g s", job, error, RETRY_SECONDS)
            return
        # Until the tombstone comes back by itself. A job asked for later under the same name is another one.
        self._ended[job] = known.at

    def close(self) -> None:
        """Ends the connections. What was known is forgotten, and read anew by the next `poll`."""
        topic, self._topic = self._topic, None
        if topic is not None:
            topic.close()
        self._jobs.clear()

    def _known(self) -> Iterable[Job]:
        if not self.is_complete:
            return ()
        jobs = (job for job in self._jobs.values() if self._ended.get(job.name) != job.at)
        return sorted(jobs, key=lambda job: job.turn)

    def _take(self, name: str, record: ControlRecord | None) -> None:
        self._jobs.pop(name, None)
        if record is None:
            return
        try:
            self._jobs[name] = read_job(record)
        except ValueError as error:
            log.error(
                "The backfill %s that %s asked for is left out: %s", name, record.by or "somebody", error
            )
