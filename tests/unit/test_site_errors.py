"""What went wrong on the way to the site, in plain words: provoked with the installed client."""

from __future__ import annotations

import contextlib
import gzip
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import shotgun_api3
import trustme
from answering_site import Answer, Site
from shotgun_api3.lib.httplib2.error import ServerNotFoundError

from shotgun_runtime.settings import ShotgunSettings
from shotgun_runtime.shotgun import RawShotgun, connect_raw, explain_site_error


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.thread.start()
    yield site
    site.close()


def read(handle: Any) -> Any:
    return handle.find(
        "EventLogEntry", [["id", "greater_than", 100]], ["id", "meta"], [{"field_name": "id"}], limit=100
    )


def outcome(site: Site, act: Callable[[RawShotgun], Any] = read, **more: Any) -> Any:
    settings = site.settings(**more)
    with pytest.raises(Exception) as caught:  # noqa: PT011 - which class it is differs, and that is the point
        act(connect_raw(settings))
    return explain_site_error(caught.value, settings.url)


def fault(code: int | None, message: str | None) -> Answer:
    content: dict[str, Any] = {"exception": True, "error_code": code}
    if message:
        content["message"] = message
    return Answer(json.dumps(content).encode())


HTML = Answer(b"<html>Sign in</html>", headers={"Content-Type": "text/html"})


@pytest.mark.parametrize(
    ("answer", "kind", "retryable", "told"),
    [
        (
            fault(102, "Can't authenticate script 'scr'"),
            "auth",
            False,
            "shotgun.script_name and shotgun.api_key",
        ),
        (fault(106, "2FA"), "auth", False, "refuses the login"),
        (fault(108, None), "auth", False, "refuses the login"),
        (fault(110, None), "auth", False, "refuses the login"),
        (fault(104, "The user does not have permission to read"), "permission", False, "permission group"),
        (fault(103, "API read() doesn't exist"), "refused", False, "API read() doesn't exist"),
        (fault(None, None), "refused", False, "refuses the request"),
        (Answer(b"busy", 503, {"Retry-After": "17"}), "throttled", True, "maintenance"),
        (
            Answer(b"slow down", 429, {"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"}),
            "throttled",
            True,
            "throttles",
        ),
        (Answer(b"oops", 500), "server", True, "HTTP 500"),
        (Answer(b"who?", 401), "auth", False, "HTTP 401"),
        (Answer(b"<html>blocked</html>", 403), "permission", False, "HTTP 403"),
        (Answer(b"proxy", 407), "proxy", False, "shotgun.http_proxy"),
        (Answer(b"big", 413), "refused", False, "too large"),
        (Answer(b"gone", 404), "not_a_site", False, "Check that shotgun.url"),
        (
            Answer(b"", 302, {"Location": "https://login/saml"}),
            "not_a_site",
            False,
            "elsewhere to https://login/saml",
        ),
        (HTML, "not_a_site", True, "<html>Sign in</html>"),
        (Answer(b""), "not_a_site", True, "it begins with nothing"),
        (Answer(b"{}"), "not_a_site", True, "does not answer as a Shotgun site"),
        (Answer(b'{"results": {"enti'), "network", True, "cut off or damaged"),
        (Answer(b'{"a": "\xff\xfe"}'), "network", True, "cut off or damaged"),
        (
            Answer(gzip.compress(b"{}" * 999)[:20], headers={"Content-Encoding": "gzip"}),
            "network",
            True,
            "cut off",
        ),
        (Answer(b'{"resu', length=999), "network", True, "cut off"),
        (Answer(b"", close_first=True), "network", True, "cannot be reached"),
    ],
)
def test_each_failure_of_the_site_is_told_in_plain_words(
    site: Site, answer: Answer, kind: str, retryable: bool, told: str
) -> None:
    site.answer = answer

    failure = outcome(site)

    assert (failure.kind, failure.retryable) == (kind, retryable)
    assert told in failure.message
    assert site.url in failure.message
    assert "the-key" not in failure.message


def test_the_pause_that_the_site_asks_for_is_passed_on(site: Site) -> None:
    site.answer = Answer(b"", 503, {"Retry-After": "17"})
    assert outcome(site).retry_after == 17.0
    site.answer = Answer(b"", 429, {"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"})
    assert outcome(site).retry_after == 0.0
    site.answer = Answer(b"", 503)
    assert outcome(site).retry_after is None


@pytest.mark.parametrize(
    "info", [HTML, Answer(b"{}"), Answer(b""), Answer(b"[]"), Answer(b'{"results": {"a": 1}}')]
)
def test_what_is_no_site_is_told_at_the_first_contact(site: Site, info: Answer) -> None:
    site.info = info

    failure = outcome(site)

    assert failure.kind == "not_a_site"
    assert "Check that shotgun.url" in failure.message


def test_a_silent_site_is_a_timeout() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = ShotgunSettings(
            url=f"http://127.0.0.1:{silent.getsockname()[1]}", script_name="s", api_key="k", timeout="50ms"
        )
        with pytest.raises(OSError, match="timed out") as caught:
            read(connect_raw(settings))

    failure = explain_site_error(caught.value, settings.url)
    assert (failure.kind, failure.retryable) == ("timeout", True)
    assert "shotgun.timeout" in failure.message


def test_nobody_listening_is_a_network_failure() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    with pytest.raises(ConnectionRefusedError) as caught:
        read(connect_raw(ShotgunSettings(url=url, script_name="s", api_key="k")))

    assert explain_site_error(caught.value, url).kind == "network"


def test_an_unknown_name_is_told_as_such() -> None:
    failure = explain_site_error(
        ServerNotFoundError("Unable to find the server at nowhere"), "https://nowhere"
    )

    assert (failure.kind, failure.retryable) == ("network", True)
    assert "does not resolve" in failure.message


def test_a_certificate_that_is_not_trusted_is_told_with_the_way_out() -> None:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    left, right = socket.socketpair()
    server = threading.Thread(target=lambda: _swallow(lambda: context.wrap_socket(right, server_side=True)))
    server.start()
    with pytest.raises(ssl.SSLCertVerificationError) as caught:
        ssl.create_default_context().wrap_socket(left, server_hostname="127.0.0.1")
    left.close()
    server.join()
    right.close()

    failure = explain_site_error(caught.value, "https://studio")

    assert (failure.kind, failure.retryable) == ("tls", False)
    assert "shotgun.ca_certs" in failure.message


def _swallow(act: Callable[[], Any]) -> None:
    with contextlib.suppress(OSError):
        act()


@pytest.mark.parametrize(
    "error", [ValueError("x"), KeyError("paging_info"), MemoryError(), shotgun_api3.ShotgunError("y")]
)
def test_any_other_exception_is_explained_too(error: Exception) -> None:
    failure = explain_site_error(error, "https://me:pass@studio")

    assert "studio" in failure.message
    assert "pass@" not in failure.message
