"""The site's HTTP side: ``POST /api3/json``, right or wrong as scripted."""

from __future__ import annotations

import json
import logging
import ssl
import threading
from collections import Counter, deque
from collections.abc import Mapping
from email.utils import formatdate
from functools import cache
from http.server import BaseHTTPRequestHandler
from random import Random
from typing import Any

from shotgun_sandbox.site.core import SiteCore
from shotgun_sandbox.site.errors import BadQuery, SiteFault
from shotgun_sandbox.site.exchange import Exchange, Reply, html_reply, json_reply
from shotgun_sandbox.site.fault_acts import act
from shotgun_sandbox.site.faults import FaultPlan
from shotgun_sandbox.site.http_server import ClosableServer
from shotgun_sandbox.site.latency import LatencyModel
from shotgun_sandbox.site.rpc import Rpc

PATH = "/api3/json"
REMEMBERED = 1000

log = logging.getLogger(__name__)


class Front:
    """What stands between the network and the site: faults, latency, and a record of the requests."""

    def __init__(self, core: SiteCore) -> None:
        self.core = core
        self.rpc = Rpc(core)
        self.lock = threading.Lock()
        self.faults = FaultPlan(Random(core.options.seed + 3))  # noqa: S311
        self.latency = LatencyModel(Random(core.options.seed + 4), core.options.latency)  # noqa: S311
        self.keep_alive: float | None = None  # idle seconds after which a connection is ended; none = never
        self.calls: Counter[str] = Counter()
        self.recent: deque[dict[str, Any]] = deque(maxlen=REMEMBERED)

    def handle(self, handler: SiteHandler, body: bytes) -> None:
        """Answer one request on ``handler``'s connection."""
        try:
            call = json.loads(body)
            method, params = str(call["method_name"]), list(call.get("params") or [])
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            handler.send(html_reply(400, "Bad Request", "The body is no JSON call.").wire(self.date()))
            return
        exchange = Exchange(
            wire=handler,
            method=method,
            account=_account(params),
            accepts_gzip="gzip" in (handler.headers.get("accept-encoding") or ""),
            date=self.date(),
            execute=cache(lambda: self.execute(handler, method, params)),
            now=self.core.clock.now,
        )
        with self.lock:
            fault = self.faults.pick(method, self.core.clock.now())
            self.calls[method] += 1
            kind = None if fault is None else fault.kind
            self.recent.append({"at": self.core.clock.now(), "method": method, "fault": kind})
        if fault is None:
            exchange.send(exchange.execute())
        else:
            act(fault, exchange)

    def execute(self, handler: SiteHandler, method: str, params: list[Any]) -> Reply:
        """Carry out a call, in the time the site takes for it, and return the right answer."""
        try:
            results = self.rpc.call(method, params)
            with self.lock:
                seconds = self.latency.draw(method, _rows(results))
            if seconds > 0:
                handler.wait(seconds)
            return json_reply({"results": results})
        except SiteFault as fault:
            return json_reply({"exception": True, "error_code": fault.code, "message": fault.message})
        except BadQuery as error:
            return html_reply(500, "Internal Server Error", str(error))
        except Exception:
            log.exception("The simulated site failed on %s; the client is told 500", method)
            return html_reply(500, "Internal Server Error", "Something went wrong.")

    def date(self) -> str:
        """Return the present time as the ``Date`` header has it."""
        return formatdate(self.core.clock.now(), usegmt=True)


class SiteHandler(BaseHTTPRequestHandler):
    """One connection of a client."""

    protocol_version = "HTTP/1.1"
    front: Front
    server: ClosableServer

    def setup(self) -> None:
        """Open the connection; it is ended when it stays idle for longer than the site's keep-alive time."""
        super().setup()
        self.connection.settimeout(self.front.keep_alive)

    def do_POST(self) -> None:
        """Answer a call, or 404 on any other path."""
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.split("?", 1)[0] == PATH:
            self.front.handle(self, body)
        else:
            self._not_found()

    def do_GET(self) -> None:
        """Answer 404: nothing here is for a browser."""
        self._not_found()

    do_HEAD = do_PUT = do_DELETE = do_GET  # noqa: N815 - names that the base class looks for

    def send(self, data: bytes) -> None:
        """Send bytes at once. Raises OSError when the client has gone."""
        self.connection.sendall(data)

    def close(self) -> None:
        """End the connection once this exchange is over."""
        self.close_connection = True

    def reset(self) -> None:
        """End the connection with a reset once this exchange is over."""
        self.close_connection = True
        self.server.reset_on_close(self.connection)

    def wait(self, seconds: float) -> bool:
        """Wait; true when the site is shutting down."""
        return self.server.stopping.wait(seconds)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Keep quiet: requests are counted, not printed."""

    def _not_found(self) -> None:
        self.send(html_reply(404, "Not Found", "There is no such page on this site.").wire(self.front.date()))


def serve(front: Front, host: str, port: int, tls: ssl.SSLContext | None = None) -> ClosableServer:
    """Open the site's port and return its server, not started yet. Raises OSError when the port is taken."""
    handler = type("BoundSiteHandler", (SiteHandler,), {"front": front})
    return ClosableServer(host, port, handler, "front", tls)


def _account(params: list[Any]) -> str:
    auth = params[0] if params and isinstance(params[0], Mapping) else {}
    return str(auth.get("script_name") or auth.get("user_login") or "")


def _rows(results: Any) -> int:
    if isinstance(results, Mapping):
        return len(results.get("entities") or ())
    return len(results) if isinstance(results, list) else 0
