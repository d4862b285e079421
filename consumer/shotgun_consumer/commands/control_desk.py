"""The control topic for one command: what stands there, and a writer."""

from __future__ import annotations

import getpass
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from confluent_kafka.admin import AdminClient

from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.kafka import BrokerWatch, admin, require_broker
from shotgun_runtime.settings import Settings, require_kafka
from shotgun_runtime.stream_topics import control_topic
from shotgun_runtime.topics import ensure_topics
from shotgun_schemas import control
from shotgun_schemas.control import ControlRecord

READ_SECONDS = 30.0


def myself() -> str:
    """Who runs the command, for control records: `alice on host`."""
    user = "somebody"
    with suppress(KeyError, OSError):
        user = getpass.getuser()
    return f"{user} on {socket.gethostname()}"


def read_control(settings: Settings, client: AdminClient, watch: BrokerWatch) -> Mapping[str, ControlRecord]:
    """The control records as they stand now; none while there is no control topic."""
    if settings.stream.control_topic not in client.list_topics(timeout=READ_SECONDS).topics:
        return {}
    # A reader of its own each time: one that begins anew first waits for the fetch that it has under way.
    reader = ControlTopic(settings, watch=watch)
    try:
        reader.read_to_end(READ_SECONDS)
        return reader.records
    finally:
        reader.close()


@contextmanager
def control_writer(settings: Settings, client: AdminClient, watch: BrokerWatch) -> Iterator[ControlWriter]:
    """A writer of control records; the control topic is made if it is missing."""
    ensure_topics(client, [control_topic(settings.stream)], settings.stream.replication_factor)
    writer = ControlWriter(settings, watch=watch)
    try:
        yield writer
    finally:
        writer.close()


def known_groups(records: Mapping[str, ControlRecord]) -> list[str]:
    """The groups of which the records tell, by name."""
    return sorted(
        key.removeprefix(control.GROUP_PREFIX) for key in records if key.startswith(control.GROUP_PREFIX)
    )


class ControlDesk:
    """Reads the control topic once and writes to it. Made by `open_desk`, which also says what the methods raise."""

    def __init__(
        self, records: Mapping[str, ControlRecord], make_writer: Callable[[], ControlWriter]
    ) -> None:
        self.records = records
        self._make_writer = make_writer
        self._made: ControlWriter | None = None
        self._by = myself()

    def put(self, key: str, reason: str, **fields: Any) -> None:
        """Write a record in the name of whoever runs the command."""
        self._writer.put(key, by=self._by, reason=reason, **fields)

    def take_back(self, key: str) -> None:
        """Take a record back."""
        self._writer.delete(key)

    def require_group(self, group: str) -> None:
        """Raise ConfigurationError for a group of which no record tells: most likely its name is misspelt."""
        known = known_groups(self.records)
        if group not in known:
            raise ConfigurationError(
                f"no group {group!r} has run yet; the known ones are {', '.join(known) or 'none'}"
            )

    @property
    def _writer(self) -> ControlWriter:
        # A command that is refused must not have made the topic.
        self._made = self._made or self._make_writer()
        return self._made


@contextmanager
def open_desk(settings: Settings) -> Iterator[ControlDesk]:
    """The control topic for one command; it is made, if it is missing, with the first record that is written.

    Raises ConfigurationError without brokers, KafkaRefusedError when Kafka refuses, StreamError without an answer.
    """
    require_kafka(settings.kafka)
    client = admin(settings)
    require_broker(client, settings.kafka.bootstrap_servers)
    watch = BrokerWatch(settings.kafka.bootstrap_servers)
    with ExitStack() as open_until_the_end:
        yield ControlDesk(
            read_control(settings, client, watch),
            lambda: open_until_the_end.enter_context(control_writer(settings, client, watch)),
        )
