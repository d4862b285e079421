"""Asking the site until it answers: one request at a time, with back-off, and one line for each outage."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shotgun_runtime.backoff import Backoff, OutageLog
from shotgun_runtime.errors import SiteRefusedError
from shotgun_runtime.health import Health
from shotgun_runtime.settings import ShotgunSettings
from shotgun_runtime.shotgun import (
    NotASiteError,
    RawShotgun,
    SiteClock,
    SiteFailure,
    connect_raw,
    explain_site_error,
)
from shotgun_schemas.event import ENTITY_TYPE

from .errors import HaltedError
from .metrics import Metrics
from .page import Row
from .page_size import LARGEST
from .site_request import Request

T = TypeVar("T")

log = logging.getLogger(__name__)

SLOW_RETRY_SECONDS = 60.0
LONGEST_RETRY_AFTER = 600.0
_OUTER_DEADLINE = 4.0
"""The handle itself gives up after three timeouts an attempt; this is for what it cannot break off."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows as the site sent them, and the limit that was asked for."""

    rows: list[Row]
    limit: int


class SiteReader:
    """Reads the event log through one handle of the site's client. One owner, one thread.

    `find` returns when the site has answered, however long that takes. A refusal of the login or of the permission
    raises SiteRefusedError as long as the site has never answered; later it is an alarm and is tried again slowly,
    because somebody can grant it back.
    """

    def __init__(
        self,
        settings: ShotgunSettings,
        metrics: Metrics,
        health: Health,
        *,
        connect: Callable[[ShotgunSettings], RawShotgun] = connect_raw,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._health = health
        self._connect = connect
        self._handle: RawShotgun | None = None
        self._clock = SiteClock()
        self._outage = OutageLog(f"The site {settings.url}", log)
        self._backoff = backoff or Backoff(initial=0.5, maximum=30.0)
        self._has_answered = False
        self._is_refused = False
        self._may_retry_at_once = True

    def now(self) -> float:
        """The site's time in seconds since 1970; this machine's before the first answer."""
        return self._clock.now(time.monotonic()) if self._clock.known else time.time()

    def find(
        self,
        filters: Sequence[Any],
        fields: Sequence[str],
        *,
        halt: threading.Event,
        direction: str = "asc",
        limit: int = LARGEST,
    ) -> Answer:
        """Rows ordered by id, at most `limit` and never more than one page of the site.

        Raises HaltedError once `halt` is set, and SiteRefusedError as the class says.
        """

        def ask(handle: RawShotgun) -> Answer:
            size = min(limit, handle.records_per_page)
            order = [{"field_name": "id", "direction": direction}]
            rows = handle.find(ENTITY_TYPE, list(filters), list(fields), order=order, limit=size)
            return Answer(rows, size)

        return self._until_answered(ask, halt)

    def count(self, filters: Sequence[Any], *, halt: threading.Event) -> int:
        """How many rows the filters select. Raises as `find`."""
        summary = [{"field": "id", "type": "count"}]

        def ask(handle: RawShotgun) -> int:
            answer = handle.summarize(ENTITY_TYPE, list(filters), summary)
            number = answer["summaries"].get("id")
            if type(number) is not int:
                raise NotASiteError("the answer has no count", answer)
            return number

        return self._until_answered(ask, halt)

    def greet(self, halt: threading.Event) -> bool:
        """One request, without a second try: whether the site answers.

        Raises SiteRefusedError for a login that it refuses, HaltedError once `halt` is set.
        """
        return self._try(_newest, halt) is not None

    def unbelievable(self, reason: str, halt: threading.Event) -> None:
        """Treats an answer that cannot be true as an outage, and waits before the next try."""
        self._metrics.site_up.set(0)
        self._outage.failed(reason)
        self._health.set_not_ready(reason)
        halt.wait(self._backoff.pause())

    def close(self) -> None:
        """Gives the connection back."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.close()

    def _until_answered(self, ask: Callable[[RawShotgun], T], halt: threading.Event) -> T:
        while not halt.is_set():
            answer = self._try(ask, halt)
            if answer is not None:
                return answer
        raise HaltedError

    def _try(self, ask: Callable[[RawShotgun], T], halt: threading.Event) -> T | None:
        """One attempt; None when it failed and the pause after it is over."""
        if self._handle is None:
            self._handle = self._connect(self._settings)
        handle = self._handle
        started = time.monotonic()
        try:
            answer = Request(lambda: ask(handle)).wait(self._settings.timeout * _OUTER_DEADLINE, halt)
        except HaltedError:
            self._drop_handle()
            raise
        except Exception as error:  # noqa: BLE001 - the client raises more than a dozen unrelated classes
            self._drop_handle()
            self._failed(explain_site_error(error, self._settings.url), halt)
            return None
        self._metrics.poll_duration.observe(time.monotonic() - started)
        self._succeeded(handle)
        return answer

    def _succeeded(self, handle: RawShotgun) -> None:
        at = time.monotonic()
        self._clock.observe(handle.server_time, at)
        if not self._clock.known:
            self._clock.observe(time.time(), at)
        if self._is_refused:
            log.info("The site %s accepts requests again", self._settings.url)
        if self._is_refused or self._outage.broken:
            self._health.set_ready()
        self._outage.recovered()
        self._backoff.reset()
        self._has_answered, self._is_refused, self._may_retry_at_once = True, False, True
        self._metrics.site_up.set(1)
        self._metrics.last_success.set_to_current_time()

    def _failed(self, failure: SiteFailure, halt: threading.Event) -> None:
        if failure.kind == "network" and self._may_retry_at_once and self._has_answered:
            # A connection that idled for too long breaks at the next request and works at the one after.
            self._may_retry_at_once = False
            return
        self._metrics.site_up.set(0)
        if failure.refused:
            self._refused(failure, halt)
            return
        self._metrics.polls.labels("failed").inc()
        self._outage.failed(failure.message)
        self._health.set_not_ready(failure.message)
        pause = self._backoff.pause()
        if failure.retry_after is not None:
            pause = min(max(pause, failure.retry_after), LONGEST_RETRY_AFTER)
        halt.wait(pause)

    def _refused(self, failure: SiteFailure, halt: threading.Event) -> None:
        self._metrics.polls.labels("refused").inc()
        if not self._has_answered:
            raise SiteRefusedError(failure.message)
        if not self._is_refused:
            self._is_refused = True
            self._health.set_not_ready(failure.message)
            log.error(
                "%s. Nothing is read until that is mended; trying again every %g s",
                failure.message,
                SLOW_RETRY_SECONDS,
            )
        halt.wait(SLOW_RETRY_SECONDS)

    def _drop_handle(self) -> None:
        """Breaks off what may still be under way; the next request gets a handle of its own."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.abort()


def _newest(handle: RawShotgun) -> Answer:
    order = [{"field_name": "id", "direction": "desc"}]
    return Answer(handle.find(ENTITY_TYPE, [], ["id"], order=order, limit=1), 1)
