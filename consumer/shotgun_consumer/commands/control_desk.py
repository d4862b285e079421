"""The control topic for one command: what stands there, and a writer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.kafka import BrokerWatch, admin, require_broker
from shotgun_runtime.settings import Settings, require_kafka
from shotgun_runtime.stream_topics import control_topic
from shotgun_runtime.topics import ensure_topics
from shotgun_schemas import control
from shotgun_schemas.control import ControlRecord

from .view import myself

READ_SECONDS = 30.0


class ControlDesk:
    """Reads the control topic once and writes to it. Made by `open_desk`, which also says what the methods raise."""

    def __init__(self, records: Mapping[str, ControlRecord], writer: ControlWriter) -> None:
        self.records = records
        self._writer = writer
        self._by = myself()

    def put(self, key: str, reason: str, **fields: Any) -> None:
        """Write a record in the name of whoever runs the command."""
        self._writer.put(key, by=self._by, reason=reason, **fields)

    def take_back(self, key: str) -> None:
        """Take a record back."""
        self._writer.delete(key)

    def require_group(self, group: str) -> None:
        """Raise ConfigurationError for a group of which no record tells: most likely its name is misspelt."""
        known = sorted(
            key.removeprefix(control.GROUP_PREFIX)
            for key in self.records
            if key.startswith(control.GROUP_PREFIX)
        )
        if group not in known:
            raise ConfigurationError(
                f"no group {group!r} has run yet; the known ones are {', '.join(known) or 'none'}"
            )


@contextmanager
def open_desk(settings: Settings) -> Iterator[ControlDesk]:
    """The control topic for one command; it is made if it is missing.

    Raises ConfigurationError without brokers, KafkaRefusedError when Kafka refuses, StreamError without an answer.
    """
    require_kafka(settings.kafka)
    client = admin(settings)
    require_broker(client, settings.kafka.bootstrap_servers)
    ensure_topics(client, [control_topic(settings.stream)], settings.stream.replication_factor)
    watch = BrokerWatch(settings.kafka.bootstrap_servers)
    topic = ControlTopic(settings, watch=watch)
    try:
        topic.read_to_end(READ_SECONDS)
    finally:
        topic.close()
    writer = ControlWriter(settings, watch=watch)
    try:
        yield ControlDesk(topic.records, writer)
    finally:
        writer.close()
