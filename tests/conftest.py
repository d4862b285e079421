"""Fixtures for all tests. `support.py` beside this file holds what they hand out."""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from support import Kafka, Process, kafka_cannot_be_had

from shotgun_runtime.errors import StreamError
from shotgun_runtime.log import close_logging
from shotgun_sandbox.broker import Broker
from shotgun_sandbox.broker.jars import class_path
from shotgun_sandbox.broker.java import find_java
from shotgun_sandbox.broker.properties import NO_PROPERTIES

_FAILED = pytest.StashKey[bool]()


def pytest_configure() -> None:
    """Ctrl-C reaches what the tests start, also when a shell runs them in its background, where it is ignored."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
    report = yield
    item.stash[_FAILED] = item.stash.get(_FAILED, False) or report.failed
    return report


@pytest.fixture
def logging_put_back() -> Iterator[None]:
    """Whatever the test makes of the root logger is undone: commands set it up for a whole process."""
    level = logging.getLogger().level
    yield
    close_logging()
    logging.getLogger().setLevel(level)


@pytest.fixture(scope="session")
def kafka_installation() -> None:
    """Java and Kafka's jars are here. Fetching them the first time takes about 20 seconds."""
    try:
        find_java(os.environ)
        class_path(os.environ, sys.stderr.write)
    except StreamError as error:
        kafka_cannot_be_had(str(error), os.environ)


@pytest.fixture(scope="session")
def kafka(kafka_installation: None) -> Iterator[Kafka]:
    """The one Apache Kafka of this run, for every test that does not stop its broker."""
    with Broker() as broker:
        yield Kafka(broker)


@pytest.fixture
def own_broker(kafka_installation: None, request: pytest.FixtureRequest) -> Iterator[Callable[..., Broker]]:
    """Starts a broker for this test alone, which may kill, pause and restart it.

    `own_broker(data=None, port=0, properties={})`: folder, port, and settings of the broker by Kafka's names.
    """
    brokers: list[Broker] = []

    def start(
        data: Path | None = None, port: int = 0, properties: Mapping[str, str] = NO_PROPERTIES
    ) -> Broker:
        broker = Broker(data, port=port, properties=properties)
        brokers.append(broker)
        broker.start()
        return broker

    yield start
    for broker in brokers:
        if request.node.stash.get(_FAILED, False):
            request.node.add_report_section(
                "teardown", f"log of {broker.bootstrap_servers}", broker.log_tail(40)
            )
        broker.close()


@pytest.fixture
def spawn(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Callable[..., Process]]:
    """Starts one of our commands beside the test: `spawn(["shotgun-producer", "run"], env={...}, cwd=...)`.

    What still runs at the end is killed. If the test failed, what each of them said is shown.
    """
    processes: list[Process] = []
    folder = tmp_path / "spawned"
    folder.mkdir()

    def start(
        command: Sequence[str], env: Mapping[str, str] | None = None, cwd: Path | None = None
    ) -> Process:
        process = Process(command, folder, env, cwd)
        processes.append(process)
        return process

    yield start
    for process in processes:
        process.kill()
        if request.node.stash.get(_FAILED, False):
            request.node.add_report_section("teardown", "output", process.describe())
