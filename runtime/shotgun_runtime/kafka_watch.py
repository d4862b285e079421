"""What librdkafka says on the side, brought down to one line when the brokers are lost and one when they are back."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable
from typing import Protocol

from confluent_kafka import KafkaError

from shotgun_runtime.backoff import OutageLog
from shotgun_runtime.kafka_errors import explain, is_refusal

log = logging.getLogger(__name__)
_client_log = logging.getLogger("shotgun_runtime.kafka.client")

# A broker that is down makes each of these every few seconds, for each client.
_NOISE = frozenset({"FAIL", "ERROR", "REQTMOUT", "CONNECT", "DISCONNECT"})

_LOST = frozenset({KafkaError._ALL_BROKERS_DOWN, KafkaError._RESOLVE})
_PASSING = frozenset({KafkaError._TRANSPORT, KafkaError._TIMED_OUT, KafkaError._MSG_TIMED_OUT})


_RECEIVED = re.compile(r'"rx_bytes":\s*(\d+)')
_STRANDED_AFTER = 2
"""So many statistics without a broker: one may be made while a client looks for the brokers anew."""


class Watch(Protocol):
    """What takes the error and statistics callbacks of a client."""

    def on_error(self, error: KafkaError) -> None:
        """Take librdkafka's ``error_cb``."""

    def on_statistics(self, statistics: str) -> None:
        """Take librdkafka's ``stats_cb``."""


class BrokerWatch:
    """Takes the error and statistics callbacks of any number of clients, from any threads.

    `figures` is called with the statistics of each of them.
    """

    def __init__(self, servers: str, figures: Callable[[str], None] | None = None) -> None:
        self._figures = figures
        self._lock = threading.Lock()
        self._outage = OutageLog(f"Kafka at {servers}", log)
        self._said: set[int] = set()

    @property
    def broken(self) -> bool:
        """Whether no broker can be reached."""
        with self._lock:
            return self._outage.broken

    def on_error(self, error: KafkaError) -> None:
        """Note an error that no call returned: librdkafka's ``error_cb``."""
        with self._lock:
            if error.code() in _LOST:
                self._outage.failed(explain(error))
            elif error.code() in _PASSING:
                log.debug("Kafka: %s", explain(error))
            elif error.code() not in self._said:
                self._said.add(error.code())
                # What is fatal to one client is said by whoever uses it, which knows what follows.
                level = logging.ERROR if is_refusal(error) else logging.WARNING
                log.log(level, "Kafka: %s", explain(error))

    def on_statistics(self, statistics: str) -> None:
        """Look for a broker that is connected: librdkafka's ``stats_cb``."""
        if self._figures is not None:
            self._figures(statistics)
        with self._lock:
            if (self._outage.broken or self._said) and '"state":"UP"' in statistics:
                self._up()

    def alive(self) -> None:
        """Note that a broker has answered."""
        with self._lock:
            self._up()

    def _up(self) -> None:
        self._outage.recovered()
        self._said.clear()


class ClientWatch:
    """Takes the callbacks of one client, tells them on to a `BrokerWatch`, and notices when the client is stranded.

    A broker that was cut off from its controllers may answer for a moment that the cluster has no brokers. librdkafka
    then forgets those that it knew, and now and then never looks for one again, whatever comes:
    https://github.com/confluentinc/librdkafka/issues/5301. Such a client must be replaced.
    """

    def __init__(self, watch: BrokerWatch) -> None:
        self._watch = watch
        self._without = 0
        self._counted = 0
        self.received_bytes = 0
        """What the client has received from the brokers, as of the last statistics. Never falls."""

    @property
    def stranded(self) -> bool:
        """Whether the client has known no broker for so long that it will not find one again."""
        return self._without >= _STRANDED_AFTER

    def on_error(self, error: KafkaError) -> None:
        """Tell it on."""
        self._watch.on_error(error)

    def on_statistics(self, statistics: str) -> None:
        """Look whether the client knows a broker that it could connect to, and tell it on."""
        self._watch.on_statistics(statistics)
        # The coordinators, whose source is "logical", stay in the list and lead nowhere.
        known = '"source":"learned"' in statistics or '"source":"configured"' in statistics
        self._without = 0 if known else self._without + 1
        if received := _RECEIVED.search(statistics):
            # The sum over the brokers that it knows: it falls when one is forgotten, as after a restart.
            counted = int(received[1])
            self.received_bytes += max(0, counted - self._counted)
            self._counted = counted


def client_logger() -> logging.Logger:
    """Return the logger for librdkafka's own lines, without the noise of a broker that is down.

    None is above WARNING: a producer that is fenced in good order is CRITICAL to librdkafka, and would be mailed.
    """
    _client_log.addFilter(_without_noise)
    return _client_log


def _without_noise(record: logging.LogRecord) -> bool:
    if record.levelno > logging.WARNING:
        record.levelno, record.levelname = logging.WARNING, logging.getLevelName(logging.WARNING)
    facility = record.args[0] if isinstance(record.args, tuple) and record.args else None
    return facility not in _NOISE or _client_log.isEnabledFor(logging.DEBUG)
