"""The simulated site answers the real client, and a bare HTTP client, in the real site's form."""

from __future__ import annotations

import gzip
import http.client
import json
import threading
from collections.abc import Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import shotgun_api3

from shotgun_sandbox.site import SandboxSite, SiteOptions


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=300)) as site:
        yield site


def connect(site: SandboxSite, **changes: Any) -> shotgun_api3.Shotgun:
    arguments = {"script_name": site.script_name, "api_key": site.api_key, **changes}
    return shotgun_api3.Shotgun(site.url, **arguments)


def post(
    site: SandboxSite, body: bytes, path: str = "/api3/json", **headers: str
) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=10)
    connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
    return connection.getresponse()


def call(site: SandboxSite, method: str, *params: Any) -> dict[str, Any]:
    body = json.dumps({"method_name": method, "params": list(params)}).encode()
    answer: dict[str, Any] = json.loads(post(site, body).read())
    return answer


def test_the_real_client_connects_and_reads(site: SandboxSite) -> None:
    sg = connect(site)
    assert sg.server_caps.version == (8, 89, 0)
    assert len(sg.find("EventLogEntry", [], ["event_type"], limit=10)) == 10


def test_info_needs_no_credentials_and_tells_the_page_size(site: SandboxSite) -> None:
    results = call(site, "info")["results"]
    assert results["api_max_entities_per_page"] == 500
    assert results["full_version"] == [8, 89, 0, 9724]


@pytest.mark.parametrize(
    ("auth", "message"),
    [
        ({"script_name": "nobody", "script_key": "x"}, "Can't authenticate script 'nobody'"),
        ({"script_name": "sandbox", "script_key": "wrong"}, "Can't authenticate script 'sandbox'"),
        ({"user_login": "who", "user_password": "x"}, "Can't authenticate user 'who'."),
        ({"session_token": "0123456789"}, "Can't authenticate session token ending with '456789'"),
        ({}, "Missing or invalid authentication arguments"),
    ],
)
def test_refused_credentials_are_code_102_with_the_sites_words(
    site: SandboxSite, auth: dict[str, str], message: str
) -> None:
    answer = call(site, "read", auth, {"type": "EventLogEntry"})
    assert answer == {"exception": True, "error_code": 102, "message": message}


def test_a_wrong_key_is_an_authentication_fault_in_the_client(site: SandboxSite) -> None:
    sg = connect(site, api_key="wrong")
    with pytest.raises(shotgun_api3.AuthenticationFault, match="Can't authenticate script 'sandbox'"):
        sg.find_one("EventLogEntry", [])


def test_a_person_gets_a_session_token_that_works(site: SandboxSite) -> None:
    person = shotgun_api3.Shotgun(site.url, login="ines.moreau", password="sandbox-password")
    token = person.get_session_token()
    again = shotgun_api3.Shotgun(site.url, session_token=token)
    assert again.find_one("Project", [], ["name"])["name"] == "Harbour Lights"


def test_an_unknown_method_is_code_103(site: SandboxSite) -> None:
    auth = {"script_name": site.script_name, "script_key": site.api_key}
    assert call(site, "no_such_method", auth)["error_code"] == 103


@pytest.mark.parametrize("body", [b"not json", b"[1]", b'{"params": []}', b""])
def test_a_malformed_call_is_http_400(site: SandboxSite, body: bytes) -> None:
    assert post(site, body).status == 400


def test_any_other_path_is_a_404_page(site: SandboxSite) -> None:
    response = post(site, b"{}", "/elsewhere")
    assert response.status == 404
    assert response.getheader("Content-Type", "").startswith("text/html")


def test_large_answers_are_compressed_for_those_who_accept_it(site: SandboxSite) -> None:
    auth = {"script_name": site.script_name, "script_key": site.api_key}
    args = {"type": "EventLogEntry", "return_fields": ["meta"]}
    body = json.dumps({"method_name": "read", "params": [auth, args]}).encode()
    packed, plain = post(site, body, **{"Accept-Encoding": "gzip"}), post(site, body)
    assert packed.getheader("Content-Encoding") == "gzip"
    assert plain.getheader("Content-Encoding") is None
    assert json.loads(gzip.decompress(packed.read())) == json.loads(plain.read())


def test_one_connection_serves_many_calls(site: SandboxSite) -> None:
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=10)
    sockets = set()
    for _ in range(3):
        connection.request("POST", "/api3/json", b'{"method_name": "info", "params": []}')
        connection.getresponse().read()
        sockets.add(id(connection.sock))
    connection.close()
    assert len(sockets) == 1


def test_the_date_header_is_the_sites_time_not_the_hosts() -> None:
    with SandboxSite(SiteOptions(start=1_767_225_600.0)) as site:
        site.admin.advance(600)
        date = post(site, b'{"method_name": "info", "params": []}').getheader("Date", "")
    moment = parsedate_to_datetime(date)
    assert (moment.year, moment.month, moment.day) == (2026, 1, 1)
    assert 10 <= moment.minute < 15


def test_schema_tells_fields_and_types(site: SandboxSite) -> None:
    sg = connect(site)
    assert sg.schema_field_read("Task", "entity")["entity"]["data_type"]["value"] == "entity"
    assert "EventLogEntry" in sg.schema_entity_read()
    with pytest.raises(shotgun_api3.Fault, match=r"Task\.nonsense doesn't exist"):
        sg.schema_field_read("Task", "nonsense")


def test_text_search_finds_by_name(site: SandboxSite) -> None:
    found = connect(site).text_search("prop_01", {"Asset": []})
    assert found["matches"][0]["name"] == "prop_01"


def test_closing_a_site_ends_its_threads_and_frees_its_port() -> None:
    before = set(threading.enumerate())
    site = SandboxSite(SiteOptions(events=50, rate=100.0))
    sg = connect(site)
    sg.find_one("EventLogEntry", [])  # leaves an idle connection behind
    port = int(site.url.rsplit(":", 1)[1])
    site.close()
    assert set(threading.enumerate()) <= before
    with SandboxSite(SiteOptions(port=port)) as again:
        assert connect(again).find_one("Project", []) is not None
