"""A Kafka producer that is connected before it is needed: a takeover then fences without waiting for connections."""

from __future__ import annotations

import contextlib
import logging

from confluent_kafka import Producer

from shotgun_runtime.kafka import BrokerWatch, ClientWatch, new_producer, producer_config
from shotgun_runtime.settings import Settings

from .election import transactional_id_of

log = logging.getLogger(__name__)

_CONNECT_SECONDS = 1.0


class Spare:
    """Holds one transactional producer that has not been fenced in and so shuts out nobody. One owner, one thread."""

    def __init__(self, settings: Settings, watch: BrokerWatch) -> None:
        self._settings = settings
        self._watch = watch
        self._producer: Producer | None = None
        self._client = ClientWatch(watch)

    def keep_ready(self) -> None:
        """Makes the producer and its connections when there is none, and serves its callbacks. Takes a second at most.

        librdkafka looks for the coordinator of transactions only every 500 ms as long as no broker is connected.
        """
        if self._producer is None or self._client.stranded:
            self._producer = self._new()
            with contextlib.suppress(Exception):
                self._producer.list_topics(self._settings.stream.topic, timeout=_CONNECT_SECONDS)
        with contextlib.suppress(Exception):
            self._producer.poll(0)

    def take(self) -> Producer:
        """The producer, which is the caller's from now on."""
        taken, self._producer = self._producer, None
        return self._new() if taken is None or self._client.stranded else taken

    def close(self) -> None:
        """Gives the connections back."""
        self._producer = None

    def _new(self) -> Producer:
        self._client = ClientWatch(self._watch)
        config = producer_config(
            self._settings, transactional_id=transactional_id_of(self._settings), watch=self._client
        )
        return new_producer(config)
