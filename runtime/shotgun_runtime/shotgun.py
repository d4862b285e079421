"""Connections to the Shotgun site through the site's own client."""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from email.utils import parsedate_to_datetime
from typing import Any

import shotgun_api3

from shotgun_runtime.abort import break_sockets
from shotgun_runtime.client_log import quiet_client_log
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ShotgunSettings, require_site
from shotgun_runtime.site_clock import SiteClock
from shotgun_runtime.site_errors import NotASiteError, SiteFailure, SiteTimeoutError, explain_site_error

__all__ = [
    "NotASiteError",
    "RawShotgun",
    "SiteClock",
    "SiteFailure",
    "SiteTimeoutError",
    "connect",
    "connect_raw",
    "connect_with",
    "explain_site_error",
]

log = logging.getLogger(__name__)

# The client's own timeout bounds each read: a body that drips can take for ever. This bounds a whole answer.
_WHOLE_ANSWER = 3.0


class RawShotgun(shotgun_api3.Shotgun):  # type: ignore[misc]
    """A client whose ``find`` returns rows exactly as the site sent them, and that keeps the site's clock.

    Differences to the plain client: no conversion of dates, no unescaping of ``&lt;``, no local paths; an answer that
    a Shotgun site would not give raises NotASiteError where the plain client returns an empty list; an answer that
    takes longer than ``answer_limit`` seconds in all raises SiteTimeoutError.

    One handle is for one thread only: threads that share one get each other's answers.
    """

    server_time: float | None = None
    """The site's ``Date`` in the last answer, in seconds since 1970; None when that answer had none."""

    answer_limit: float | None = None
    """Seconds in which a whole answer must have come; None for no limit."""

    @property
    def records_per_page(self) -> int:
        """The most rows that the site puts into one answer; the first use asks the site."""
        return int(self.config.records_per_page)

    def abort(self) -> None:
        """Break off the request that is under way; it raises. The one method for other threads."""
        break_sockets(self._connection)

    def _transform_inbound(self, data: Any) -> Any:
        return data

    def _parse_records(self, records: Any) -> Any:
        return records

    def _call_rpc(self, method: str, params: Any, *args: Any, **kwargs: Any) -> Any:
        result = super()._call_rpc(method, params, *args, **kwargs)
        if method == "read" and not (isinstance(result, dict) and isinstance(result.get("entities"), list)):
            raise NotASiteError("the answer has no rows", result)
        if method == "summarize" and not (
            isinstance(result, dict) and isinstance(result.get("summaries"), dict)
        ):
            raise NotASiteError("the answer has no summaries", result)
        if method == "info" and not (isinstance(result, dict) and isinstance(result.get("version"), list)):
            raise NotASiteError("the answer names no version", result)
        return result

    def _http_request(self, *args: Any, **kwargs: Any) -> Any:
        limit = self.answer_limit
        if limit is None:
            return self._observed(*args, **kwargs)
        done = threading.Event()
        late = threading.Event()
        watchdog = threading.Thread(
            target=self._abort_after, args=(limit, done, late), name="site-deadline", daemon=True
        )
        watchdog.start()
        cause: Exception | None = None
        try:
            answer = self._observed(*args, **kwargs)
        except Exception as error:
            if not late.is_set():
                raise
            cause = error
        finally:
            done.set()
            watchdog.join()
        if late.is_set():
            # Also without an exception: headers that break off look like the end of headers.
            raise SiteTimeoutError(f"no whole answer within {limit:g} s") from cause
        return answer

    def _abort_after(self, limit: float, done: threading.Event, late: threading.Event) -> None:
        # Again and again: the HTTP library below may open a second connection after the first one broke.
        pause = limit
        while not done.wait(pause):
            late.set()
            self.abort()
            pause = 0.5

    def _observed(self, *args: Any, **kwargs: Any) -> Any:
        answer = super()._http_request(*args, **kwargs)
        self.server_time = _server_time(answer[1].get("date"))
        return answer


def connect(settings: ShotgunSettings) -> shotgun_api3.Shotgun:
    """Make a plain client; it connects on first use. One handle is for one thread only.

    Raises ConfigurationError when the address or the login is missing.
    """
    return connect_with(settings, shotgun_api3.Shotgun)


def connect_raw(settings: ShotgunSettings) -> RawShotgun:
    """Make a client that returns raw rows; it connects on first use. One handle is for one thread only.

    Raises ConfigurationError when the address or the login is missing.
    """
    handle: RawShotgun = connect_with(settings, RawShotgun)
    handle.answer_limit = settings.timeout * _WHOLE_ANSWER
    return handle


def connect_with(settings: ShotgunSettings, kind: Any) -> Any:
    """Make a client of this sub-class of `shotgun_api3.Shotgun`; otherwise as ``connect``."""
    require_site(settings)
    quiet_client_log()
    try:
        handle = kind(
            settings.url.rstrip("/"),
            script_name=settings.script_name,
            api_key=settings.api_key.get_secret_value(),
            http_proxy=settings.http_proxy,
            ca_certs=str(settings.ca_certs) if settings.ca_certs else None,
            connect=False,
        )
    except ValueError as error:
        raise ConfigurationError(f"the Shotgun client refuses its settings: {error}") from None
    # Read at the first connection and never again.
    handle.config.timeout_secs = settings.timeout
    handle.add_user_agent("shotgun-stream")
    return handle


def _server_time(header: str | None) -> float | None:
    if not header:
        return None
    with suppress(ValueError, TypeError, OverflowError):
        return parsedate_to_datetime(header).timestamp()
    return None
