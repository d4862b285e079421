"""The raw client against the installed one, on a small HTTP server that answers as it is told."""

from __future__ import annotations

import copy
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from answering_site import ROWS, Answer, Site, rows

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ShotgunSettings
from shotgun_runtime.shotgun import (
    NotASiteError,
    SiteClock,
    SiteTimeoutError,
    connect,
    connect_raw,
    explain_site_error,
)


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
    assert [type(row.get("created_at")) for row in converted] == [
        type(row.get("created_at")) for row in expected
    ]


def test_raw_and_plain_clients_ask_the_same(site: Site) -> None:
    read(connect(site.settings()))
    read(connect_raw(site.settings()))

    half = len(site.requests) // 2
    assert site.requests[:half] == site.requests[half:]
    assert site.requests[-1]["params"][0] == {"script_name": "scr", "script_key": "the-key"}


def test_an_empty_page_is_an_empty_list(site: Site) -> None:
    site.answer = rows([])

    assert read(connect_raw(site.settings())) == []


@pytest.mark.parametrize(
    "body", [b"{}", b'{"results": {}}', b'{"results": {"entities": null}}', b"null", b"[]", b""]
)
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
        url="https://Studio.example/",
        script_name="s",
        api_key="k",
        timeout="7s",
        http_proxy="http://me:pw@proxy:3128",
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

    with pytest.raises(SiteTimeoutError, match=r"no whole answer within 0\.3 s"):
        read(handle)

    assert not [
        thread for thread in threading.enumerate() if thread.name == "site-deadline" and thread not in before
    ]
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
