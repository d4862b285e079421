"""Site, broker and producer as processes of their own, and what can be read off them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar
from urllib.request import urlopen

import yaml
from prometheus_client.parser import text_string_to_metric_families

from shotgun_sandbox.site.admin_client import SiteAdmin

T = TypeVar("T")
BIN = Path(sys.executable).parent
DEADLINE = 900.0


def until(condition: Callable[[], T], what: str, seconds: float = DEADLINE, pause: float = 0.05) -> T:
    """The first true answer. Raises TimeoutError after `seconds`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        answer = condition()
        if answer:
            return answer
        time.sleep(pause)
    raise TimeoutError(f"not within {seconds:g} s: {what}")


@dataclass(frozen=True, slots=True)
class Site:
    """A simulated site in a process of its own."""

    url: str
    script_name: str
    api_key: str
    admin: SiteAdmin

    @property
    def login(self) -> dict[str, str]:
        """The section `shotgun` of a configuration."""
        return {"url": self.url, "script_name": self.script_name, "api_key": self.api_key}


@contextmanager
def site(**options: Any) -> Iterator[Site]:
    """A site with these options of `shotgun-sandbox site`, `_` for the dash."""
    words = [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", str(value))]
    process = subprocess.Popen([BIN / "shotgun-sandbox", "site", *words], stdout=subprocess.PIPE)
    try:
        assert process.stdout is not None
        ready = json.loads(process.stdout.readline())
        yield Site(ready["url"], ready["script_name"], ready["api_key"], SiteAdmin(ready["admin_url"]))
    finally:
        process.terminate()
        process.wait()


class Service:
    """A running `shotgun-producer` or `shotgun-consumer` and its metrics."""

    def __init__(self, command: str, pid: int, port: int) -> None:
        self.pid = pid
        self._prefix = command.replace("-", "_") + "_"
        self._url = f"http://127.0.0.1:{port}/metrics"

    def figures(self) -> dict[str, float]:
        """Every metric by name, and by name and each label's value; summed up. 0 for one that is not there yet."""
        with urlopen(self._url, timeout=30) as answer:
            text = answer.read().decode()
        figures: dict[str, float] = defaultdict(float)
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                name = sample.name.removeprefix(self._prefix)
                for key in (name, *(f"{name}.{value}" for value in sample.labels.values())):
                    figures[key] += sample.value
        return figures


@contextmanager
def service(command: str, values: Mapping[str, Any]) -> Iterator[Service]:
    """`<command> run` with this configuration, in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        config, output = Path(folder) / "stream.yaml", Path(folder) / "output"
        config.write_text(yaml.safe_dump({**values, "http": {"host": "127.0.0.1", "port": 0}}))
        with output.open("wb") as out:
            process = subprocess.Popen([BIN / command, "run", "--config", config], stdout=out, stderr=out)
        try:
            port = until(lambda: re.search(r"served on port (\d+)", output.read_text()), "it starts", 120)
            yield Service(command, process.pid, int(port.group(1)))
        finally:
            process.terminate()
            process.wait()


class Producer:
    """A `shotgun-producer run` of a topic."""

    def __init__(self, topic: str, running: Service) -> None:
        self.topic = topic
        self.figures = running.figures

    def wait_active(self) -> None:
        """Until it publishes."""
        until(lambda: self.figures()["active"] == 1, "the producer is active", 120)


@contextmanager
def producer(servers: str, site: Site, **options: Any) -> Iterator[Producer]:
    """A producer of a stream of its own; `options` are keys of the section `producer`."""
    topic = f"bench.{uuid.uuid4().hex[:8]}"
    values = {
        "shotgun": site.login,
        "kafka": {"bootstrap_servers": servers},
        "stream": {
            "topic": topic,
            "checkpoint_topic": f"{topic}.checkpoint",
            "control_topic": f"{topic}.control",
        },
        "producer": options,
    }
    with service("shotgun-producer", values) as running:
        yield Producer(topic, running)
