"""Breaking off a request of the Shotgun client from another thread."""

from __future__ import annotations

import contextlib
import socket
from typing import Any


def break_sockets(connection: Any) -> None:
    """Shut down the sockets below the client's HTTP connection; a read that waits on one raises or ends."""
    for http in list(getattr(connection, "connections", {}).values()):
        sock = getattr(http, "sock", None)
        if isinstance(sock, socket.socket):
            with contextlib.suppress(OSError):
                # Not SSLSocket.shutdown: that takes the TLS state away from under the thread that is reading.
                socket.socket.shutdown(sock, socket.SHUT_RDWR)
