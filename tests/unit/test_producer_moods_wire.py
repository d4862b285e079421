"""The 25 moods of a site, by their numbers; here those of its answers. The rest is in test_producer_moods_rows.py.

The real client talks to a simulated site over HTTP. The pauses of the reader take no time: the site's clock goes on.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme
from site_reading import Reading

from shotgun_producer.errors import HaltedError
from shotgun_runtime.errors import SiteRefusedError
from shotgun_sandbox.site import SandboxSite, SiteOptions

DENSE = SiteOptions(writers=1, id_block=1)
ALL = list(range(1, 26))


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(DENSE) as site:
        site.admin.write_events(10)
        yield site


@pytest.fixture
def reading(site: SandboxSite, caplog: pytest.LogCaptureFixture) -> Iterator[Reading]:
    """A reader to which the site has answered."""
    caplog.set_level(logging.INFO)
    reading = Reading(site)
    reading.follow()
    yield reading
    reading.reader.close()


def said(caplog: pytest.LogCaptureFixture) -> list[str]:
    """What an operator reads, each line by its kind."""
    kinds = ("is not available", "is back after", "Nothing is read until", "accepts requests again")
    return [kind for record in caplog.records for kind in kinds if kind in record.getMessage()]


def test_every_mood_is_here() -> None:
    here = Path(__file__)
    text = here.read_text("utf-8") + (here.parent / "test_producer_moods_rows.py").read_text("utf-8")
    assert sorted({int(number) for number in re.findall(r"\ndef test_(\d\d)_", text)}) == ALL


def test_05_a_few_503_are_retried_without_an_alarm(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    for _ in range(10):
        site.admin.add_fault("status", code=503, methods=["read"], times=1)
        site.admin.write_events(1)
        reading.follow()
        assert reading.metric("site_up") == 1
        assert reading.health.ready[0]
    assert said(caplog) == []
    assert reading.metric("site_failures_total", kind="throttled") == 10
    assert reading.metric("polls_total", outcome="failed") == 10
    assert reading.found == list(range(1, 21))


def test_05_half_an_hour_of_503_is_waited_out_and_told_once(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    during: list[tuple[bool, str]] = []
    site.admin.add_fault("status", code=503, body="html", seconds=1_800)
    site.admin.write_events(5)
    reading.halt.then = lambda number: during.append(reading.health.ready) if number == 5 else None
    reading.follow()
    # Pauses grow to 30 s, each shortened by up to half at random
    pauses = reading.halt.pauses
    assert sum(pauses) >= 1_790
    assert all(15 <= pause <= 30 for pause in pauses[8:])
    assert len(set(pauses)) == len(pauses)
    assert said(caplog) == ["is not available", "is back after"]
    assert "down for maintenance, or throttles" in during[0][1]
    assert reading.health.ready[0]
    assert reading.found == list(range(1, 16))


def test_06_one_504_is_hidden_by_the_client(site: SandboxSite, reading: Reading) -> None:
    site.admin.add_fault("status", code=504, methods=["read"], times=1)
    reading.follow()
    assert reading.metric("polls_total", outcome="failed") == 0


def test_06_a_lasting_502_is_retried_after_a_pause(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    site.admin.add_fault("status", code=502, methods=["read"], times=3)
    reading.follow()
    assert len(reading.halt.pauses) == 1
    assert reading.metric("site_failures_total", kind="server") == 1
    assert said(caplog) == []


def test_07_one_500_is_retried(site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture) -> None:
    site.admin.add_fault("status", code=500, methods=["read"], times=1)
    site.admin.write_events(1)
    reading.follow()
    assert reading.found == list(range(1, 12))
    assert 0.25 <= reading.halt.pauses[0] <= 0.5
    assert said(caplog) == []


@pytest.mark.parametrize("fault", [{"kind": "hang"}, {"kind": "drip", "delay": 0.1, "pieces": 100}])
def test_08_a_request_that_does_not_end_is_broken_off(site: SandboxSite, fault: dict[str, object]) -> None:
    reading = Reading(site, timeout=0.3)
    reading.follow()
    site.admin.add_fault(methods=["read"], times=1, **fault)  # type: ignore[arg-type]
    site.admin.write_events(1)
    reading.follow()
    assert reading.found == list(range(1, 12))
    assert reading.metric("site_failures_total", kind="timeout") == 1
    reading.reader.close()


@pytest.mark.parametrize(
    "kind",
    ["rst", "fin", "rst_body", "cut_headers", "cut_body", "cut_gzip", "cut_json", "invalid_utf8", "garbage"],
)
def test_09_a_broken_answer_is_never_a_page(site: SandboxSite, reading: Reading, kind: str) -> None:
    site.admin.add_fault(kind, methods=["read"], times=4)
    site.admin.write_events(400, per_transaction=400)
    page = reading.follow()
    assert len(page.rows) == 400
    assert reading.found == list(range(1, 411))
    assert reading.metric("polls_total", outcome="failed") >= 2


def test_10_a_connection_that_idled_out_costs_no_pause(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    site.admin.add_fault("idle_close", methods=["read"], times=5)
    for _ in range(6):
        reading.follow()
    assert reading.halt.pauses == []
    assert said(caplog) == []


def test_10_a_tls_connection_that_idled_out_costs_no_pause(tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "site.pem")
    with SandboxSite(SiteOptions(events=50, tls_cert=tmp_path / "site.pem")) as site:
        reading = Reading(site, ca_certs=tmp_path / "authority.pem")
        site.admin.add_fault("idle_close", methods=["read"], times=1)
        reading.follow()
        reading.follow()
        assert reading.halt.pauses == []
        assert len(reading.found) == 50
        reading.reader.close()


@pytest.mark.parametrize("kind", ["html", "empty", "no_content", "object", "null", "list"])
def test_11_an_answer_that_is_none_never_looks_like_a_quiet_site(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture, kind: str
) -> None:
    during: list[tuple[float, bool]] = []
    reading.halt.then = lambda _: during.append((reading.metric("site_up"), reading.health.ready[0]))
    site.admin.add_fault(kind, methods=["read"], times=4)
    site.admin.write_events(1)
    reading.follow()
    assert during[1:] == [(0.0, False)] * 3
    assert reading.found == list(range(1, 12))
    assert reading.metric("site_failures_total", kind="not_a_site") == 4
    assert said(caplog) == ["is not available", "is back after"]


LOCKED_OUT = [
    ({"kind": "redirect", "location": "https://studio/saml/saml_login_request"}, "sends requests elsewhere"),
    ({"kind": "status", "code": 403, "body": "html"}, "blocks this machine's address"),
]


@pytest.mark.parametrize(("fault", "reason"), LOCKED_OUT, ids=["302", "403"])
def test_12_being_locked_out_is_an_alarm_and_a_slow_retry(
    site: SandboxSite,
    reading: Reading,
    caplog: pytest.LogCaptureFixture,
    fault: dict[str, object],
    reason: str,
) -> None:
    during: list[str] = []
    reading.halt.then = lambda _: during.append(reading.health.ready[1])
    site.admin.add_fault(methods=["read"], times=5, **fault)  # type: ignore[arg-type]
    site.admin.write_events(1)
    reading.follow()
    assert reading.halt.pauses[1:] == [60.0] * 4
    assert said(caplog) == ["Nothing is read until", "accepts requests again"]
    assert [record.levelno for record in caplog.records if reason in record.getMessage()] == [logging.ERROR]
    assert reason in during[-1]
    assert reading.found == list(range(1, 12))
    assert reading.health.ready[0]


def test_13_a_key_that_is_refused_later_is_an_alarm_and_resumes_without_loss(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    site.admin.advance(4 * 3_600)
    site.admin.set_key("another")
    site.admin.write_events(3)
    reading.halt.then = lambda number: site.admin.set_key(site.api_key) if number == 20 else None
    reading.follow()
    assert reading.halt.pauses[1:] == [60.0] * 19
    assert said(caplog) == ["Nothing is read until", "accepts requests again"]
    assert reading.metric("polls_total", outcome="refused") == 20
    assert reading.found == list(range(1, 14))


def test_13_one_refusal_between_good_answers_is_no_alarm(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    site.admin.add_fault("exception", code=102, message="Can't authenticate script 'x'", times=1)
    reading.follow()
    assert said(caplog) == []
    assert reading.metric("site_failures_total", kind="auth") == 1


@pytest.mark.parametrize(("code", "asked", "pause"), [(429, 7, 7.0), (503, 90, 90.0), (429, 86_400, 600.0)])
def test_14_a_pause_that_the_site_asks_for_is_made_within_reason(
    site: SandboxSite, reading: Reading, code: int, asked: int, pause: float
) -> None:
    site.admin.add_fault("status", code=code, retry_after=asked, methods=["read"], times=2)
    reading.follow()
    assert reading.halt.pauses == [pause, pause]


@pytest.mark.parametrize("then", ["fin", "rst", "status"])
def test_15_the_producer_writes_nothing_so_a_lost_answer_repeats_nothing(
    site: SandboxSite, reading: Reading, then: str
) -> None:
    site.admin.add_fault("lost_answer", then=then, code=502, methods=["read"], times=1)
    site.admin.write_events(2)
    reading.follow()
    reading.follow()
    assert reading.found == list(range(1, 13))
    assert set(site.admin.calls()) == {"info", "read"}


def test_22_a_site_that_is_away_at_the_start_is_waited_for(
    site: SandboxSite, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    reading = Reading(site)
    site.admin.add_fault("status", code=503, methods=["info"], times=4)
    assert not reading.reader.greet(reading.halt)
    reading.follow()
    assert len(reading.halt.pauses) == 4
    assert said(caplog) == ["is not available", "is back after"]
    assert reading.found == list(range(1, 11))
    reading.reader.close()


def test_22_a_name_that_does_not_resolve_is_waited_for_and_said(
    site: SandboxSite, caplog: pytest.LogCaptureFixture
) -> None:
    reading = Reading(site, url="http://studio.invalid", patience=3)
    with pytest.raises(HaltedError):
        reading.follow()
    assert "does not resolve" in caplog.text
    assert reading.metric("site_failures_total", kind="network") == 3


def test_22_a_key_that_is_refused_at_the_start_ends_it(site: SandboxSite) -> None:
    site.admin.set_key("another")
    with pytest.raises(SiteRefusedError, match=r"shotgun\.api_key"):
        Reading(site).follow()


def test_23_a_slow_site_is_seen_in_the_histogram_and_asked_one_thing_at_a_time(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    before = reading.metric("poll_duration_seconds_sum")
    site.admin.add_fault("slow", delay=0.7, methods=["read"], times=1)
    site.admin.forget_calls()
    reading.follow()
    assert reading.metric("poll_duration_seconds_sum") - before >= 0.7
    assert site.admin.calls()["read"] == 1
    assert said(caplog) == []


@pytest.mark.parametrize(("cap", "largest"), [(100, 100), (1_000, 500)])
def test_25_an_older_or_tuned_site_is_asked_for_no_more_than_it_gives(cap: int, largest: int) -> None:
    with SandboxSite(DENSE) as site:
        site.admin.settings(version=[7, 3, 0], api_max_entities_per_page=cap)
        site.admin.write_events(1_200, per_transaction=400)
        reading = Reading(site)
        assert len(reading.follow().rows) == largest
        reading.catch_up()
        assert reading.found == list(range(1, 1_201))
        reading.reader.close()


def test_a_reader_beside_the_main_one_tells_nobody(
    site: SandboxSite, reading: Reading, caplog: pytest.LogCaptureFixture
) -> None:
    beside = reading.quiet_reader()
    site.admin.add_fault("status", code=503, methods=["read"], times=6)
    assert beside.greet(reading.halt) is False
    assert len(beside.find([], ["id"], halt=reading.halt).rows) == 10
    assert said(caplog) == []
    assert reading.metric("site_up") == 1
    assert reading.health.ready[0]
    assert reading.metric("site_failures_total", kind="throttled") == 6
    beside.close()


def test_a_reader_beside_the_main_one_waits_for_a_key_that_is_refused(
    site: SandboxSite, reading: Reading
) -> None:
    site.admin.set_key("another")
    reading.halt.then = lambda number: site.admin.set_key(site.api_key) if number == 3 else None
    beside = reading.quiet_reader()
    assert len(beside.find([], ["id"], halt=reading.halt).rows) == 10
    assert reading.halt.pauses == [60.0] * 3
    beside.close()


def test_an_outage_takes_back_only_the_reason_that_it_gave(site: SandboxSite, reading: Reading) -> None:
    reading.health.set_not_ready("elected; reading the checkpoint")
    site.admin.add_fault("status", code=503, methods=["read"], times=3)
    reading.follow()
    assert reading.health.ready == (False, "elected; reading the checkpoint")
