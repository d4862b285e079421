"""Asking the site until it answers: one request at a time, with back-off."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from shotgun_runtime.backoff import Backoff
from shotgun_runtime.secret import mask_userinfo
from shotgun_runtime.settings import ShotgunSettings
from shotgun_runtime.shotgun import (
    NotASiteError,
    RawShotgun,
    SiteClock,
    SiteFailure,
    connect_raw,
    explain_site_error,
)
from shotgun_runtime.site_clock import clock_skew
from shotgun_schemas.event import ENTITY_TYPE

from .errors import HaltedError
from .metrics import Metrics
from .page import Row
from .page_size import LARGEST
from .site_request import Request
from .site_voice import TOLERATED_FAILURES, Voice

T = TypeVar("T")

SLOW_RETRY_SECONDS = 60.0
LONGEST_RETRY_AFTER = 600.0
_OUTER_DEADLINE = 4.0
"""The handle itself gives up after three timeouts an attempt; this is for what it cannot break off."""


_IMMEDIATE_SECONDS = 1.0
_BELIEVED_SECONDS = 5.0


class _UnbelievableError(Exception):
    """The answer has the form of one and cannot be true."""


Doubt = Callable[[Sequence[Row]], "str | None"]
"""Says why these rows cannot be true, or None."""


def no_doubt(_: Sequence[Row]) -> str | None:
    """Believes every answer."""
    return None


@dataclass(frozen=True, slots=True)
class Answer:
    """Rows as the site sent them, and the limit that was asked for."""

    rows: list[Row]
    limit: int


class SiteReader:
    """Reads the event log through one handle of the site's client. One owner, one thread.

    `find` returns when the site has answered, however long that takes. What others hear of failures is the business of
    `voice`; one reader of a process has the `MainVoice`, all others a `QuietVoice`.
    """

    def __init__(
        self,
        settings: ShotgunSettings,
        metrics: Metrics,
        voice: Voice,
        *,
        connect: Callable[[ShotgunSettings], RawShotgun] = connect_raw,
        backoff: Backoff | None = None,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._voice = voice
        self._connect = connect
        self._handle: RawShotgun | None = None
        self._clock = SiteClock()
        self._backoff = backoff or Backoff(initial=0.5, maximum=30.0)
        self._may_retry_at_once = False
        self._failures = 0
        self._in_a_row = 0

    @property
    def failures(self) -> int:
        """How many requests have failed so far."""
        return self._failures

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
        doubt: Doubt = no_doubt,
    ) -> Answer:
        """Rows ordered by id, at most `limit` and never more than one page of the site.

        An answer of which `doubt` says why it cannot be true counts as a failure, and the site is asked again. Raises
        HaltedError once `halt` is set, and SiteRefusedError as the voice says.
        """

        def ask(handle: RawShotgun) -> Answer:
            size = min(limit, handle.records_per_page)
            order = [{"field_name": "id", "direction": direction}]
            rows = handle.find(ENTITY_TYPE, list(filters), list(fields), order=order, limit=size)
            reason = doubt(rows)
            if reason is not None:
                raise _UnbelievableError(reason)
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

        Raises SiteRefusedError for a login that it refuses, as the voice says; HaltedError once `halt` is set.
        """
        return self._try(_newest, halt) is not None

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
        started, asked = time.monotonic(), time.time()
        try:
            answer = Request(lambda: ask(handle)).wait(self._settings.timeout * _OUTER_DEADLINE, halt)
        except HaltedError:
            self._drop_handle()
            raise
        except Exception as error:  # noqa: BLE001 - the client raises more than a dozen unrelated classes
            self._drop_handle()
            self._failed(self._explain(error), time.monotonic() - started, halt)
            return None
        self._metrics.poll_duration.observe(time.monotonic() - started)
        self._succeeded(handle, asked)
        return answer

    def _explain(self, error: Exception) -> SiteFailure:
        if isinstance(error, _UnbelievableError):
            return SiteFailure("not_a_site", f"{mask_userinfo(self._settings.url)}: {error}", retryable=True)
        return explain_site_error(error, self._settings.url)

    def _succeeded(self, handle: RawShotgun, asked: float) -> None:
        at, answered = time.monotonic(), time.time()
        self._clock.observe(handle.server_time, at)
        if not self._clock.known:
            self._clock.observe(answered, at)
        self._show_skew(handle.server_time, asked, answered, self._clock.now(at))
        self._backoff.reset()
        self._in_a_row = 0
        self._may_retry_at_once = True
        self._voice.answered()
        self._metrics.last_success.set_to_current_time()

    def _show_skew(self, server: float | None, asked: float, answered: float, believed: float) -> None:
        skew = clock_skew(server, asked, answered)
        if server is None or skew is None:
            return
        # A time that the clock of all answers does not believe is that of one proxy.
        if -_BELIEVED_SECONDS <= believed - server <= answered - asked + _BELIEVED_SECONDS:
            self._metrics.clock_skew.set(skew)

    def _failed(self, failure: SiteFailure, took: float, halt: threading.Event) -> None:
        self._failures += 1
        self._in_a_row += 1
        self._metrics.site_failures.labels(failure.kind).inc()
        self._metrics.polls.labels("refused" if failure.refused else "failed").inc()
        if self._needs_help(failure):
            self._voice.refused(failure, SLOW_RETRY_SECONDS)
            halt.wait(SLOW_RETRY_SECONDS)
            return
        self._voice.failed(failure, took)
        if self._may_retry_at_once and failure.kind == "network" and took < _IMMEDIATE_SECONDS:
            # A connection that idled for too long breaks at the next request and works at the one after.
            self._may_retry_at_once = False
            return
        pause = self._backoff.pause()
        if failure.retry_after is not None:
            pause = min(max(pause, failure.retry_after), LONGEST_RETRY_AFTER)
        halt.wait(pause)

    def _needs_help(self, failure: SiteFailure) -> bool:
        """Whether somebody must mend it. Once the site has answered, one such answer may be a mistake of its own."""
        if not self._clock.known:
            return failure.refused
        return self._in_a_row > TOLERATED_FAILURES and (failure.refused or not failure.retryable)

    def _drop_handle(self) -> None:
        """Breaks off what may still be under way; the next request gets a handle of its own."""
        handle, self._handle = self._handle, None
        if handle is not None:
            handle.abort()


def _newest(handle: RawShotgun) -> Answer:
    order = [{"field_name": "id", "direction": "desc"}]
    return Answer(handle.find(ENTITY_TYPE, [], ["id"], order=order, limit=1), 1)
