"""The audit beside the polling: a thread of its own that looks, and the session's thread that acts."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterable

from confluent_kafka import KafkaException

from shotgun_runtime.errors import StreamError
from shotgun_runtime.kafka import BrokerWatch
from shotgun_runtime.settings import Settings
from shotgun_schemas.checkpoint import Checkpoint

from ..errors import HaltedError, RecycleError
from ..event_log import EventLog
from ..holes import Holes
from ..log_reader import LogReader
from ..metrics import Metrics
from ..page import Row
from ..progress import Progress
from .handoff import Handoff
from .judgment import Beginning, Findings, Ledger, Snapshot
from .round import AuditRound, Sources, Summary
from .schedule import AuditSchedule
from .site import AuditSiteReader
from .topic_index import TopicIndex

log = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0
_SHOWN_RANGES = 5


class Auditor:
    """Looks from time to time whether everything that the site shows is in the topic, for one session.

    Its thread has a handle of the site and Kafka clients of its own and only looks. What is to be done is done by
    `serve`, in the thread of the session, with the session's holes: ids to be published become holes, and take the
    way of every hole. Use it as a context: its thread ends with it, within a second.
    """

    def __init__(
        self,
        settings: Settings,
        watch: BrokerWatch,
        metrics: Metrics,
        checkpoint: Checkpoint,
        schedule: AuditSchedule,
        wants: Callable[[Row], bool] = lambda row: True,  # noqa: ARG005
    ) -> None:
        self._settings = settings
        self._watch = watch
        self._metrics = metrics
        self._schedule = schedule
        self._wants = wants
        self._halt = threading.Event()
        self._beginning = Beginning.of(checkpoint)
        self._ledger = Ledger(self._beginning)
        self._index = TopicIndex(settings.stream.topic, checkpoint.partitions, self._ledger.topic, self._halt)
        self._handoff: Handoff[Findings | Summary | None] = Handoff(self._halt)
        self._thread = threading.Thread(target=self._run, name="auditor", daemon=True)

    def __enter__(self) -> Auditor:
        if self._schedule.is_on:
            self._schedule.begin(time.monotonic())
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._halt.set()
        if self._thread.is_alive():
            self._thread.join(CLOSE_SECONDS)

    def serve(self, progress: Progress, now: float) -> None:
        """Does what the audit has found to be done, and never waits. `now`: seconds since 1970 by the site's clock.

        Call it between polls, in the thread that owns `progress`, when everything that its holes do not miss is
        committed.
        """
        for result in self._handoff.take():
            if isinstance(result, Findings):
                self._act(result, progress.holes, now)
            else:
                self._tell(result)
        self._handoff.offer(lambda: Snapshot.of(progress))

    def _act(self, found: Findings, holes: Holes, now: float) -> None:
        metrics = self._metrics
        metrics.audit_events.labels("cold").inc(found.apply(holes, now))
        if found.missing:
            count = sum(lost.count for lost in found.missing)
            metrics.audit_events.labels("missing").inc(count)
            log.error(
                "Audit: the site shows %s that the topic %s lacks although they count as read: %s. They are published "
                "with the next polls",
                _events(count),
                self._settings.stream.topic,
                _listed((lost.first, lost.last) for lost in found.missing),
            )
        if found.forgotten:
            count = sum(lost.count for lost in found.forgotten)
            metrics.audit_asked_again.inc(count)
            log.warning(
                "Audit: %d ids count as read, but neither the site nor the topic %s has them: %s. They are asked for "
                "again",
                count,
                self._settings.stream.topic,
                _listed((lost.first, lost.last) for lost in found.forgotten),
            )

    def _tell(self, done: Summary | None) -> None:
        metrics = self._metrics
        if done is None:
            metrics.audit_runs.labels("failed").inc()
            return
        metrics.audit_runs.labels("different" if done.losses else "equal").inc()
        metrics.audit_windows.labels("equal").inc(done.equal)
        metrics.audit_windows.labels("examined").inc(done.examined)
        metrics.audit_hidden.set(done.hidden)
        metrics.audit_last.set_to_current_time()
        if done.newly_hidden:
            log.warning(
                "Audit: the site no longer shows %s that it showed before: %s. They were archived, or the script user "
                "%s may see less than before: check its permissions, because new events may be hidden as well. What "
                "the topic %s holds of them stays there",
                _events(done.newly_hidden),
                _listed(done.examples),
                self._settings.shotgun.script_name,
                self._settings.stream.topic,
            )
        elif done.shown_again:
            log.info("Audit: the site shows %s again", _events(done.shown_again))

    def _run(self) -> None:
        site = AuditSiteReader(self._settings.shotgun)
        try:
            while not self._halt.wait(self._schedule.pause(time.monotonic())):
                self._audit(site)
        except HaltedError:
            pass
        finally:
            site.close()

    def _audit(self, site: AuditSiteReader) -> None:
        summary: Summary | None = None
        try:
            summary = self._look(site)
        except (RecycleError, KafkaException, StreamError) as error:
            # Whoever publishes says what is wrong with the brokers.
            log.debug("the audit ended early: %s", error)
        except HaltedError:
            raise
        except Exception:
            log.exception("The audit ended with an error of its own; publishing is not touched by it")
        if summary is None:
            self._schedule.begin(time.monotonic())
        else:
            self._schedule.finish(time.monotonic())
        self._handoff.put(summary)

    def _look(self, site: AuditSiteReader) -> Summary:
        reader = LogReader.open(self._settings, self._halt, self._watch)
        try:
            sources = Sources(self._handoff.ask, EventLog(site, self._halt), reader, self._wants)
            return AuditRound(
                sources, self._beginning, self._ledger, self._index, self._handoff.put, self._halt
            ).run()
        finally:
            reader.close()


def _events(count: int) -> str:
    return "1 event" if count == 1 else f"{count} events"


def _listed(ranges: Iterable[tuple[int, int]]) -> str:
    """The first few ranges for a log line."""
    spans = list(ranges)
    shown = [str(first) if first == last else f"{first} to {last}" for first, last in spans[:_SHOWN_RANGES]]
    return ", ".join([*shown, *(["..."] if len(spans) > _SHOWN_RANGES else [])])
