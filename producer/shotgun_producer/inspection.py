"""Whether site and topic are still what the checkpoint is about: looked at when a spell begins and every minute."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace

from confluent_kafka.admin import AdminClient

from shotgun_runtime.errors import DecisionNeededError, StreamError
from shotgun_runtime.kafka import LastingAdmin
from shotgun_runtime.shutdown import Deadline
from shotgun_runtime.topics import TopicMissingError, topic_identity

from . import decisions
from .errors import HaltedError
from .event_log import EventLog
from .page import Row
from .progress import Progress

log = logging.getLogger(__name__)

INTERVAL_SECONDS = 60.0
GONE_SECONDS = 300.0
_LOOKS = 3
_LOOK_PAUSE = 2.0
_KAFKA_SECONDS = 3.0


class Inspection:
    """Looks from time to time, and after each failure of the site, whether a person must decide. One owner.

    A look costs one small request to the site as a rule, three at most, and one to Kafka, which is waited for three
    seconds at most.
    """

    def __init__(
        self, events: EventLog, admin: LastingAdmin, progress: Progress, halt: threading.Event
    ) -> None:
        self._events = events
        self._admin = admin
        self._progress = progress
        self._halt = halt
        self._looked = time.monotonic()
        self._failures = events.failures

    def look_if_due(self) -> None:
        """To be called before an answer of the site is taken: what is found out then was not published.

        Raises DecisionNeededError, HaltedError once `halt` is set, and SiteRefusedError as `EventLog` says.
        """
        is_due = time.monotonic() - self._looked >= INTERVAL_SECONDS
        if not is_due and self._events.failures == self._failures:
            return
        check_site(self._events, self._progress, self._halt)
        check_topic(self._admin.client, self._progress, self._halt)
        self._looked = time.monotonic()
        self._failures = self._events.failures


def check_site(events: EventLog, progress: Progress, halt: threading.Event) -> None:
    """Returns when this is still the site that was read, as far as it can be seen. Raises as `look_if_due`."""
    if progress.holes.head > 0:
        _look_again(lambda: _judge_site(events, progress), halt)


def check_topic(client: AdminClient, progress: Progress, halt: threading.Event) -> None:
    """Returns when this is still the topic that was written, or no broker says so. Raises as `look_if_due`."""
    _look_again(lambda: _judge_topic(client, progress), halt)


def _look_again(judge: Callable[[], None], halt: threading.Event) -> None:
    """What is found must be found several times: one answer may come from a copy that is behind."""
    for look in range(1, _LOOKS + 1):
        try:
            judge()
        except DecisionNeededError:
            if look == _LOOKS:
                raise
        else:
            return
        if halt.wait(_LOOK_PAUSE):
            raise HaltedError


def _judge_site(events: EventLog, progress: Progress) -> None:
    head, anchor = progress.holes.head, progress.anchor
    dates = events.dates_of({head, anchor.id} if anchor else {head})
    if anchor is not None and decisions.is_another_event(anchor, dates.get(anchor.id)):
        decisions.another_site(anchor, dates[anchor.id], events.newest_id() or 0)
    if head in dates:
        return
    newest = events.newest_id(doubt=_doubt_nothing_left(head))
    if newest is None:
        decisions.all_gone(head)
    if newest < head:
        decisions.went_backwards(head, newest)
    first = events.first_id()
    if progress.has_moved and first is not None and first > head + 1:
        decisions.cut_above(head, first)


def _doubt_nothing_left(head: int) -> Callable[[Sequence[Row]], str | None]:
    """A site without any event is taken for one that is broken, but not for ever."""
    deadlines: list[Deadline] = []

    def doubt(rows: Sequence[Row]) -> str | None:
        if not rows and not deadlines:
            deadlines.append(Deadline.after(GONE_SECONDS))
        if rows or deadlines[0].expired:
            return None
        return f"it shows no event at all, although event {head} has been read"

    return doubt


def _judge_topic(client: AdminClient, progress: Progress) -> None:
    base = replace(progress.base, head=progress.holes.head)
    try:
        identity = topic_identity(client, base.topic, timeout=_KAFKA_SECONDS)
    except TopicMissingError:
        decisions.topic_gone(base)
    except StreamError as error:
        log.debug("topic %s: %s", base.topic, error)
    else:
        decisions.check_topic(base, identity.topic_id, identity.partitions)
