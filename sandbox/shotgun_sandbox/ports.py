"""Ports on loopback for the node."""

from __future__ import annotations

import random
import socket

from shotgun_runtime.errors import ConfigurationError

# Below the range from which systems take the ports of outgoing connections (32768 and up on Linux, 49152 on macOS):
# a client that keeps dialling a broker that is down could otherwise be given that very port as its own,
# and the broker could not come back to it.
_LOWEST, _HIGHEST = 20_000, 32_000
_ATTEMPTS = 200


def free_port() -> int:
    """A port that nothing listens on at this moment; another process may still take it before it is used."""
    for _ in range(_ATTEMPTS):
        port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - no secret, only unlikely to meet another run
        if is_free(port):
            return port
    raise ConfigurationError(
        f"no free port found between {_LOWEST} and {_HIGHEST} on 127.0.0.1; choose one: --port PORT"
    )


def is_free(port: int) -> bool:
    """Whether a server could listen on 127.0.0.1:`port` now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As Kafka does: connections of an earlier broker that still linger do not make the port a taken one.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
