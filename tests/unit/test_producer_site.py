"""Reading the site with the real client over HTTP: where a start begins, and what an outage looks like."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from email.utils import formatdate

import pytest
from answering_site import Site
from prometheus_client import CollectorRegistry

from shotgun_producer.errors import HaltedError
from shotgun_producer.event_log import EventLog
from shotgun_producer.first_position import Position, first_position
from shotgun_producer.holes import NEAR_IDS, Plan
from shotgun_producer.metrics import Metrics
from shotgun_producer.site_reader import SiteReader
from shotgun_producer.site_voice import MainVoice, QuietVoice
from shotgun_runtime.backoff import Backoff
from shotgun_runtime.errors import ConfigurationError, SiteRefusedError
from shotgun_runtime.health import Health
from shotgun_runtime.settings import ShotgunSettings
from shotgun_runtime.start import parse_start
from shotgun_sandbox.site import SandboxSite, SiteOptions

IMMEDIATE = SiteOptions(writers=1, id_block=1)


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(IMMEDIATE) as site:
        yield site


@pytest.fixture
def halt() -> Iterator[threading.Event]:
    """Set after ten seconds, so that a reader that waits for ever fails its test."""
    halt = threading.Event()
    timer = threading.Timer(10, halt.set)
    timer.start()
    yield halt
    timer.cancel()
    timer.join()


def reader_of(site: SandboxSite, key: str | None = None, timeout: float = 5.0) -> SiteReader:
    settings = ShotgunSettings(
        url=site.url, script_name=site.script_name, api_key=key or site.api_key, timeout=timeout
    )
    metrics = Metrics(CollectorRegistry())
    return SiteReader(
        settings, metrics, MainVoice(site.url, metrics, Health()), backoff=Backoff(initial=0.01)
    )


@pytest.fixture
def events(site: SandboxSite, halt: threading.Event) -> Iterator[EventLog]:
    reader = reader_of(site)
    yield EventLog(reader, halt)
    reader.close()


def start(events: EventLog, text: str) -> Position:
    return first_position(events, parse_start(text))


def test_an_empty_log_has_every_start_but_a_far_id(events: EventLog) -> None:
    assert start(events, "latest") == start(events, "earliest") == start(events, "2026-01-01") == Position(0)
    assert start(events, "1") == Position(0)
    with pytest.raises(ConfigurationError, match="newest event of the site is 0"):
        start(events, "2")


def test_latest_leaves_out_what_is_visible_and_waits_for_what_is_missing(
    site: SandboxSite, events: EventLog
) -> None:
    before = site.admin.write_events(3)
    pending = site.admin.open_transaction(2)
    site.admin.write_events(2)
    newest = max(site.admin.visible())
    assert start(events, "latest") == Position(newest, ((pending.ids[0], pending.ids[-1]),))
    assert max(before) < pending.ids[0]


def test_latest_looks_ten_thousand_ids_back(site: SandboxSite, events: EventLog) -> None:
    old = site.admin.open_transaction(1)
    site.admin.write_events(NEAR_IDS, per_transaction=1_000)
    pending = site.admin.open_transaction(1)
    site.admin.write_events(1)
    assert start(events, "latest") == Position(NEAR_IDS + 3, (pending.ids * 2,))
    assert old.ids[0] == 1


def test_earliest_begins_ten_thousand_ids_before_the_first_that_is_left(
    site: SandboxSite, events: EventLog
) -> None:
    site.admin.write_events(12_000, per_transaction=1_000)
    assert start(events, "earliest") == Position(0)
    site.admin.hide_below(11_000)
    assert start(events, "earliest") == Position(999)


def test_an_id_is_the_first_event(site: SandboxSite, events: EventLog) -> None:
    site.admin.write_events(5)
    assert start(events, "4") == Position(3)
    assert start(events, "6") == Position(5)
    with pytest.raises(ConfigurationError, match=r"event 7, but the newest event of the site is 5"):
        start(events, "7")


def test_a_date_is_the_first_event_created_then_or_later(site: SandboxSite, events: EventLog) -> None:
    site.admin.write_events(3)
    site.admin.advance(3_600)
    moment = datetime.fromtimestamp(int(site.admin.time()), timezone.utc)
    site.admin.write_events(2)
    assert start(events, moment.isoformat()) == Position(3)
    assert start(events, "2020-01-01") == Position(0)


def test_a_date_that_has_not_come_is_latest(site: SandboxSite, events: EventLog) -> None:
    site.admin.write_events(3)
    assert start(events, "2100-01-01") == Position(3)


def test_a_page_holds_what_the_plan_asks_for(site: SandboxSite, events: EventLog) -> None:
    site.admin.write_events(20)
    page = events.page(Plan(15, ((2, 4), (9, 9))))
    assert [row.id for row in page.sightings] == [2, 3, 4, 9, 16, 17, 18, 19, 20]
    assert page.reach is None
    assert page.rows[2]["event_type"]


def test_a_full_page_says_how_far_it_reaches(site: SandboxSite, events: EventLog) -> None:
    site.admin.settings(api_max_entities_per_page=100)
    site.admin.write_events(300, per_transaction=300)
    assert events.page(Plan(50)).reach == 150


def test_a_plan_of_two_hundred_ranges_is_one_request(site: SandboxSite, events: EventLog) -> None:
    site.admin.write_events(1_000, per_transaction=1_000)
    ranges = tuple((number, number) for number in range(2, 402, 2))
    site.admin.forget_calls()
    page = events.page(Plan(999, ranges))
    assert [row.id for row in page.sightings] == [*range(2, 402, 2), 1_000]
    assert site.admin.calls()["read"] == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        ("status", {"code": 503}),
        ("status", {"code": 500}),
        ("status", {"code": 429, "retry_after": 1}),
        ("html", {}),
        ("empty", {}),
        ("object", {}),
        ("null", {}),
        ("cut_json", {}),
        ("cut_body", {}),
        ("rst", {}),
        ("invalid_utf8", {}),
        ("garbage", {"times": 4}),
    ],
)
def test_a_fault_of_the_site_is_waited_out_and_said_once(
    site: SandboxSite,
    events: EventLog,
    caplog: pytest.LogCaptureFixture,
    kind: str,
    values: dict[str, object],
) -> None:
    site.admin.write_events(3)
    assert events.newest_id() == 3
    site.admin.add_fault(kind, methods=["read"], **{"times": 2, **values})
    with caplog.at_level(logging.INFO):
        assert [row.id for row in events.page(Plan(0)).sightings] == [1, 2, 3]
    lines = [record.getMessage() for record in caplog.records]
    assert sum("is not available" in line for line in lines) == 1
    assert sum("is back after" in line for line in lines) == 1


def test_an_unreachable_site_is_waited_for(site: SandboxSite, events: EventLog) -> None:
    site.admin.write_events(1)
    site.admin.close_port(seconds=0.3)
    assert events.newest_id() == 1


def test_a_site_that_hangs_is_given_up_and_asked_again(site: SandboxSite, halt: threading.Event) -> None:
    site.admin.write_events(2)
    reader = reader_of(site, timeout=0.5)
    site.admin.add_fault("hang", methods=["read"], times=1)
    assert EventLog(reader, halt).newest_id() == 2
    reader.close()


def test_a_halt_ends_a_request_that_hangs(site: SandboxSite) -> None:
    halt = threading.Event()
    reader = reader_of(site, timeout=60)
    site.admin.add_fault("hang", methods=["read"])
    threading.Timer(0.2, halt.set).start()
    with pytest.raises(HaltedError):
        EventLog(reader, halt).newest_id()
    site.admin.clear_faults()
    assert EventLog(reader, threading.Event()).newest_id() is None
    reader.close()


def test_a_refused_key_is_told_at_the_start(site: SandboxSite, halt: threading.Event) -> None:
    with pytest.raises(SiteRefusedError, match=r"shotgun\.api_key"):
        reader_of(site, key="wrong").greet(halt)


def test_a_key_that_is_refused_later_is_an_alarm_and_no_end(
    site: SandboxSite, caplog: pytest.LogCaptureFixture
) -> None:
    halt = threading.Event()
    reader = reader_of(site)
    assert reader.greet(halt)
    site.admin.set_key("another")
    threading.Timer(0.3, halt.set).start()
    with pytest.raises(HaltedError):
        EventLog(reader, halt).newest_id()
    assert [record.levelno for record in caplog.records if "api_key" in record.getMessage()] == [
        logging.ERROR
    ]
    reader.close()


def test_the_sites_clock_is_used(site: SandboxSite, events: EventLog) -> None:
    site.admin.advance(86_400)
    events.newest_id()
    assert abs(events.now() - site.admin.time()) < 5


def test_the_wrong_clock_of_one_proxy_is_no_skew(halt: threading.Event) -> None:
    def date(ahead: float) -> str:
        return formatdate(time.time() + ahead, usegmt=True)

    site = Site()
    site.thread.start()
    registry = CollectorRegistry()
    reader = SiteReader(site.settings(), Metrics(registry), QuietVoice())

    def skew(ahead: float) -> float:
        site.date = date(ahead)
        reader.find([], ["id"], halt=halt)
        value = registry.get_sample_value("shotgun_producer_clock_skew_seconds")
        assert value is not None
        return value

    assert abs(skew(0)) < 2
    assert abs(skew(3_600)) < 2
    assert abs(skew(-3_600)) < 2
    assert abs(skew(0)) < 2
    reader.close()
    site.close()
