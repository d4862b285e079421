"""The small HTTP endpoint of a service: ``/metrics``, ``/healthz``, ``/readyz``."""

from __future__ import annotations

import contextlib
import errno
import socket
import socketserver
import sys
import threading
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from prometheus_client import CollectorRegistry, make_wsgi_app
from prometheus_client.exposition import gzip_accepted

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.health import Health
from shotgun_runtime.metric_page import CONTENT_TYPE, MetricPage
from shotgun_runtime.settings import HttpSettings

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_INDEX = """\
Shotgun Stream

/metrics   Prometheus metrics
/healthz   is the process alive?
/readyz    does it do its work?
"""
_IDLE_SECONDS = 10


class StatusServer:
    """Serves metrics, health and readiness until ``close``. Requests run in threads of their own."""

    def __init__(
        self, settings: HttpSettings, default_port: int, registry: CollectorRegistry, health: Health
    ) -> None:
        self._host = settings.host
        self._port = default_port if settings.port is None else settings.port
        self._app = _application(registry, health)
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> int:
        """Listen and return the port. Raises ConfigurationError when the address cannot be had."""
        try:
            server = _server_class(self._host)((self._host, self._port), _QuietHandler)
        except OSError as error:
            raise ConfigurationError(self._refusal(error)) from None
        except OverflowError:
            raise ConfigurationError(f"http.port {self._port} is no port") from None
        server.set_app(self._app)
        self._server = server
        self._thread = threading.Thread(
            target=server.serve_forever, kwargs={"poll_interval": 0.25}, name="status-http", daemon=True
        )
        self._thread.start()
        return int(server.server_address[1])

    def close(self) -> None:
        """Stop listening, break open connections, and wait for all threads. May be called twice."""
        server, self._server = self._server, None
        if server is None or self._thread is None:
            return
        server.shutdown()
        self._thread.join()
        server.break_connections()
        server.server_close()

    def _refusal(self, error: OSError) -> str:
        place = f"port {self._port} on {self._host}"
        if error.errno == errno.EADDRINUSE:
            return (
                f"{place} is taken by another process; set http.port to a free port, or to 0 for any "
                "(SHOTGUN_STREAM_HTTP__PORT, --set http.port=...)"
            )
        if error.errno == errno.EACCES:
            return f"{place} may not be used by this user; set http.port to a port above 1023"
        return f"cannot listen on {place}: {error.strerror or error}; check http.host and http.port"


def _application(registry: CollectorRegistry, health: Health) -> WSGIApplication:
    metrics = _metrics(registry)
    states: dict[str, Callable[[], tuple[bool, str]]] = {
        "/healthz": lambda: health.alive,
        "/readyz": lambda: health.ready,
    }

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        path = environ.get("PATH_INFO", "/")
        if environ["REQUEST_METHOD"] not in ("GET", "HEAD"):
            return _text(start_response, "405 Method Not Allowed", "only GET is answered here\n")
        if path == "/metrics":
            return metrics(environ, start_response)
        if path in states:
            good, text = states[path]()
            return _text(start_response, "200 OK" if good else "503 Service Unavailable", text + "\n")
        if path == "/":
            return _text(start_response, "200 OK", _INDEX)
        return _text(start_response, "404 Not Found", "nothing here; see /\n")

    return application


def _metrics(registry: CollectorRegistry) -> WSGIApplication:
    page = MetricPage(registry)
    others: WSGIApplication = make_wsgi_app(registry)

    def application(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        accepted = environ.get("HTTP_ACCEPT", "")
        # Prometheus takes both and likes OpenMetrics better, which tells nothing more here and takes far longer.
        only_open = "openmetrics" in accepted and not ("text/plain" in accepted or "*/*" in accepted)
        if only_open or environ.get("QUERY_STRING"):
            return others(environ, start_response)
        headers = [("Content-Type", CONTENT_TYPE), ("Cache-Control", "no-store")]
        if gzip_accepted(environ.get("HTTP_ACCEPT_ENCODING", "")):
            headers.append(("Content-Encoding", "gzip"))
            body = page.compressed()
        else:
            body = page.text()
        start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
        return [body]

    return application


def _text(start_response: StartResponse, status: str, text: str) -> list[bytes]:
    body = text.encode()
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(body))),
        ("Cache-Control", "no-store"),
    ]
    start_response(status, headers)
    return [body]


class _QuietHandler(WSGIRequestHandler):
    """A handler that keeps no access log and does not wait for ever for a silent client."""

    timeout = _IDLE_SECONDS

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        pass


class _Server(socketserver.ThreadingMixIn, WSGIServer):
    """WSGI over IPv4, a thread for each request; knows its open connections so that it can break them."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 16

    def __init__(self, address: tuple[str, int], handler: type[WSGIRequestHandler]) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(address, handler)

    def server_bind(self) -> None:
        # The base class asks DNS for the host's name, which may take seconds and is used nowhere.
        socketserver.TCPServer.server_bind(self)
        self.server_name = str(self.server_address[0])
        self.server_port = int(self.server_address[1])
        self.setup_environ()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def break_connections(self) -> None:
        """Wake the threads that still read from or write to a client."""
        with self._open_lock:
            for connection in self._open:
                with contextlib.suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that went away in the middle is nobody's concern; anything else is a fault of ours.
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)


class _Server6(_Server):
    """The same over IPv6."""

    address_family = socket.AF_INET6


def _server_class(host: str) -> type[_Server]:
    return _Server6 if ":" in host else _Server
