"""One request and whatever becomes of it on the wire."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=utf-8"
COMPRESS_FROM = 1024

REASONS: Mapping[int, str] = {
    200: "OK",
    204: "No Content",
    301: "Moved Permanently",
    302: "Found",
    303: "See Other",
    307: "Temporary Redirect",
    308: "Permanent Redirect",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    413: "Payload Too Large",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer: status, body, and headers beside the usual ones."""

    status: int = 200
    body: bytes = b""
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)

    def compressed(self) -> Reply:
        """Return the same answer with a gzip body, which costs little at the lowest level."""
        return replace(
            self,
            body=gzip.compress(self.body, compresslevel=1, mtime=0),
            headers={**self.headers, "Content-Encoding": "gzip"},
        )

    def wire(self, date: str) -> bytes:
        """Return the bytes of the answer as they go over the network."""
        lines = [
            f"HTTP/1.1 {self.status} {REASONS.get(self.status, 'Status')}",
            f"Date: {date}",
            "Server: nginx",
            f"Content-Type: {self.content_type}",
            f"Content-Length: {len(self.body)}",
            "Connection: keep-alive",
            *(f"{name}: {value}" for name, value in self.headers.items()),
        ]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + self.body


def json_reply(value: Any) -> Reply:
    """Return an answer with ``value`` as compact JSON."""
    return Reply(body=json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode())


def html_reply(status: int, title: str, words: str, headers: Mapping[str, str] | None = None) -> Reply:
    """Return a small web page, as proxies and maintenance pages send them."""
    head, text = f"<head><title>{title}</title></head>", f"<h1>{title}</h1><p>{words}</p>"
    page = f"<!DOCTYPE html>\n<html>{head}<body>{text}</body></html>\n"
    return Reply(status, page.encode(), HTML_TYPE, headers or {})


class Wire(Protocol):
    """The connection that an exchange answers on."""

    def send(self, data: bytes) -> None:
        """Send bytes at once. Raises OSError when the client has gone."""

    def close(self) -> None:
        """End the connection once this exchange is over."""

    def reset(self) -> None:
        """End the connection with a reset once this exchange is over."""

    def wait(self, seconds: float) -> bool:
        """Wait; true when the site is shutting down and nobody should wait any longer."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """A request that has been read and can be answered once, rightly or wrongly."""

    wire: Wire
    method: str
    account: str
    accepts_gzip: bool
    date: str
    execute: Callable[
        [], Reply
    ]  # runs the method, for the first time it is called, and returns the right answer
    now: Callable[[], float]

    def send(self, reply: Reply) -> None:
        """Send ``reply``, compressed when that is worth it."""
        self.wire.send(self.finished(reply).wire(self.date))

    def finished(self, reply: Reply) -> Reply:
        """Return ``reply`` as it would be sent: compressed when the client accepts that and it is large enough."""
        large = len(reply.body) > COMPRESS_FROM
        return reply.compressed() if self.accepts_gzip and large else reply
