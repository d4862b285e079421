"""What the consumer's tests on a real broker share: a stream of events, plugins that take notes, and readings."""

from __future__ import annotations

import json
import subprocess
import sys
import textwrap
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml
from confluent_kafka import ConsumerGroupTopicPartitions, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec
from prometheus_client.parser import text_string_to_metric_families
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_consumer.cli import commands
from shotgun_consumer.positions.marks import Marks, decode_marks
from shotgun_runtime.cli import run_cli
from shotgun_runtime.log import close_logging
from shotgun_schemas import codec
from shotgun_schemas.event import Event
from shotgun_schemas.headers import event_headers
from shotgun_schemas.topics import EVENTS_SETTINGS

SITE = "http://127.0.0.1:9"

NOTE = """
    import time
    def registerCallbacks(reg):
        reg.registerCallback(None, None, note, {filter})
    def note(sg, logger, event, args):
        with open({path!r}, "a", buffering=1) as notes:
            notes.write(f"{{event['id']}}\\n")
        time.sleep({work})
"""


def event(number: int, event_type: str = "Shotgun_Task_Change", **fields: Any) -> Event:
    """One row of an event log."""
    row = {
        "type": "EventLogEntry",
        "id": number,
        "event_type": event_type,
        "attribute_name": "sg_status_list",
        "meta": {"type": "attribute_change", "old_value": "wtg", "new_value": "ip"},
        "entity": {"type": "Task", "id": number % 50, "name": f"task {number % 50}"},
        "user": {"type": "HumanUser", "id": 1, "name": "somebody"},
        "project": {"type": "Project", "id": 70, "name": "demo"},
        "session_uuid": None,
        "created_at": "2026-01-21T19:47:33Z",
    }
    return Event({**row, **fields})


class EventStream:
    """A topic of its own on the shared broker, written as the producer does: a transaction for each page."""

    def __init__(self, kafka: Kafka, partitions: int = 1) -> None:
        self.kafka = kafka
        self.partitions = partitions
        settings = {key.replace(".", "_"): value for key, value in EVENTS_SETTINGS.items()}
        self.topic = kafka.create_topic("events", partitions, **settings)
        self.control_topic = kafka.topic("control")
        self.dead_letter_topic = kafka.topic("dead-letters")
        self.producer = Producer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "transactional.id": kafka.topic("writer"),
                "message.max.bytes": 9 * 1024 * 1024,
                "log_level": 2,
            }
        )
        self.producer.init_transactions(PATIENCE)

    def publish(self, events: Iterable[Event], page: int = 500, **headers: str) -> None:
        """Write events; `headers` are added to each."""
        pending = list(events)
        for first in range(0, len(pending), page):
            self.producer.begin_transaction()
            for one in pending[first : first + page]:
                value = codec.encode(one)
                self.write(one.id, value, [*_headers(one), *((k, v.encode()) for k, v in headers.items())])
            self.producer.commit_transaction(PATIENCE)

    def publish_at(self, one: Event, timestamp: float) -> None:
        """Write one event whose record has this time, in seconds since 1970."""
        self.producer.begin_transaction()
        self.write(one.id, codec.encode(one), _headers(one), timestamp)
        self.producer.commit_transaction(PATIENCE)

    def publish_raw(self, number: int, value: bytes, headers: list[tuple[str, bytes]]) -> None:
        """Write one record as it is."""
        self.producer.begin_transaction()
        self.write(number, value, headers)
        self.producer.commit_transaction(PATIENCE)

    def write(
        self, number: int, value: bytes, headers: list[tuple[str, bytes]], timestamp: float = 0
    ) -> None:
        """Put one record into the open transaction."""
        if len(self.producer) > 10_000:
            self.producer.flush(PATIENCE)
        self.producer.produce(
            self.topic,
            key=str(number).encode(),
            value=value,
            headers=headers,  # type: ignore[arg-type]
            partition=number % self.partitions,
            timestamp=int(timestamp * 1000),
        )

    def set_position(self, group: str, offset: int, metadata: str = "", partition: int = 0) -> None:
        """Commit for a group without members. Waits until the group's coordinator, which may be new, takes it."""
        pair = TopicPartition(self.topic, partition, offset, metadata)
        request = ConsumerGroupTopicPartitions(group, [pair])

        def accepted() -> bool:
            answer = self.kafka.admin.alter_consumer_group_offsets([request])[group].result(PATIENCE)
            return all(one.error is None for one in answer.topic_partitions)

        wait_until(accepted, message=f"the position of {group} is set")

    def committed(self, group: str) -> dict[int, int]:
        """The group's committed offsets."""
        asked = ConsumerGroupTopicPartitions(
            group, [TopicPartition(self.topic, p) for p in range(self.partitions)]
        )
        future = self.kafka.admin.list_consumer_group_offsets([asked])[group]
        return {pair.partition: pair.offset for pair in future.result(PATIENCE).topic_partitions}

    def marks(self, group: str) -> dict[int, Marks | None]:
        """What was committed with the group's offsets."""
        asked = ConsumerGroupTopicPartitions(
            group, [TopicPartition(self.topic, p) for p in range(self.partitions)]
        )
        future = self.kafka.admin.list_consumer_group_offsets([asked])[group]
        pairs = future.result(PATIENCE).topic_partitions
        return {pair.partition: decode_marks(pair.offset, pair.metadata) for pair in pairs}

    def ends(self) -> dict[int, int]:
        """The end of each partition."""
        pairs = {TopicPartition(self.topic, p): OffsetSpec.latest() for p in range(self.partitions)}
        return {
            pair.partition: f.result(PATIENCE).offset
            for pair, f in self.kafka.admin.list_offsets(pairs).items()
        }

    def wait_for_no_lag(self, *groups: str) -> None:
        """Wait until the groups' positions are the ends of the partitions, markers included."""
        for group in groups:
            # The end is asked for each time: a transaction's marker is written a moment after its commit.
            wait_until(
                lambda group=group: self.committed(group) == self.ends(),  # type: ignore[misc]
                message=f"{group} has no lag",
            )


def _headers(one: Event) -> list[tuple[str, bytes]]:
    return event_headers(one, site=SITE, schema=codec.FINGERPRINT)


class Team:
    """A folder of plugins with its configuration, and the processes that run it."""

    def __init__(
        self, folder: Path, stream: EventStream, spawn: Callable[..., Process], name: str = "anim"
    ) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        self.name = name
        self.stream = stream
        self.consumer_properties = {
            "session.timeout.ms": "6000",
            "heartbeat.interval.ms": "500",
            "fetch.wait.max.ms": "200",
        }
        self._spawn = spawn

    def group(self, plugin: str) -> str:
        return f"{self.prefix}{self.name}.{plugin}"

    @property
    def prefix(self) -> str:
        return f"{self.stream.topic.rpartition('.')[2]}."

    def plugin(self, name: str, text: str) -> None:
        """Write a plugin."""
        (self.folder / f"{name}.py").write_text(textwrap.dedent(text), "utf-8")

    def note_taker(self, name: str, match_events: Any = None, work: float = 0) -> None:
        """Write a plugin that notes the id of each event that it gets, and then works for so many seconds."""
        self.plugin(
            name, NOTE.format(filter=match_events, path=str(self.folder / f"{name}.notes"), work=work)
        )

    def notes(self, name: str) -> list[int]:
        """What a note taker has noted."""
        path = self.folder / f"{name}.notes"
        return [int(line) for line in path.read_text().splitlines()] if path.exists() else []

    def counts(self, name: str) -> Counter[int]:
        """How often each event was noted."""
        return Counter(self.notes(name))

    def config(self, **consumer: Any) -> Path:
        """Write the configuration."""
        path = self.folder / "stream.yaml"
        settings: Mapping[str, Any] = {
            "shotgun": {"url": SITE, "script_name": "script", "api_key": "a-secret-key"},
            "kafka": {
                "bootstrap_servers": self.stream.kafka.bootstrap_servers,
                "consumer_properties": self.consumer_properties,
            },
            "stream": {
                "topic": self.stream.topic,
                "control_topic": self.stream.control_topic,
                "dead_letter_topic": self.stream.dead_letter_topic,
            },
            "consumer": {
                "team": self.name,
                "group_prefix": self.prefix,
                "plugin_paths": [str(self.folder)],
                "start": "earliest",
                **consumer,
            },
            "http": {"host": "127.0.0.1", "port": 0},
            "shutdown_timeout": "20s",
        }
        path.write_text(yaml.safe_dump(settings))
        return path

    def command(
        self, *arguments: str, stdin: int = subprocess.DEVNULL, **consumer: Any
    ) -> subprocess.CompletedProcess[str]:
        """Run another command of `shotgun-consumer` with this configuration, to its end."""
        own = Path(sys.executable).with_name("shotgun-consumer")
        return subprocess.run(
            [str(own), *arguments, "--config", str(self.config(**consumer))],
            capture_output=True,
            stdin=stdin,
            text=True,
            timeout=PATIENCE,
            check=False,
        )

    def run(self, *arguments: str, **consumer: Any) -> Member:
        """Start a consumer process."""
        command = ["shotgun-consumer", "run", "--config", str(self.config(**consumer)), *arguments]
        return Member(self._spawn(command, cwd=self.folder))


class Member:
    """A running `shotgun-consumer run`."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self._port: str | None = None

    @property
    def port(self) -> str:
        if self._port is None:
            self._port = self.process.wait_for_line(r"served on port (\d+)").group(1)
        return self._port

    def get(self, path: str) -> tuple[int, str]:
        """Ask the status endpoint."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def wait_ready(self) -> Member:
        wait_until(lambda: self.get("/readyz")[0] == 200, message="the consumer is ready")
        return self

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's series with these labels."""
        total = 0.0
        for family in text_string_to_metric_families(self.get("/metrics")[1]):
            for sample in family.samples:
                if sample.name == f"shotgun_consumer_{name}" and labels.items() <= sample.labels.items():
                    total += sample.value
        return total


def control_records(kafka: Kafka, topic: str) -> dict[str, Any]:
    """The newest value of each control record."""
    records: dict[str, Any] = {}
    for message in kafka.read(topic):
        key, value = message.key(), message.value()
        records[key.decode()] = None if value is None else json.loads(value)
    return records


class Commands:
    """Our commands, run in this process on the team's configuration."""

    def __init__(self, team: Team, capsys: pytest.CaptureFixture[str]) -> None:
        self._team = team
        self._capsys = capsys

    def __call__(self, *arguments: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        self._capsys.readouterr()
        try:
            with pytest.raises(SystemExit) as ended:
                run_cli(commands, [*arguments, "--config", str(self._team.config())])
        finally:
            close_logging()
        said = self._capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    def json(self, *arguments: str) -> Any:
        """What a command prints as JSON."""
        code, out, err = self(*arguments, "--json")
        assert code == 0, err
        return json.loads(out)

    def letters(self, *arguments: str) -> list[dict[str, Any]]:
        """What a command about dead letters prints as JSON."""
        found: list[dict[str, Any]] = self.json("dead-letters", *arguments)
        return found

    def listed(self, *arguments: str) -> list[int]:
        """The events of the listed letters."""
        return [one["event"] for one in self.letters("list", *arguments)]
