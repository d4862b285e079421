"""The site's port, which can be closed and opened again: a site that cannot be reached."""

from __future__ import annotations

import ssl
import threading

from shotgun_sandbox.site.http_server import ClosableServer
from shotgun_sandbox.site.server import Front, serve


class Listener:
    """Opens and closes the site's port; it is the same port every time."""

    def __init__(self, front: Front, host: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        self._front = front
        self._tls = tls
        self._host = host
        self._port = port
        self._server: ClosableServer | None = None
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """The port; 0 before it was opened for the first time."""
        return self._port

    @property
    def is_open(self) -> bool:
        """Whether the site can be reached."""
        return self._server is not None

    def open(self) -> None:
        """Listen. Raises OSError when the port is taken."""
        with self._lock:
            if self._server is None:
                self._server = serve(self._front, self._host, self._port, self._tls)
                self._port = self._server.port
                self._server.start()

    def close(self) -> None:
        """Refuse new connections and end the present ones."""
        with self._lock:
            server, self._server = self._server, None
            if server is not None:
                server.close()
