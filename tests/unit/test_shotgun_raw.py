"""The raw client against the installed one, on a small HTTP server that answers as it is told."""

from __future__ import annotations

import copy
import gzip
import http.server
import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import shotgun_api3
import trustme

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ShotgunSettings
from shotgun_runtime.shotgun import (
    NotASiteError,
    RawShotgun,
    SiteClock,
    SiteTimeoutError,
    connect,
    connect_raw,
    explain_site_error,
)

INFO = {"results": {"version": [8, 89, 0], "api_max_entities_per_page": 250}}

ROWS: list[dict[str, Any]] = [
    {
        "type": "EventLogEntry",
        "id": 101,
        "event_type": "Shotgun_Shot_Change",
        "description": "a &lt;b&gt; of 2026-01-21T19:47:33Z",
        "meta": {"new_value": "2026-01-21T19:47:33Z", "text": "a &lt; b", "n": 1.0, "deep": [{"at": "2026-11-01T09:30:00Z"}]},
        "entity": {"type": "Shot", "id": 7, "name": "2026-01-21T19:47:33Z", "extra": None},
        "created_at": "2026-01-21T19:47:33Z",
        "attribute_name": "2026-13-45T00:00:00Z",
        "image": "x",
    },
    {"type": "EventLogEntry", "id": 102, "meta": None, "file": {"link_type": "local", "local_path_linux": "/x"}},
    {"type": "EventLogEntry", "id": 103, "meta": {}, "event_type": "😀 한국어", "created_at": None},
]


@dataclass
class Answer:
    """What the site sends for one request."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    close_first: bool = False
    drip: threading.Event | None = None


def rows(entities: list[dict[str, Any]]) -> Answer:
    return Answer(json.dumps({"results": {"entities": entities}}).encode())


class Site:
    """Answers `info` properly and everything else with `answer`; counts what reached it."""

    def __init__(self) -> None:
        self.answer = rows(ROWS)
        self.info: Answer = Answer(json.dumps(INFO).encode())
        self.requests: list[dict[str, Any]] = []
        self.date = "Sun, 25 Jan 2026 10:00:00 GMT"
        site = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:  # noqa: N802
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                site.requests.append(request)
                self.reply(site.info if request["method_name"] == "info" else site.answer)

            def reply(self, answer: Answer) -> None:
                if answer.close_first:
                    self.close_connection = True
                    self.connection.shutdown(socket.SHUT_RDWR)
                    return
                self.send_response_only(answer.status)
                headers = {"Content-Type": "application/json; charset=utf-8", "Date": site.date, **answer.headers}
                for name, value in headers.items():
                    if value:
                        self.send_header(name, value)
                length = len(answer.body) if answer.length is None else answer.length
                self.send_header("Content-Length", str(length))
                self.end_headers()
                if answer.drip is not None:
                    self.drip(answer.drip)
                self.wfile.write(answer.body)
                if length != len(answer.body):
                    self.close_connection = True

            def drip(self, until: threading.Event) -> None:
                try:
                    while not until.wait(0.02):
                        self.wfile.write(b" ")
                        self.wfile.flush()
                except OSError:
                    until.set()

            def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # clients that leave in the middle are part of these tests

        self.server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def settings(self, **more: Any) -> ShotgunSettings:
        return ShotgunSettings(
            **{"url": self.url, "script_name": "scr", "api_key": "the-key", "timeout": "20s", **more}
        )


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site()
    site.thread.start()
    yield site
    site.server.shutdown()
    site.thread.join()
    site.server.server_close()


def read(handle: Any) -> Any:
    return handle.find("EventLogEntry", [["id", "greater_than", 100]], ["id", "meta"], [{"field_name": "id"}], limit=100)


# --- rows


def test_rows_come_exactly_as_the_site_sent_them(site: Site) -> None:
    assert read(connect_raw(site.settings())) == ROWS


def test_the_clients_own_conversions_turn_raw_rows_into_what_find_returns(site: Site) -> None:
    plain = connect(site.settings())
    expected = read(plain)
    raw = read(connect_raw(site.settings()))

    converted = plain._parse_records(plain._transform_inbound(copy.deepcopy(raw)))

    assert converted == expected
    assert converted != raw
    assert [type(row.get("created_at")) for row in converted] == [type(row.get("created_at")) for row in expected]


def test_raw_and_plain_clients_ask_the_same(site: Site) -> None:
    read(connect(site.settings()))
    read(connect_raw(site.settings()))

    half = len(site.requests) // 2
    assert site.requests[:half] == site.requests[half:]
    assert site.requests[-1]["params"][0] == {"script_name": "scr", "script_key": "the-key"}


def test_an_empty_page_is_an_empty_list(site: Site) -> None:
    site.answer = rows([])

    assert read(connect_raw(site.settings())) == []


@pytest.mark.parametrize("body", [b"{}", b'{"results": {}}', b'{"results": {"entities": null}}', b"null", b"[]", b""])
def test_an_answer_without_rows_is_an_error_and_not_an_empty_page(site: Site, body: bytes) -> None:
    site.answer = Answer(body)

    with pytest.raises(NotASiteError, match="the answer has no rows; it begins with"):
        read(connect_raw(site.settings()))


def test_the_plain_client_takes_an_empty_object_for_an_empty_page(site: Site) -> None:
    site.answer = Answer(b"{}")

    assert read(connect(site.settings())) == []


def test_the_page_limit_is_the_sites(site: Site) -> None:
    assert connect_raw(site.settings()).records_per_page == 250
    site.info = Answer(b'{"results": {"version": [8, 0, 0]}}')
    assert connect_raw(site.settings()).records_per_page == 500


# --- time


def test_the_sites_time_is_kept(site: Site) -> None:
    handle = connect_raw(site.settings())
    assert handle.server_time is None

    read(handle)
    assert handle.server_time == 1769335200.0

    site.date = ""
    read(handle)
    assert handle.server_time is None
    site.date = "yesterday"
    read(handle)
    assert handle.server_time is None


def test_the_clock_runs_on_between_answers_and_never_back() -> None:
    clock = SiteClock()
    assert not clock.known
    with pytest.raises(RuntimeError, match="Date header"):
        clock.now(0.0)

    clock.observe(None, 0.0)
    clock.observe(1000.0, 10.0)
    assert clock.now(15.0) == 1005.0
    clock.observe(1006.0, 15.5)  # a fresher lower bound
    assert clock.now(15.5) == 1006.0
    clock.observe(1006.0, 16.4)  # the same whole second, later: no news
    assert clock.now(16.4) == pytest.approx(1006.9)
    clock.observe(900.0, 17.0)  # the site's clock was set back
    assert clock.now(17.0) == pytest.approx(1006.9)
    assert clock.now(500.0) == 1383.0


def test_one_wrong_date_ahead_does_not_age_everything() -> None:
    clock = SiteClock()
    clock.observe(1000.0, 0.0)

    clock.observe(999_999.0, 1.0)
    clock.observe(1002.0, 2.0)
    assert clock.now(2.0) == 1002.0

    clock.observe(50_003.0, 3.0)
    clock.observe(50_004.0, 4.0)
    assert clock.now(4.0) == 50_004.0


# --- connections


def test_settings_reach_the_client(tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    trustme.CA().cert_pem.write_to_path(str(ca))
    settings = ShotgunSettings(
        url="https://Studio.example/", script_name="s", api_key="k", timeout="7s", http_proxy="http://me:pw@proxy:3128"
    )
    for handle in (connect(settings), connect_raw(settings.model_copy(update={"ca_certs": ca}))):
        assert handle.config.timeout_secs == 7.0
        assert handle.config.server == "studio.example"
        assert (handle.config.proxy_server, handle.config.proxy_port) == ("proxy", 3128)
        assert (handle.config.proxy_user, handle.config.proxy_pass) == ("me", "pw")
        assert any("shotgun-stream" in agent for agent in handle._user_agents)


def test_nothing_is_sent_before_first_use(site: Site) -> None:
    connect(site.settings())
    connect_raw(site.settings())

    assert site.requests == []


def test_a_missing_login_is_told_before_anything_is_sent() -> None:
    with pytest.raises(ConfigurationError, match=r"shotgun.api_key is missing"):
        connect_raw(ShotgunSettings(url="http://x", script_name="s"))


def test_an_answer_that_drips_is_broken_off(site: Site) -> None:
    drip = threading.Event()
    site.answer = Answer(rows(ROWS).body, drip=drip, length=10_000_000)
    handle = connect_raw(site.settings())
    handle.answer_limit = 0.3
    before = set(threading.enumerate())

    with pytest.raises(SiteTimeoutError, match="no whole answer within 0.3 s"):
        read(handle)

    assert not [thread for thread in threading.enumerate() if thread.name == "site-deadline" and thread not in before]
    assert drip.wait(20)  # the server saw the connection end
    site.answer = rows(ROWS)
    assert read(handle) == ROWS


def test_a_request_can_be_broken_off_from_another_thread(site: Site) -> None:
    drip = threading.Event()
    site.answer = Answer(b"", drip=drip, length=10_000_000)
    handle = connect_raw(site.settings())
    outcome: list[BaseException] = []

    def run() -> None:
        try:
            read(handle)
        except Exception as error:  # noqa: BLE001
            outcome.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    while thread.is_alive() and not outcome:
        handle.abort()
        thread.join(0.05)
    thread.join(20)

    assert len(outcome) == 1
    assert explain_site_error(outcome[0]).retryable


# --- what went wrong, in words

Failure = tuple[str, bool, str]


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
        (fault(102, "Can't authenticate script 'scr'"), "auth", False, "shotgun.script_name and shotgun.api_key"),
        (fault(106, "2FA"), "auth", False, "refuses the login"),
        (fault(108, None), "auth", False, "refuses the login"),
        (fault(110, None), "auth", False, "refuses the login"),
        (fault(104, "The user does not have permission to read"), "permission", False, "permission group"),
        (fault(103, "API read() doesn't exist"), "refused", False, "API read() doesn't exist"),
        (fault(None, None), "refused", False, "refuses the request"),
        (Answer(b"busy", 503, {"Retry-After": "17"}), "throttled", True, "maintenance"),
        (Answer(b"slow down", 429, {"Retry-After": "Thu, 01 Jan 2026 00:00:00 GMT"}), "throttled", True, "throttles"),
        (Answer(b"oops", 500), "server", True, "HTTP 500"),
        (Answer(b"who?", 401), "auth", False, "HTTP 401"),
        (Answer(b"<html>blocked</html>", 403), "permission", False, "HTTP 403"),
        (Answer(b"proxy", 407), "proxy", False, "shotgun.http_proxy"),
        (Answer(b"big", 413), "refused", False, "too large"),
        (Answer(b"gone", 404), "not_a_site", False, "Check that shotgun.url"),
        (Answer(b"", 302, {"Location": "https://login/saml"}), "not_a_site", False, "elsewhere to https://login/saml"),
        (HTML, "not_a_site", True, "<html>Sign in</html>"),
        (Answer(b""), "not_a_site", True, "it begins with nothing"),
        (Answer(b"{}"), "not_a_site", True, "does not answer as a Shotgun site"),
        (Answer(b'{"results": {"enti'), "network", True, "cut off or damaged"),
        (Answer(b'{"a": "\xff\xfe"}'), "network", True, "cut off or damaged"),
        (Answer(gzip.compress(b"{}" * 999)[:20], headers={"Content-Encoding": "gzip"}), "network", True, "cut off"),
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


@pytest.mark.parametrize("info", [HTML, Answer(b"{}"), Answer(b""), Answer(b"[]"), Answer(b'{"results": {"a": 1}}')])
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
    from shotgun_api3.lib.httplib2.error import ServerNotFoundError

    failure = explain_site_error(ServerNotFoundError("Unable to find the server at nowhere"), "https://nowhere")

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
    try:
        act()
    except OSError:
        pass


@pytest.mark.parametrize("error", [ValueError("x"), KeyError("paging_info"), MemoryError(), shotgun_api3.ShotgunError("y")])
def test_any_other_exception_is_explained_too(error: Exception) -> None:
    failure = explain_site_error(error, "https://me:pass@studio")

    assert "studio" in failure.message
    assert "pass@" not in failure.message
