"""The site as a command sees it: a few tries, then a clear error. The running producer waits instead."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from shotgun_runtime.backoff import Backoff
from shotgun_runtime.errors import SiteRefusedError, StreamError
from shotgun_runtime.settings import Settings, ShotgunSettings
from shotgun_runtime.shotgun import RawShotgun, SiteFailure

from ..event_log import EventLog
from ..metrics import Metrics
from ..site_reader import SiteReader
from ..site_voice import QuietVoice

TRIES = 3
LONGEST_PAUSE = 30.0


class CommandSiteReader(SiteReader):
    """Raises instead of waiting: SiteRefusedError for a refusal, StreamError when `TRIES` in a row have failed."""

    def __init__(self, settings: ShotgunSettings) -> None:
        super().__init__(settings, Metrics(CollectorRegistry()), QuietVoice())
        self._pauses = Backoff(initial=0.5, maximum=5.0)
        self._failures = 0

    def _succeeded(self, handle: RawShotgun, asked: float) -> None:
        super()._succeeded(handle, asked)
        self._failures = 0

    def _failed(self, failure: SiteFailure, took: float, halt: threading.Event) -> None:  # noqa: ARG002
        self._failures += 1
        if failure.refused:
            raise SiteRefusedError(failure.message)
        if not failure.retryable or failure.kind == "timeout" or self._failures >= TRIES:
            raise StreamError(failure.message)
        halt.wait(min(LONGEST_PAUSE, max(self._pauses.pause(), failure.retry_after or 0.0)))


@contextmanager
def open_site(settings: Settings) -> Iterator[tuple[CommandSiteReader, EventLog]]:
    """The site for one command: its reader, and the questions about the event log. One thread."""
    reader = CommandSiteReader(settings.shotgun)
    try:
        yield reader, EventLog(reader, threading.Event())
    finally:
        reader.close()
