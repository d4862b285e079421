"""What others hear of the site's failures: of one outage once, by one voice, however many readers there are."""

from __future__ import annotations

import logging
from typing import Protocol

from shotgun_runtime.backoff import OutageLog
from shotgun_runtime.errors import SiteRefusedError
from shotgun_runtime.health import Health
from shotgun_runtime.secret import mask_userinfo
from shotgun_runtime.shotgun import SiteFailure

from .metrics import Metrics

log = logging.getLogger(__name__)

TOLERATED_FAILURES = 1
"""So many failures in a row are no outage: of a hundred requests to a busy site, a few fail."""

SLOW_FAILURE_SECONDS = 5.0
"""A request that took so long to fail is an outage by itself: whoever waits for events has noticed it."""


class Voice(Protocol):
    """What a reader tells about each of its requests. One owner: the reader, in its thread."""

    def failed(self, failure: SiteFailure, took: float) -> None:
        """A request failed after `took` seconds; it will be tried again."""

    def refused(self, failure: SiteFailure, again: float) -> None:
        """The site did not let us in; it is tried again in `again` seconds. Raises SiteRefusedError to end that."""

    def answered(self) -> None:
        """A request had a good answer."""


class MainVoice:
    """Tells operators: one line at the begin and one at the end of an outage, readiness, `site_up`.

    A refusal before the first answer raises SiteRefusedError: at the start a wrong key is the user's mistake. Later
    somebody can grant it back, so it is an error line. There is one of these in a process.
    """

    def __init__(self, url: str, metrics: Metrics, health: Health) -> None:
        self._site = mask_userinfo(url)
        self._metrics = metrics
        self._health = health
        self._outage = OutageLog(
            f"The site {self._site}", log, tolerated=TOLERATED_FAILURES, slow=SLOW_FAILURE_SECONDS
        )
        self._has_answered = False
        self._is_refused = False
        self._before = health.ready
        self._said = ""

    def failed(self, failure: SiteFailure, took: float) -> None:
        """See `Voice`."""
        self._outage.failed(failure.message, took)
        if self._outage.broken:
            self._unready(failure)

    def refused(self, failure: SiteFailure, again: float) -> None:
        """See `Voice`."""
        if not self._has_answered:
            raise SiteRefusedError(failure.message)
        if not self._is_refused:
            log.error(
                "%s. Nothing is read until that is mended; trying again every %g s", failure.message, again
            )
        self._unready(failure)
        self._is_refused = True

    def answered(self) -> None:
        """See `Voice`."""
        if self._is_refused:
            log.info("The site %s accepts requests again", self._site)
        if self._is_refused or self._outage.broken:
            self._as_before()
        self._outage.recovered()
        self._has_answered, self._is_refused = True, False
        self._metrics.site_up.set(1)

    def _unready(self, failure: SiteFailure) -> None:
        found = self._health.ready
        if found != (False, self._said):
            self._before = found
        self._said = failure.message
        self._metrics.site_up.set(0)
        self._health.set_not_ready(failure.message)

    def _as_before(self) -> None:
        # Only what this voice has said itself is taken back: others may have said something since.
        is_ready, reason = self._before
        if self._health.ready != (False, self._said):
            return
        if is_ready:
            self._health.set_ready()
        else:
            self._health.set_not_ready(reason)


class QuietVoice:
    """Tells nobody but the log at DEBUG: for readers beside the main one, which tells of the same site.

    A refusal is waited out, also the first one.
    """

    def failed(self, failure: SiteFailure, took: float) -> None:
        """See `Voice`."""
        log.debug("A request failed after %.1f s: %s. Trying again", took, failure.message)

    def refused(self, failure: SiteFailure, again: float) -> None:
        """See `Voice`."""
        log.debug("A request was refused: %s. Trying again in %g s", failure.message, again)

    def answered(self) -> None:
        """See `Voice`."""
