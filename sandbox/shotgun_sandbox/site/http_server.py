"""A small threaded HTTP server that can end at any moment: every connection closed, every thread joined."""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


class ClosableServer(ThreadingHTTPServer):
    """Serves each connection on a thread of its own. ``close`` ends idle and hanging connections too."""

    daemon_threads = False  # so that closing joins them
    block_on_close = True
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(
        self,
        host: str,
        port: int,
        handler: type[BaseHTTPRequestHandler],
        name: str,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self.stopping = threading.Event()
        self._guard = threading.Lock()
        self._connections: set[socket.socket] = set()
        self._resets: set[socket.socket] = set()
        super().__init__((host, port), handler)
        self._thread = threading.Thread(target=self._serve, name=f"site-{name}", daemon=True)

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def start(self) -> None:
        """Begin to serve, in the background."""
        self._thread.start()

    def close(self) -> None:
        """Stop listening, end every connection, and wait for every thread."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            socket.create_connection(
                (str(self.server_address[0]), self.port), timeout=1.0
            ).close()  # wakes the thread
        self._thread.join()
        with self._guard:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
        self.server_close()

    def reset_on_close(self, connection: socket.socket) -> None:
        """Have ``connection`` end with a reset instead of a clean end."""
        linger = struct.pack("ii", 1, 0)  # on, 0 seconds: what is unsent is dropped, and a reset goes out
        with contextlib.suppress(OSError):
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        with self._guard:
            self._resets.add(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Give a new connection its thread."""
        request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self._tls is not None:
            # The handshake waits for the connection's own thread. Ended, it says no farewell, as load balancers do.
            request = self._tls.wrap_socket(request, server_side=True, do_handshake_on_connect=False)
        with self._guard:
            self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """End a connection, cleanly or with a reset."""
        with self._guard:
            self._connections.discard(request)
            reset = request in self._resets
            self._resets.discard(request)
        if reset:
            self.close_request(request)
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay silent: a client that goes away in the middle is no news."""

    def server_bind(self) -> None:
        """Take the port."""
        # The standard server asks the name service for the host's full name here, which can take seconds.
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])

    def _serve(self) -> None:
        # One wait for each connection costs nothing while idle; the standard loop wakes up to look for its end.
        while not self.stopping.is_set():
            self.handle_request()
