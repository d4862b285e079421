"""A proxy in front of a broker that lets something happen at the very request that a test is about."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from collections.abc import Callable
from enum import Enum

PRODUCE, METADATA, INIT_PRODUCER_ID, ADD_PARTITIONS, END_TXN = 0, 3, 22, 24, 26

_LEADER_NOT_AVAILABLE = 5
_NO_OPERATIONS = -(2**31)
_CLUSTER_OPERATIONS, _TOPIC_IDS, _ERROR_CODE = 10, 10, 13
"""Versions of the metadata's answer: the last with the cluster's operations, the first with the others."""


class Moment(Enum):
    """Where a connection is cut: before the broker gets the request, or after it has answered."""

    BEFORE = "before"
    AFTER = "after"


class KafkaProxy:
    """Passes everything on between clients and a broker. `close` it.

    The broker must advertise `port`, so that clients come back here. `cut` arms it once. While it `hides_brokers`, it
    answers that the cluster has none, as a broker does that its controllers have shut out.
    """

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.broker_port = 0
        self.has_cut = threading.Event()
        self.hides_brokers = False
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
                if kind == METADATA and self.hides_brokers:
                    client.sendall(self._no_brokers(frame))
                    continue
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

    def _no_brokers(self, request: bytes) -> bytes:
        """The answer to a request for metadata (version 9 and later) of a cluster with one topic and no broker."""
        version, correlation = struct.unpack_from(">hi", request, 6)
        topic = struct.pack(">h", _LEADER_NOT_AVAILABLE) + b"\x02t"
        topic += bytes(16) if version >= _TOPIC_IDS else b""
        topic += b"\x00" + b"\x01" + struct.pack(">i", _NO_OPERATIONS) + b"\x00"
        body = struct.pack(">i", correlation) + b"\x00"
        body += struct.pack(">i", 0) + b"\x01" + b"\x00" + struct.pack(">i", -1)
        body += b"\x02" + topic
        body += struct.pack(">i", _NO_OPERATIONS) if version <= _CLUSTER_OPERATIONS else b""
        body += struct.pack(">h", 0) if version >= _ERROR_CODE else b""
        body += b"\x00"
        return struct.pack(">i", len(body)) + body

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
