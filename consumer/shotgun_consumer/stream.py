"""What the groups of one process share of Kafka: the topic's identity, the control topic, the witnesses."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from confluent_kafka.admin import AdminClient

from shotgun_runtime.backoff import Backoff, OutageLog
from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.kafka import BrokerWatch, LastingAdmin, wait_for_broker
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Shutdown
from shotgun_runtime.stream_topics import control_topic
from shotgun_runtime.topics import TopicIdentity, TopicSpec, ensure_topics, topic_identity
from shotgun_schemas import control
from shotgun_schemas.control import ControlRecord

from .positions.placement import Witness

log = logging.getLogger(__name__)

REFRESH_SECONDS = 60.0
WRITE_TIMEOUT_SECONDS = 5.0
SCHEMA_PATIENCE_SECONDS = 5.0
CONTROL_SECONDS = 10.0

_NO_RECORDS: Mapping[str, ControlRecord] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Notice:
    """A control record that is to be written."""

    reason: str
    fields: Mapping[str, Any]


class Stream:
    """One for a process. `open`, `beat` and `close` belong to the main thread; the rest is for any thread."""

    def __init__(self, settings: Settings, watch: BrokerWatch, *, by: str) -> None:
        self._settings = settings
        self._by = by
        self._watch = watch
        self._lock = threading.Lock()
        self._offered: dict[str, Witness] = {}
        self._notices: dict[str, Notice | None] = {}
        self._identity: TopicIdentity | None = None
        self._identity_at = 0.0
        self._control: ControlTopic | None = None
        self._writer: ControlWriter | None = None
        self._stopping = threading.Event()
        self._refused: set[str] = set()
        self._admin = LastingAdmin(settings)

    @property
    def admin(self) -> AdminClient:
        """The admin client to use now."""
        return self._admin.client

    @property
    def topic(self) -> str:
        """Name of the event topic."""
        return self._settings.stream.topic

    @property
    def identity(self) -> TopicIdentity:
        """Which topic this is; looked up anew each minute. Only after `open`."""
        assert self._identity is not None
        return self._identity

    def open(self, shutdown: Shutdown) -> bool:
        """Wait for a broker and for the event topic, and read the control topic to its end.

        False when a stop was requested first. Raises KafkaRefusedError when Kafka refuses.
        """
        if not wait_for_broker(self._admin, shutdown):
            return False
        spec = control_topic(self._settings.stream)
        self._writer = ControlWriter(self._settings, timeout=WRITE_TIMEOUT_SECONDS, watch=self._watch)
        self._control = ControlTopic(self._settings, watch=self._watch)
        backoff = Backoff(initial=0.2, maximum=5.0)
        outage = OutageLog(f"topic {self.topic}, which the producer creates,", log)
        while not shutdown.requested.is_set():
            problem = self._try_open(spec)
            if problem is None:
                outage.recovered()
                return True
            outage.failed(problem)
            shutdown.wait(backoff.pause())
        return False

    def _try_open(self, control_spec: TopicSpec) -> str | None:
        """Look for the topics and read the control topic. Returns what is missing, None when all is there."""
        assert self._control is not None
        try:
            self._identity = topic_identity(self.admin, self.topic)
            ensure_topics(self.admin, [control_spec], self._settings.stream.replication_factor)
            self._control.read_to_end(CONTROL_SECONDS)
        except StreamError as error:
            if isinstance(error, KafkaRefusedError) and "UNKNOWN_TOPIC" not in str(error):
                raise
            self._admin.renew()
            return str(error)
        self._identity_at = time.monotonic()
        return None

    def beat(self) -> None:
        """Take in news of the control topic, write the witnesses that are due, look whether the topic is the same."""
        control_topic = self._control
        assert control_topic is not None
        try:
            control_topic.poll()
        except StreamError as error:
            self._complain(str(error))
            with suppress(StreamError):
                control_topic.read_to_end(WRITE_TIMEOUT_SECONDS)
        self._write_notices()
        self._write_witnesses()
        if time.monotonic() - self._identity_at >= REFRESH_SECONDS:
            self._identity_at = time.monotonic()
            try:
                self._identity = topic_identity(self.admin, self.topic)
            except StreamError:
                # While Kafka is away, or the topic for a moment, the last answer stands.
                self._admin.renew()

    def close(self) -> None:
        """Write what is due, if Kafka answers, and end the clients."""
        self._stopping.set()
        if self._writer is not None:
            if not self._watch.broken:
                self._write_notices()
                self._write_witnesses()
            self._writer.close()
        if self._control is not None:
            self._control.close()

    def witness(self, group: str) -> Witness | None:
        """The newest witness of a group that the control topic holds."""
        assert self._control is not None
        record = self._control.get(control.group_key(group))
        return None if record is None else Witness.from_fields(record.fields)

    @property
    def records(self) -> Mapping[str, ControlRecord]:
        """The control records that hold orders, by key, as one unchanging view; none before `open`.

        Witnesses are not among them: with each of these, every group would look through the orders again.
        """
        return _NO_RECORDS if self._control is None else self._control.orders

    def offer(self, key: str, reason: str, fields: Mapping[str, Any]) -> None:
        """Have a control record written with the next beat."""
        with self._lock:
            self._notices[key] = Notice(reason, fields)

    def take_back(self, key: str) -> None:
        """Have a control record taken back with the next beat."""
        with self._lock:
            self._notices[key] = None

    def hold(self, group: str) -> ControlRecord | None:
        """The newest hold that a command has put on a group."""
        assert self._control is not None
        return self._control.get(control.hold_key(group))

    def offer_witness(self, group: str, witness: Witness) -> None:
        """Have this witness written with the next beat, unless the control topic has the same already."""
        with self._lock:
            self._offered[group] = witness

    def schema(self, fingerprint: str) -> str | None:
        """A writer's schema from the control topic; waits a moment for one that is on its way."""
        assert self._control is not None
        deadline = time.monotonic() + SCHEMA_PATIENCE_SECONDS
        while True:
            record = self._control.get(control.schema_key(fingerprint))
            if record is not None:
                return str(record.fields.get("schema", ""))
            if time.monotonic() >= deadline or self._stopping.wait(0.1):
                return None

    def stop(self) -> None:
        """Have nobody wait for news any more."""
        self._stopping.set()

    def _write_notices(self) -> None:
        assert self._writer is not None
        with self._lock:
            notices, self._notices = self._notices, {}
        for key, notice in list(notices.items()):
            try:
                if notice is not None:
                    self._writer.put(key, by=self._by, reason=notice.reason, **notice.fields)
                elif key in self.records:
                    self._writer.delete(key)
            except StreamError as error:
                self._complain(str(error))
                with self._lock:
                    # What was offered meanwhile is newer.
                    self._notices = {**notices, **self._notices}
                return
            del notices[key]

    def _write_witnesses(self) -> None:
        assert self._writer is not None
        with self._lock:
            offered, self._offered = self._offered, {}
        for group, witness in offered.items():
            if witness == self.witness(group):
                continue
            try:
                self._writer.put(
                    control.group_key(group),
                    by=self._by,
                    reason="position",
                    topic_id=witness.topic_id,
                    partitions=witness.partitions,
                    event_id=witness.event_id,
                    event_at=witness.event_at,
                )
            except StreamError as error:
                self._complain(str(error))
                with self._lock:
                    self._offered.setdefault(group, witness)
                return
        self._refused.clear()

    def _complain(self, text: str) -> None:
        if text not in self._refused:
            self._refused.add(text)
            log.warning("%s; trying again", text)
