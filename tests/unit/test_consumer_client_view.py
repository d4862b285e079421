"""A plugin gets what the real client would have returned for the same row, in value and in type, at any depth."""

from __future__ import annotations

import datetime
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import shotgun_api3

from shotgun_consumer.running.client_view import ClientView
from shotgun_schemas.codec import Decoder, encode
from shotgun_schemas.event import FIELDS, Event

RECORDED = (Path(__file__).parents[1] / "fixtures" / "recorded_events.jsonl").read_text("utf-8").splitlines()
MADE: list[dict[str, Any]] = [
    {"type": "EventLogEntry", "id": 1, "description": "a &lt;b&gt; &lt;", "meta": {"old_value": "&lt;"}},
    {"type": "EventLogEntry", "id": 2, "created_at": "2026-02-30T10:00:00Z", "meta": None},
    {"type": "EventLogEntry", "id": 3, "meta": {"a": [{"b": "2026-01-21T19:47:33Z"}, "2026-01-21"], "c": {}}},
    {"type": "EventLogEntry", "id": 4, "meta": {}, "entity": None, "project": None, "session_uuid": ""},
    {"type": "EventLogEntry", "id": 5, "meta": {"n": 1, "f": 1.0, "t": True, "big": 2**80, "s": "샷 🎬"}},
    {
        "type": "EventLogEntry",
        "id": 6,
        "entity": {"type": "Shot", "id": 7, "name": "a &lt; b", "valid": "valid"},
    },
    {"type": "EventLogEntry", "id": 7, "meta": {"link_type": "local", "local_path_linux": "/mnt/x"}},
    {"type": "EventLogEntry", "id": 8, "event_type": 5, "meta": ["2026-01-21T19:47:33Z"]},
]
ROWS = [json.loads(line) for line in RECORDED] + MADE


class Site(ThreadingHTTPServer):
    """Answers `read` with one given row, over the client's own protocol."""

    row: dict[str, Any]


class _Handler(BaseHTTPRequestHandler):
    server: Site

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        results: dict[str, Any] = {"version": [8, 60, 0]}
        if asked["method_name"] == "read":
            results = {"entities": [self.server.row], "paging_info": {"has_next_page": False}}
        body = json.dumps({"results": results}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        pass


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    server = Site(("127.0.0.1", 0), _Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def client(site: Site) -> shotgun_api3.Shotgun:
    return shotgun_api3.Shotgun(f"http://127.0.0.1:{site.server_address[1]}", "script", "key")


def same(left: Any, right: Any) -> bool:
    if type(left) is not type(right):
        return False
    if isinstance(left, dict):
        return left.keys() == right.keys() and all(same(left[key], right[key]) for key in left)
    if isinstance(left, list):
        return len(left) == len(right) and all(map(same, left, right))
    if isinstance(left, datetime.datetime):
        return (
            left == right
            and left.utcoffset() == right.utcoffset()
            and type(left.tzinfo) is type(right.tzinfo)
        )
    return bool(left == right)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: str(row["id"]))
def test_the_event_equals_what_find_returns(
    row: dict[str, Any], site: Site, client: shotgun_api3.Shotgun
) -> None:
    # Given a row that went over the wire
    event = Decoder().decode(encode(Event(row)), topic="shotgun.events", partition=0, offset=0)
    # When the plugin's view of it is made, and the real client reads the same row from a site
    seen = ClientView().event(event.row)
    site.row = row
    found = client.find("EventLogEntry", [["id", "is", row["id"]]], list(FIELDS), limit=1)
    # Then both are the same
    assert same(seen, found[0])


def test_a_time_becomes_an_aware_local_datetime() -> None:
    seen = ClientView().event({"type": "EventLogEntry", "id": 1, "created_at": "2026-01-21T19:47:33Z"})
    assert seen["created_at"] == datetime.datetime(2026, 1, 21, 19, 47, 33, tzinfo=datetime.timezone.utc)
    assert seen["created_at"].tzinfo is not None


def test_the_row_itself_stays_as_it_was() -> None:
    row = {
        "type": "EventLogEntry",
        "id": 1,
        "created_at": "2026-01-21T19:47:33Z",
        "meta": {"at": "2026-01-21T19:47:33Z"},
    }
    ClientView().event(row)
    assert row["created_at"] == "2026-01-21T19:47:33Z"
    assert row["meta"] == {"at": "2026-01-21T19:47:33Z"}


def test_a_row_with_an_image_needs_no_site() -> None:
    seen = ClientView().event({"type": "EventLogEntry", "id": 1, "image": "https://site/thumb.jpg"})
    assert seen["image"] == "https://site/thumb.jpg"
