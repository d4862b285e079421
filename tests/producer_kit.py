"""A producer under test: its configuration, its process, and what a committed reader finds of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

import yaml
from confluent_kafka import Consumer, IsolationLevel, KafkaException, Message, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]
from prometheus_client.parser import text_string_to_metric_families
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_sandbox.site import SandboxSite


class Bench:
    """One stream on the shared Kafka, and as many producers of it as a test wants."""

    def __init__(
        self,
        spawn: Callable[..., Process],
        folder: Path,
        kafka: Kafka,
        site: SandboxSite,
        *,
        servers: str | None = None,
        stream: Mapping[str, Any] | None = None,
        **producer: Any,
    ) -> None:
        self._spawn = spawn
        self.kafka = kafka
        self.site = site
        self.topic = kafka.topic("events")
        self.checkpoint_topic = f"{self.topic}.checkpoint"
        self._reader = Reader(servers or kafka.bootstrap_servers, self.topic)
        self.config = folder / f"{self.topic}.yaml"
        self.values: dict[str, Any] = {
            "shotgun": {
                "url": site.url,
                "script_name": site.script_name,
                "api_key": site.api_key,
                "timeout": "10s",
            },
            "kafka": {"bootstrap_servers": servers or kafka.bootstrap_servers},
            "stream": {
                "topic": self.topic,
                "checkpoint_topic": self.checkpoint_topic,
                "control_topic": f"{self.topic}.control",
                **(stream or {}),
            },
            "producer": {
                "start": "earliest",
                "poll_interval": "50ms",
                "idle_poll_interval": "200ms",
                **producer,
            },
            "http": {"host": "127.0.0.1", "port": 0},
        }

    def command(self, *words: str) -> Process:
        """One of the producer's commands with this stream's configuration."""
        self.config.write_text(yaml.safe_dump(self.values))
        return self._spawn(["shotgun-producer", *words, "--config", str(self.config)])

    def start(self) -> Running:
        """A producer; it need not be active yet."""
        return Running(self.command("run"))

    def published(self) -> list[int]:
        """Ids in the order of the topic, as a committed reader finds them. The topic may be written to meanwhile."""
        self._reader.read_on()
        return list(self._reader.ids)

    def visible(self) -> set[int]:
        return set(self.site.admin.visible())

    def messages(self) -> list[Message]:
        """The records in the order of the topic."""
        self._reader.read_on()
        return list(self._reader.messages)

    def end_offset(self, isolation: IsolationLevel) -> int:
        """Where the topic ends for such readers: for committed ones before the first open transaction."""
        place = TopicPartition(self.topic, 0)
        futures = self.kafka.admin.list_offsets({place: OffsetSpec.latest()}, isolation_level=isolation)  # type: ignore[no-untyped-call]
        return int(futures[place].result(PATIENCE).offset)

    def wait_for_all(self, timeout: float = PATIENCE) -> None:
        """Until every visible id was published, and then: none twice, and none that is not visible."""
        wait_until(lambda: self.visible() <= set(self.published()), timeout, "all visible ids are published")
        counts = Counter(self.published())
        assert set(counts) == self.visible()
        assert set(counts.values()) <= {1}


class Reader:
    """A committed reader of a topic with one partition that reads a little more each time it is asked."""

    def __init__(self, servers: str, topic: str) -> None:
        self.ids: list[int] = []
        self.messages: list[Message] = []
        self._place = TopicPartition(topic, 0, 0)
        self._config = {
            "bootstrap.servers": servers,
            "group.id": f"{topic}.reader",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "isolation.level": "read_committed",
            "log_level": 2,
        }
        self._consumer = Consumer(self._config)
        self._is_assigned = False

    def read_on(self) -> None:
        """Read what was committed when this was called; nothing while there is no such topic."""
        end = None
        try:
            _, end = self._consumer.get_watermark_offsets(self._place, timeout=5)
        except KafkaException:
            # A client that lost its broker may answer so for minutes, or for ever: see `ClientWatch`.
            self._consumer.close()
            self._consumer = Consumer(self._config)
            self._is_assigned = False
            return
        if not self._is_assigned:
            self._consumer.assign([self._place])
            self._is_assigned = True
        while True:
            message = self._consumer.poll(1)
            if message is None or message.error() is not None:
                break
            self.ids.append(int(message.key() or b""))
            self._place.offset = (message.offset() or 0) + 1
            self.messages.append(message)
            if end is not None and (message.offset() or 0) + 1 >= end:
                break


class Running:
    """A started `shotgun-producer run`."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._port: int | None = None

    @property
    def port(self) -> int:
        if self._port is None:
            self._port = int(self.process.wait_for_line(r"served on port (\d+)").group(1))
        return self._port

    def metric(self, name: str, **labels: str) -> float:
        """The sum of the samples of this name (without its prefix) and labels."""
        with urlopen(f"http://127.0.0.1:{self.port}/metrics", timeout=5) as answer:
            text = answer.read().decode()
        return sum(
            sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
            if sample.name == f"shotgun_producer_{name}" and labels.items() <= sample.labels.items()
        )

    def readiness(self) -> str:
        """What /readyz says."""
        try:
            with urlopen(f"http://127.0.0.1:{self.port}/readyz", timeout=5) as answer:
                text: str = answer.read().decode()
        except HTTPError as error:
            text = error.read().decode()
        return text.strip()

    def wait_active(self) -> None:
        wait_until(lambda: self.metric("active") == 1, message="the producer is active")

    def wait_for_decision(self) -> str:
        """Until it waits for a decision; what it says is to be decided."""
        wait_until(lambda: self.metric("waiting_for_decision") == 1, message="it waits for a decision")
        return wait_until(lambda: self.readiness() != "ready" and self.readiness())
