"""What tests share: waiting for a condition, a Kafka to talk to, and our commands as processes."""

from __future__ import annotations

import itertools
import json
import os
import re
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

import pytest
from confluent_kafka import Consumer, Message, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic

from shotgun_sandbox.broker import Broker

T = TypeVar("T")
PATIENCE = 120.0  # seconds: a deadline for what takes a second or two on an idle machine


def wait_until(predicate: Callable[[], T], timeout: float = PATIENCE, message: str = "") -> T:
    """Ask again and again until the answer is true, and return it. Fails the test when `timeout` seconds have passed.

    An exception of the predicate counts as "not yet" and is shown if it was the last answer.
    """
    deadline = time.monotonic() + timeout
    while True:
        problem: BaseException | None = None
        answer: T | None = None
        try:
            answer = predicate()
            if answer:
                return answer
        except Exception as error:  # noqa: BLE001 - whatever it is, it may heal before the deadline
            problem = error
        if time.monotonic() > deadline:
            what = message or getattr(predicate, "__name__", "condition")
            raise AssertionError(f"not within {timeout:g} s: {what}; last answer {answer!r}") from problem
        time.sleep(0.02)


def kafka_cannot_be_had(reason: str, environ: Mapping[str, str]) -> None:
    """See `cannot_be_had`."""
    cannot_be_had("Apache Kafka", reason, environ)


def cannot_be_had(what: str, reason: str, environ: Mapping[str, str]) -> None:
    """Skip the test with the reason; on CI fail instead, because there a skipped test proves nothing."""
    message = f"{what} cannot be had here: {reason}"
    if environ.get("CI", "").lower() in ("true", "1"):
        pytest.fail(message, pytrace=False)
    pytest.skip(message)


class Kafka:
    """The broker of the session, shared by all tests: each takes names of its own with `topic` and `group`."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self._admin: AdminClient | None = None

    @property
    def bootstrap_servers(self) -> str:
        return self.broker.bootstrap_servers

    @property
    def admin(self) -> AdminClient:
        if self._admin is None:
            self._admin = AdminClient({"bootstrap.servers": self.bootstrap_servers, "log_level": 2})
        return self._admin

    def topic(self, name: str) -> str:
        """A name that no other test has: of a topic, a group or a transactional id."""
        return f"{name}.{uuid.uuid4().hex[:10]}"

    group = topic

    def create_topic(self, name: str, partitions: int = 1, **settings: str) -> str:
        """Create a topic under a unique name and return that; `settings` with _ for the dot."""
        topic = self.topic(name)
        config = {key.replace("_", "."): value for key, value in settings.items()}
        new = NewTopic(topic, num_partitions=partitions, replication_factor=1, config=config)
        self.admin.create_topics([new])[topic].result(PATIENCE)
        # The controller knows the topic before the broker does.
        wait_until(
            lambda: len(self.admin.list_topics(topic, timeout=5).topics[topic].partitions) == partitions,
            message=f"topic {topic} is there",
        )
        return topic

    def read(self, topic: str, isolation: str = "read_committed") -> list[Message]:
        """All records of the topic up to its present end, partition by partition."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.bootstrap_servers,
                "group.id": self.group("reader"),
                "enable.auto.commit": False,
                "enable.partition.eof": True,
                "isolation.level": isolation,
                "log_level": 2,
            }
        )
        try:
            partitions = sorted(consumer.list_topics(topic, timeout=PATIENCE).topics[topic].partitions)
            consumer.assign([TopicPartition(topic, number, 0) for number in partitions])
            records: dict[int, list[Message]] = {number: [] for number in partitions}
            open_partitions, deadline = set(partitions), time.monotonic() + PATIENCE
            while open_partitions:
                assert time.monotonic() < deadline, f"{topic} could not be read to its end"
                message = consumer.poll(1)
                if message is None:
                    continue
                error = message.error()
                if error is None:
                    records[message.partition()].append(message)
                elif error.name() == "_PARTITION_EOF":
                    open_partitions.discard(message.partition())
                else:
                    raise AssertionError(error.str())
            return [record for number in partitions for record in records[number]]
        finally:
            consumer.close()


class Process:
    """A command that runs beside the test. Its output goes to files; the test reads it from there."""

    _numbers = itertools.count()

    def __init__(
        self, command: Sequence[str], folder: Path, env: Mapping[str, str] | None, cwd: Path | None
    ) -> None:
        own = Path(sys.executable).parent / command[0]
        self.command = [str(own) if own.exists() else command[0], *command[1:]]
        stem = f"{next(self._numbers)}-{Path(command[0]).name}"
        self.stdout_file, self.stderr_file = folder / f"{stem}.out", folder / f"{stem}.err"
        with self.stdout_file.open("wb") as out, self.stderr_file.open("wb") as err:
            self._popen = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=cwd,
                env={**os.environ, "PYTHONUNBUFFERED": "1", **(env or {})},
            )

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def returncode(self) -> int | None:
        """The exit code, negative for a signal; None while it runs."""
        return self._popen.poll()

    @property
    def stdout(self) -> str:
        return self.stdout_file.read_text("utf-8", "replace")

    @property
    def stderr(self) -> str:
        return self.stderr_file.read_text("utf-8", "replace")

    def wait_for_line(self, pattern: str, timeout: float = PATIENCE) -> re.Match[str]:
        """Wait until a whole line of either output matches the regular expression somewhere; fails if it ends first."""
        return self._wait_for(lambda: self._search(pattern), timeout, f"a line with {pattern!r}")

    def wait_for_json(self, timeout: float = PATIENCE) -> dict[str, Any]:
        """Wait for the first line of standard output that is a JSON object, and return that."""
        return self._wait_for(self._first_json, timeout, "a line of JSON")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        self._popen.send_signal(number)

    def wait(self, timeout: float = PATIENCE) -> int:
        """Wait for the end; the exit code. Fails the test when it still runs after `timeout` seconds."""
        try:
            return self._popen.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError(f"still runs after {timeout:g} s: {self.describe()}") from None

    def terminate(self, timeout: float = PATIENCE) -> int:
        """SIGTERM, then wait for the end; the exit code."""
        self._popen.terminate()
        return self.wait(timeout)

    def kill(self) -> int:
        """SIGKILL, then wait for the end."""
        self._popen.kill()
        return self.wait()

    def describe(self) -> str:
        """The command and the end of what it said."""
        tail = "\n".join([*self.stdout.splitlines()[-40:], "--- stderr", *self.stderr.splitlines()[-60:]])
        return f"{' '.join(self.command)} (pid {self.pid}, exit code {self.returncode})\n--- stdout\n{tail}"

    def _wait_for(self, look: Callable[[], T | None], timeout: float, what: str) -> T:
        def found_or_ended() -> T | bool | None:
            ended = self.returncode is not None  # before the look: what it said last is still seen
            return look() or ended

        try:
            found = wait_until(found_or_ended, timeout, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from None
        if found is True:
            raise AssertionError(f"ended before {what}: {self.describe()}")
        return found  # type: ignore[return-value]

    def _search(self, pattern: str) -> re.Match[str] | None:
        for text in (self.stdout, self.stderr):
            for line in text.splitlines(keepends=True):
                found = re.search(pattern, line)
                if found and line.endswith("\n"):
                    return found
        return None

    def _first_json(self) -> dict[str, Any] | None:
        for line in self.stdout.splitlines(keepends=True):
            if line.startswith("{") and line.endswith("\n"):
                parsed: dict[str, Any] = json.loads(line)
                return parsed
        return None
