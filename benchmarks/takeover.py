"""Seconds from a signal to the active producer until the one that stood by publishes, and as a ratio to the session.

Two producers, a real Kafka, and a site that takes 170 ms for an answer, as a real one does. In each round the active
one gets SIGTERM or SIGKILL; measured is when the other one shows `active` = 1 and when its first transaction is
committed. Then another one is started to stand by.
Run: python benchmarks/takeover.py
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.request import urlopen

import yaml

from shotgun_producer.election import SESSION_MS
from shotgun_sandbox.broker import Broker
from shotgun_sandbox.site import SandboxSite, SiteOptions

PATIENCE = 120.0
SIGNALS = {"SIGTERM": signal.SIGTERM, "SIGKILL": signal.SIGKILL}


class Instance:
    """A started `shotgun-producer run` whose metrics can be read."""

    def __init__(self, config: Path, log: Path) -> None:
        self._log = log
        command = [sys.executable, "-m", "shotgun_producer", "run", "--config", str(config)]
        with log.open("wb") as out:
            self.process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        self._port = wait(lambda: re.search(r"served on port (\d+)", self.said()), "its port").group(1)

    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")

    def metric(self, sample: str) -> float:
        with (
            contextlib.suppress(OSError),
            urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=5) as answer,
        ):
            for line in answer.read().decode().splitlines():
                if line.startswith(f"shotgun_producer_{sample} "):
                    return float(line.rpartition(" ")[2])
        return 0.0

    def is_active(self) -> bool:
        return self.metric("active") == 1

    def has_published(self) -> bool:
        return self.metric('transactions_total{outcome="committed"}') > 0

    def end(self) -> None:
        self.process.kill()
        self.process.wait()


def wait(look: Callable[[], re.Match[str] | bool | None], what: str) -> re.Match[str]:
    """Asks every 10 ms until the answer is true."""
    deadline = time.monotonic() + PATIENCE
    while not (found := look()):
        if time.monotonic() > deadline:
            sys.exit(f"waited {PATIENCE:g} s in vain for {what}")
        time.sleep(0.01)
    return found  # type: ignore[return-value]


def configuration(site: SandboxSite, broker: Broker) -> str:
    return yaml.safe_dump(
        {
            "shotgun": {"url": site.url, "script_name": site.script_name, "api_key": site.api_key},
            "kafka": {"bootstrap_servers": broker.bootstrap_servers},
            "stream": {"topic": "events"},
            "producer": {"start": "latest"},
            "http": {"host": "127.0.0.1", "port": 0},
        }
    )


def takeovers(folder: Path, rounds: int) -> Iterator[tuple[str, float, float]]:
    """For each round of each signal: its name, seconds to `active`, seconds to the first transaction."""
    with Broker() as broker, SandboxSite(SiteOptions(events=5_000, rate=20, latency=0.17)) as site:
        config = folder / "stream.yaml"
        config.write_text(configuration(site, broker))
        started: list[Instance] = []

        def start() -> Instance:
            started.append(Instance(config, folder / f"{len(started)}.log"))
            return started[-1]

        try:
            active = start()
            wait(active.has_published, "the first transaction")
            for name, number in [(name, number) for name, number in SIGNALS.items() for _ in range(rounds)]:
                standby = start()
                wait(lambda one=standby: "Standing by" in one.said(), "the standby")  # type: ignore[misc]
                settle(active)
                begun = time.monotonic()
                active.process.send_signal(number)
                wait(standby.is_active, "the takeover")
                to_active = time.monotonic() - begun
                wait(standby.has_published, "the first transaction after the takeover")
                yield name, to_active, time.monotonic() - begun
                active.process.wait()
                active = standby
        finally:
            for one in started:
                one.end()


def settle(active: Instance) -> None:
    """Until the election has taken note of the new member: some heartbeats, told by what is polled meanwhile."""
    polls = active.metric('polls_total{outcome="rows"}')
    wait(lambda: active.metric('polls_total{outcome="rows"}') > polls + 3, "some polls")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in SIGNALS}
    with tempfile.TemporaryDirectory() as folder:
        for name, *times in takeovers(Path(folder), options.rounds):
            seconds[name].append((times[0], times[1]))
    result = {
        f"{name} to {what}": {
            "p50": round(statistics.median(figures), 2),
            "max": round(max(figures), 2),
            "max_to_session": round(max(figures) * 1000 / SESSION_MS, 2),
        }
        for name, rounds in seconds.items()
        for what, figures in zip(("active", "first transaction"), zip(*rounds, strict=True), strict=True)
    }
    if options.json:
        print(json.dumps(result))
        return
    for what, figures in result.items():
        print(
            f"{what:30} p50 {figures['p50']:5.2f} s   max {figures['max']:5.2f} s   "
            f"max to session {figures['max_to_session']:.2f}"
        )


if __name__ == "__main__":
    main()
