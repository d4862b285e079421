"""Scripted faults surface in the real client as the faults of a real site do."""

from __future__ import annotations

import http.client
import json
import ssl
import xmlrpc.client
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import shotgun_api3
import trustme

from shotgun_sandbox.site import AdminError, SandboxSite, SiteOptions


@pytest.fixture(scope="module")
def shared() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=400)) as site:
        yield site


@pytest.fixture
def site(shared: SandboxSite) -> Iterator[SandboxSite]:
    yield shared
    shared.admin.clear_faults()
    shared.admin.forget_calls()


@pytest.fixture
def sg(site: SandboxSite) -> shotgun_api3.Shotgun:
    handle = connect(site, timeout=10)
    handle.find_one("Project", [])
    site.admin.forget_calls()
    return handle


def connect(site: SandboxSite, timeout: float) -> shotgun_api3.Shotgun:
    # The client gives the timeout to a connection when it opens it, never later.
    handle = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key, connect=False)
    handle.config.timeout_secs = timeout
    return handle


def find(sg: shotgun_api3.Shotgun) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = sg.find("EventLogEntry", [], ["event_type", "meta"], limit=50)
    return rows


def reads(site: SandboxSite) -> int:
    return site.admin.calls().get("read", 0)


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ({"kind": "html"}, AttributeError),
        ({"kind": "empty"}, AttributeError),
        ({"kind": "no_content"}, AttributeError),
        ({"kind": "null"}, AttributeError),
        ({"kind": "list"}, AttributeError),
        ({"kind": "cut_json"}, json.JSONDecodeError),
        ({"kind": "cut_gzip"}, EOFError),
        ({"kind": "cut_body"}, http.client.IncompleteRead),
        ({"kind": "invalid_utf8"}, UnicodeDecodeError),
        ({"kind": "rst"}, ConnectionResetError),
        ({"kind": "rst_body"}, ConnectionResetError),
        (
            {"kind": "exception", "code": 106, "message": "x"},
            shotgun_api3.MissingTwoFactorAuthenticationFault,
        ),
        ({"kind": "exception", "code": 104, "message": "x"}, shotgun_api3.Fault),
        ({"kind": "exception"}, shotgun_api3.AuthenticationFault),
    ],
    ids=lambda value: value["kind"] if isinstance(value, dict) else None,
)
def test_one_broken_answer_is_one_error_and_the_next_read_is_whole(
    site: SandboxSite, sg: shotgun_api3.Shotgun, fault: dict[str, Any], error: type[Exception]
) -> None:
    site.admin.add_fault(**fault, times=1, methods=["read"])
    with pytest.raises(error):
        find(sg)
    assert reads(site) == 1
    sg.close()
    assert len(find(sg)) == 50


@pytest.mark.parametrize("code", [500, 503, 429, 413, 404, 401, 403])
def test_these_statuses_are_not_retried_by_the_client(
    site: SandboxSite, sg: shotgun_api3.Shotgun, code: int
) -> None:
    site.admin.add_fault("status", code=code, times=1, retry_after=7)
    with pytest.raises(xmlrpc.client.ProtocolError) as caught:
        find(sg)
    assert caught.value.errcode == code
    assert caught.value.headers["retry-after"] == "7"
    assert reads(site) == 1


def test_a_redirect_to_the_sign_in_page_is_a_protocol_error(
    site: SandboxSite, sg: shotgun_api3.Shotgun
) -> None:
    site.admin.add_fault("redirect", times=1)
    with pytest.raises(xmlrpc.client.ProtocolError) as caught:
        find(sg)
    assert caught.value.errcode == 302
    assert caught.value.headers["location"] == "/saml/saml_login_request"


def test_an_empty_object_looks_like_no_events(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("object", times=1)
    assert find(sg) == []


def test_a_missing_paging_info_breaks_an_unlimited_find(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("no_paging_info", times=1)
    with pytest.raises(KeyError, match="paging_info"):
        sg.find("EventLogEntry", [])


def test_an_end_before_the_answer_is_retried_once(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("fin", times=1)
    assert len(find(sg)) == 50
    assert reads(site) == 2
    site.admin.add_fault("fin", times=2)
    with pytest.raises(http.client.RemoteDisconnected):
        find(sg)


def test_garbage_is_a_bad_status_line(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("garbage", times=2)
    with pytest.raises(http.client.BadStatusLine):
        find(sg)


def test_a_hanging_site_ends_in_the_clients_timeout(site: SandboxSite) -> None:
    site.admin.add_fault("hang", methods=["read"], times=1)
    with pytest.raises(TimeoutError):
        find(connect(site, timeout=0.5))
    assert reads(site) == 1


def test_a_dripping_body_outlives_the_clients_timeout(site: SandboxSite) -> None:
    # Six pieces 0.4 s apart take longer than the timeout of 1.5 s, which each single read keeps.
    site.admin.add_fault("drip", methods=["read"], times=1, delay=0.4, pieces=6)
    assert len(find(connect(site, timeout=1.5))) == 50


def test_an_idle_connection_that_was_closed_fails_one_call_at_most(
    site: SandboxSite, sg: shotgun_api3.Shotgun
) -> None:
    site.admin.add_fault("idle_close", times=1)
    assert len(find(sg)) == 50
    try:
        rows = find(sg)
    except (BrokenPipeError, ConnectionResetError):
        rows = find(sg)
    assert len(rows) == 50


def test_a_create_whose_answer_is_lost_exists_twice(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("lost_answer", methods=["create"], times=1)
    project = {"type": "Project", "id": 70}
    sg.create("Playlist", {"code": "twice", "project": project})
    assert len(sg.find("Playlist", [["code", "is", "twice"]])) == 2


def test_a_create_behind_a_bad_gateway_is_retried_and_exists_twice(
    site: SandboxSite, sg: shotgun_api3.Shotgun
) -> None:
    site.admin.add_fault("lost_answer", methods=["create"], times=1, then="status")
    sg.create("Playlist", {"code": "again", "project": {"type": "Project", "id": 70}})
    assert len(sg.find("Playlist", [["code", "is", "again"]])) == 2


def test_a_repeated_row_reaches_the_client_as_it_was_sent(
    site: SandboxSite, sg: shotgun_api3.Shotgun
) -> None:
    site.admin.add_fault("duplicate_rows", times=1)
    ids = [row["id"] for row in find(sg)]
    assert ids[0] == ids[1]


def test_a_slow_answer_is_still_right(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("slow", times=1, delay=0.05)
    assert len(find(sg)) == 50


def test_a_refused_start_heals(site: SandboxSite) -> None:
    site.admin.add_fault("status", methods=["info"], times=1)
    with pytest.raises(xmlrpc.client.ProtocolError):
        shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    assert shotgun_api3.Shotgun(site.url, site.script_name, site.api_key).find_one("Project", []) is not None


def test_a_closed_port_refuses_connections_until_it_opens_again(
    site: SandboxSite, sg: shotgun_api3.Shotgun
) -> None:
    site.admin.close_port()
    sg.close()
    with pytest.raises(ConnectionRefusedError):
        find(sg)
    site.admin.open_port()
    assert len(find(sg)) == 50


def test_a_port_closed_for_a_while_opens_by_the_sites_clock(
    site: SandboxSite, sg: shotgun_api3.Shotgun
) -> None:
    site.admin.close_port(seconds=1800)
    assert not site.admin.state().listening
    site.admin.advance(1801)
    assert site.admin.state().listening


def test_a_fault_ends_after_its_time_on_the_sites_clock(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("status", code=503, seconds=1800)
    for _ in range(3):
        with pytest.raises(xmlrpc.client.ProtocolError):
            find(sg)
    site.admin.advance(1801)
    assert len(find(sg)) == 50
    assert site.admin.faults() == []


def test_a_share_strikes_some_and_not_all(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("object", share=0.5)
    empty = sum(find(sg) == [] for _ in range(60))
    assert 0 < empty < 60
    assert site.admin.faults()[0]["struck"] == empty


def test_a_fault_can_let_requests_pass_first(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    site.admin.add_fault("object", skip=2, times=1)
    assert [len(find(sg)) for _ in range(4)] == [50, 50, 0, 50]


def test_an_unknown_fault_is_refused_with_the_known_ones(site: SandboxSite) -> None:
    with pytest.raises(AdminError, match=r"unknown kind of fault 'fire'; known: .*'hang'"):
        site.admin.add_fault("fire")
    with pytest.raises(AdminError, match="unknown keys"):
        site.admin.add_fault("hang", colour="red")


def test_a_site_that_is_closed_lets_go_of_a_hanging_client() -> None:
    with SandboxSite() as site:
        site.admin.add_fault("hang")
        with pytest.raises(TimeoutError):
            find(connect(site, timeout=0.2))
    # Leaving the block joins the thread that was hanging; the test would time out otherwise.
    assert site.core.log.head == 0


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[SandboxSite, Path]]:
    """A site over TLS, and the file with the authority that vouches for it."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(tmp_path / "site.pem")
    with SandboxSite(SiteOptions(events=50, tls_cert=tmp_path / "site.pem")) as site:
        yield site, tmp_path / "authority.pem"


def test_over_tls_a_silently_closed_idle_connection_is_hidden_by_the_client(
    secure: tuple[SandboxSite, Path],
) -> None:
    site, authority = secure
    sg = shotgun_api3.Shotgun(
        site.url, site.script_name, site.api_key, ca_certs=str(authority), connect=False
    )
    sg.config.rpc_attempt_interval = 1  # milliseconds, instead of three seconds
    site.admin.add_fault("idle_close", times=1)
    assert len(find(sg)) == 50
    assert len(find(sg)) == 50


def test_a_certificate_that_nobody_vouches_for_is_refused_by_the_client(
    secure: tuple[SandboxSite, Path],
) -> None:
    site, _ = secure
    sg = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key, connect=False)
    sg.config.rpc_attempt_interval = 1
    with pytest.raises(ssl.SSLCertVerificationError):
        find(sg)
