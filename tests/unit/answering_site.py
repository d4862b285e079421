"""A small HTTP server in the place of a Shotgun site: it answers as a test tells it, however wrongly."""

from __future__ import annotations

import http.server
import json
import socket
import threading
from dataclasses import dataclass, field
from typing import Any

from shotgun_runtime.settings import ShotgunSettings

INFO = {"results": {"version": [8, 89, 0], "api_max_entities_per_page": 250}}

ROWS: list[dict[str, Any]] = [
    {
        "type": "EventLogEntry",
        "id": 101,
        "event_type": "Shotgun_Shot_Change",
        "description": "a &lt;b&gt; of 2026-01-21T19:47:33Z",
        "meta": {
            "new_value": "2026-01-21T19:47:33Z",
            "text": "a &lt; b",
            "n": 1.0,
            "deep": [{"at": "2026-11-01T09:30:00Z"}],
        },
        "entity": {"type": "Shot", "id": 7, "name": "2026-01-21T19:47:33Z", "extra": None},
        "created_at": "2026-01-21T19:47:33Z",
        "attribute_name": "2026-13-45T00:00:00Z",
        "image": "x",
    },
    {
        "type": "EventLogEntry",
        "id": 102,
        "meta": None,
        "file": {"link_type": "local", "local_path_linux": "/x"},
    },
    {"type": "EventLogEntry", "id": 103, "meta": {}, "event_type": "😀 한국어", "created_at": None},
]


@dataclass
class Answer:
    """What the site sends: `length` lies about the body, `drip` sends blanks before it until it is set."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    length: int | None = None
    close_first: bool = False
    drip: threading.Event | None = None


def rows(entities: list[dict[str, Any]]) -> Answer:
    return Answer(json.dumps({"results": {"entities": entities}}).encode())


class Site:
    """Answers `info` with `info` and everything else with `answer`; keeps the requests that reached it."""

    def __init__(self) -> None:
        self.answer = rows(ROWS)
        self.info = Answer(json.dumps(INFO).encode())
        self.date = "Sun, 25 Jan 2026 10:00:00 GMT"
        self.requests: list[dict[str, Any]] = []
        self.server = _Server(self)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}"
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02})

    def settings(self, **more: Any) -> ShotgunSettings:
        given = {"url": self.url, "script_name": "scr", "api_key": "the-key", "timeout": "20s", **more}
        return ShotgunSettings(**given)

    def close(self) -> None:
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, site: Site) -> None:
        self.site = site
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # clients that leave in the middle are part of the tests


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        site = self.server.site
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        site.requests.append(request)
        answer = site.info if request["method_name"] == "info" else site.answer
        if answer.close_first:
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        self.send(answer)

    def send(self, answer: Answer) -> None:
        length = len(answer.body) if answer.length is None else answer.length
        headers = {"Content-Type": "application/json; charset=utf-8", "Date": self.server.site.date}
        self.send_response_only(answer.status)
        for name, value in {**headers, **answer.headers, "Content-Length": str(length)}.items():
            if value:
                self.send_header(name, value)
        self.end_headers()
        if answer.drip is not None:
            self.send_blanks(answer.drip)
        self.wfile.write(answer.body)
        self.close_connection = length != len(answer.body)

    def send_blanks(self, until: threading.Event) -> None:
        try:
            while not until.wait(0.02):
                self.wfile.write(b" ")
        except OSError:
            until.set()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass
