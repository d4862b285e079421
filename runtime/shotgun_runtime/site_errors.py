"""What went wrong on the way to the site, in plain words: the client raises more than a dozen unrelated classes."""

from __future__ import annotations

import http.client
import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any, Literal
from xmlrpc.client import ProtocolError

import shotgun_api3
from shotgun_api3.lib import httplib2

from shotgun_runtime.secret import mask_userinfo

Kind = Literal[
    "auth",
    "permission",
    "refused",
    "throttled",
    "server",
    "network",
    "timeout",
    "tls",
    "proxy",
    "not_a_site",
    "unknown",
]


class NotASiteError(Exception):
    """The answer is none that a Shotgun site gives; ``str`` says what is wrong with it and how it begins."""

    def __init__(self, what: str, answer: Any) -> None:
        super().__init__(f"{what}; it begins with {_excerpt(answer)}")


class SiteTimeoutError(Exception):
    """The whole answer did not come within its time."""


@dataclass(frozen=True, slots=True)
class SiteFailure:
    """One failure: what kind, a message for people, and whether trying again can help without anybody's help.

    ``retry_after`` is the pause in seconds that the site asked for, or None.
    """

    kind: Kind
    message: str
    retryable: bool
    retry_after: float | None = None

    @property
    def refused(self) -> bool:
        """Whether the site knows us and does not let us in: somebody must grant it."""
        return self.kind in ("auth", "permission", "refused")


def explain_site_error(error: BaseException, url: str = "the Shotgun site") -> SiteFailure:
    """Say what an exception from the Shotgun client means. Takes any exception; never raises."""
    site = mask_userinfo(url)
    if isinstance(error, ProtocolError):
        return _http_failure(error, site)
    if isinstance(error, shotgun_api3.ShotgunError):
        return _fault(error, site)
    for classes, make in _BY_CLASS:
        if isinstance(error, classes):
            return make(error, site)
    return SiteFailure("unknown", f"{site}: {type(error).__name__}: {error}", retryable=True)


def _fault(error: Exception, site: str) -> SiteFailure:
    text = str(error)
    lowered = text.lower()
    if isinstance(error, _AUTH_FAULTS):
        message = (
            f"{site} refuses the login: {text}. Check shotgun.script_name and shotgun.api_key "
            "(Admin > Scripts on the site)"
        )
        return SiteFailure("auth", message, retryable=False)
    if "permission" in lowered or "not editable" in lowered or "can not be" in lowered:
        message = f"{site} denies permission: {text}. Give the script user's permission group this right"
        return SiteFailure("permission", message, retryable=False)
    if not isinstance(error, shotgun_api3.Fault):
        return SiteFailure("not_a_site", f"{site}: {text}. {_CHECK_URL}", retryable=True)
    return SiteFailure("refused", f"{site} refuses the request: {text}", retryable=False)


_AUTH_FAULTS = (
    shotgun_api3.AuthenticationFault,
    shotgun_api3.MissingTwoFactorAuthenticationFault,
    shotgun_api3.UserCredentialsNotAllowedForSSOAuthenticationFault,
    shotgun_api3.shotgun.UserCredentialsNotAllowedForOxygenAuthenticationFault,
)

_CHECK_URL = (
    "Check that shotgun.url is the address of a Shotgun site, and that no proxy or login page answers for it"
)


def _http_failure(error: ProtocolError, site: str) -> SiteFailure:
    code = error.errcode
    said = f"{site} answers HTTP {code}"
    if code in (429, 503):
        pause = _retry_after(error.headers)
        text = f"{said}: it is down for maintenance, or throttles requests"
        return SiteFailure("throttled", text, retryable=True, retry_after=pause)
    if code >= 500:
        return SiteFailure("server", f"{said}: a fault on the site's side", retryable=True)
    if code == 401:
        return SiteFailure(
            "auth",
            f"{said} (unauthorized). Check the login, and the user part of shotgun.url",
            retryable=False,
        )
    if code == 403:
        text = f"{said} (forbidden): the site or a proxy blocks this machine's address or API access"
        return SiteFailure("permission", text, retryable=False)
    if code == 407:
        text = f"the proxy on the way to {site} wants a login. Check shotgun.http_proxy"
        return SiteFailure("proxy", text, retryable=False)
    if code == 413:
        return SiteFailure("refused", f"{said}: the request is too large", retryable=False)
    if 300 <= code < 400:
        target = _header(error.headers, "location")
        to = f" to {mask_userinfo(target)}" if target else ""
        text = f"{site} sends requests elsewhere{to} (HTTP {code}). {_CHECK_URL}"
        return SiteFailure("not_a_site", text, retryable=False)
    return SiteFailure("not_a_site", f"{said}. {_CHECK_URL}", retryable=False)


def _header(headers: Any, name: str) -> str | None:
    if not isinstance(headers, Mapping):
        return None
    value = headers.get(name)
    return value if isinstance(value, str) else None


def _retry_after(headers: Any) -> float | None:
    text = _header(headers, "retry-after")
    if not text:
        return None
    if text.strip().isdigit():
        return float(text)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=timezone.utc)
    return max(0.0, (at - datetime.now(timezone.utc)).total_seconds())


def _not_a_site(error: BaseException, site: str) -> SiteFailure:
    return SiteFailure(
        "not_a_site", f"{site} does not answer as a Shotgun site: {error}. {_CHECK_URL}", retryable=True
    )


def _not_understood(error: BaseException, site: str) -> SiteFailure:
    text = (
        f"the client does not understand what {site} answers ({type(error).__name__}: {error}). {_CHECK_URL}"
    )
    return SiteFailure("not_a_site", text, retryable=True)


def _cut(error: BaseException, site: str) -> SiteFailure:
    text = f"the answer of {site} is cut off or damaged ({type(error).__name__}: {error})"
    return SiteFailure("network", text, retryable=True)


def _tls(error: BaseException, site: str) -> SiteFailure:
    if isinstance(error, ssl.SSLCertVerificationError):
        reason = error.verify_message or str(error)
        text = (
            f"the certificate of {site} is not trusted: {reason}. If a proxy or a private authority signs it, set "
            "shotgun.ca_certs to a PEM file with that authority"
        )
        return SiteFailure("tls", text, retryable=False)
    return SiteFailure("tls", f"the TLS connection to {site} failed: {error}", retryable=True)


def _timeout(error: BaseException, site: str) -> SiteFailure:
    text = f"{site} does not answer in time ({error or 'timed out'}); shotgun.timeout is the limit"
    return SiteFailure("timeout", text, retryable=True)


def _unresolved(error: BaseException, site: str) -> SiteFailure:
    text = f"the host name of {site} does not resolve ({error}). Check shotgun.url, the network and DNS"
    return SiteFailure("network", text, retryable=True)


def _proxy(error: BaseException, site: str) -> SiteFailure:
    text = f"the proxy on the way to {site} fails: {error}. Check shotgun.http_proxy"
    return SiteFailure("proxy", text, retryable=True)


def _unreachable(error: BaseException, site: str) -> SiteFailure:
    return SiteFailure(
        "network", f"{site} cannot be reached: {error or type(error).__name__}", retryable=True
    )


# From the special to the general: a certificate error is an OSError too.
_BY_CLASS: tuple[tuple[tuple[type[BaseException], ...], Callable[[BaseException, str], SiteFailure]], ...] = (
    ((NotASiteError,), _not_a_site),
    ((SiteTimeoutError, TimeoutError), _timeout),
    ((ssl.SSLError,), _tls),
    ((httplib2.socks.ProxyError,), _proxy),
    ((httplib2.error.ServerNotFoundError,), _unresolved),
    ((http.client.BadStatusLine, ConnectionError), _unreachable),
    ((http.client.HTTPException, EOFError, json.JSONDecodeError, UnicodeDecodeError), _cut),
    ((OSError, httplib2.error.HttpLib2Error), _unreachable),
    ((AttributeError, KeyError, TypeError), _not_understood),
)


def _excerpt(answer: Any) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else repr(answer)
    short = " ".join(text.split())[:80]
    return repr(short) if short else "nothing"
