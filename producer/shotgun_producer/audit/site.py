"""The site as the audit asks it: seldom, never in a hurry, and without a word when it fails."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TypeVar

from prometheus_client import CollectorRegistry

from shotgun_runtime.settings import ShotgunSettings
from shotgun_runtime.shotgun import RawShotgun

from ..metrics import Metrics
from ..site_reader import SiteReader
from ..site_voice import QuietVoice

T = TypeVar("T")

LONGEST_PAUSE = 1.0


class AuditSiteReader(SiteReader):
    """Waits for the site as long as it takes: the poll says what is wrong, counts it, and ends what must end.

    It counts in metrics that nobody sees, and after each request it pauses for as long as that took,
    up to a second, so that it never takes more than half of one connection.
    """

    def __init__(self, settings: ShotgunSettings) -> None:
        super().__init__(settings, Metrics(CollectorRegistry()), QuietVoice())

    def _try(self, ask: Callable[[RawShotgun], T], halt: threading.Event) -> T | None:
        started = time.monotonic()
        answer = super()._try(ask, halt)
        if answer is not None:
            halt.wait(min(LONGEST_PAUSE, time.monotonic() - started))
        return answer
