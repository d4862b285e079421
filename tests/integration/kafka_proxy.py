"""A proxy in front of a broker that lets something happen at the very request that a test is about."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from enum import Enum

PRODUCE, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN = 0, 22, 24, 26


class Moment(Enum):
    """Where a connection is cut: before the broker gets the request, or after it has answered."""

    BEFORE = "before"
    AFTER = "after"


class KafkaProxy:
    """Passes everything on between clients and a broker. `close` it.

    The broker must advertise `port`, so that clients come back here. `cut` arms it once.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.broker_port = 0
        self.has_cut = threading.Event()
        self._armed: tuple[int, Moment, Callable[[], None]] | None = None
        self._lock = threading.Lock()
        self._sockets: list[socket.socket] = []
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def bootstrap_servers(self) -> str:
        return f"127.0.0.1:{self.port}"

    def cut(self, request: int, moment: Moment, then: Callable[[], None] = lambda: None) -> None:
        """The next request of this kind never gets to the broker, or its answer never gets back; then calls `then`."""
        self.has_cut.clear()
        self._armed = (request, moment, then)

    def close(self) -> None:
        for one in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                one.close()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                try:
                    broker = socket.create_connection(("127.0.0.1", self.broker_port))
                except OSError:
                    client.close()  # the broker is not there yet, or no longer: the client tries again
                    continue
                self._sockets.append(broker)
                doomed = threading.Event()
                for pump in (self._pass_requests, self._pass_answers):
                    threading.Thread(target=pump, args=(client, broker, doomed), daemon=True).start()

    def _pass_requests(self, client: socket.socket, broker: socket.socket, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError), client, broker:
            while frame := _frame(client):
                (kind,) = struct.unpack_from(">h", frame, 4)
                moment = self._is_armed_for(kind)
                if moment is Moment.BEFORE:
                    self._act(client, broker)
                    return
                if moment is Moment.AFTER:
                    doomed.set()
                broker.sendall(frame)

    def _pass_answers(self, client: socket.socket, broker: socket.socket, doomed: threading.Event) -> None:
        with contextlib.suppress(OSError), client, broker:
            while data := broker.recv(65_536):
                if doomed.is_set():
                    self._act(client, broker)
                    return
                client.sendall(data)

    def _is_armed_for(self, kind: int) -> Moment | None:
        with self._lock:
            if self._armed is None or self._armed[0] != kind or self.has_cut.is_set():
                return None
            return self._armed[1]

    def _act(self, client: socket.socket, broker: socket.socket) -> None:
        with self._lock:
            armed, self._armed = self._armed, None
            if armed is not None:
                armed[2]()
                self.has_cut.set()
        for one in (client, broker):
            with contextlib.suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)


def _frame(source: socket.socket) -> bytes:
    """One request with its length in front; empty at the end of the connection."""
    head = _exactly(source, 4)
    return head + _exactly(source, struct.unpack(">i", head)[0]) if head else b""


def _exactly(source: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        part = source.recv(size - len(data))
        if not part:
            return b""
        data += part
    return data
