"""What idle plugins cost, what a slow one fetches, and what a second process brings."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

from producer_bench.stage import Service, until

from shotgun_sandbox.broker import Broker

from .stage import NOOP, SLOW, consumer, new_topic


def idle(servers: str, plugins: int, seconds: float) -> dict[str, Any]:
    """Plugins without anything to do: CPU of a core in percent, memory and threads of the process.

    Beside it, what as many plain consumers take that nothing is done with.
    """
    topic = new_topic(servers, 1)
    raw = _raw_idle(servers, topic, plugins, seconds)
    texts = {f"plugin_{number}": NOOP.format(event_filter="None") for number in range(plugins)}
    with consumer(servers, topic, texts) as running:
        until(lambda: running.figures()["events_total.succeeded"] >= plugins, "all have had the event", 300)
        time.sleep(15)
        # Not from /metrics: to be asked for them is not idle.
        before, started = _cpu_seconds(running), time.monotonic()
        time.sleep(seconds)
        used, ended = _cpu_seconds(running) - before, time.monotonic()
        return {
            "plugins": plugins,
            "cpu_percent": round(used / (ended - started) * 100, 2),
            "plain_consumers_percent": raw,
            "rss_mb": round(running.figures()["process_resident_memory_bytes"] / 2**20),
            "threads": _threads(running),
        }


def fetched(broker: Broker, events: int, slow_events: int) -> dict[str, Any]:
    """Bytes that a plugin of 50 ms has received after some events of a long backlog, as a multiple of the log."""
    topic = new_topic(broker.bootstrap_servers, events)
    log = sum(file.stat().st_size for file in Path(broker.data).rglob(f"{topic}-0/*.log"))
    with consumer(broker.bootstrap_servers, topic, {"slow": SLOW.format(seconds=0.05)}) as running:
        until(lambda: running.figures()["events_total.succeeded"] >= slow_events, "it has worked")
        time.sleep(22)  # librdkafka tells every twenty seconds
        received = running.figures()["kafka_received_bytes_total"]
    return {"log_kb": log // 1024, "received_kb": round(received / 1024), "times": round(received / log, 2)}


def members(servers: str, events: int) -> list[dict[str, Any]]:
    """Two partitions, read by one process and by two: events a second of a plugin that does nothing."""
    return [
        {"processes": count, "events_per_second": round(_together(servers, events, count))}
        for count in (1, 2)
    ]


def _together(servers: str, events: int, count: int) -> float:
    topic, team = new_topic(servers, events, partitions=2), f"t{uuid.uuid4().hex[:8]}"
    text = {"noop": NOOP.format(event_filter="None")}
    with contextlib.ExitStack() as stack:
        everyone = [stack.enter_context(consumer(servers, topic, text, team=team)) for _ in range(count)]

        def ended() -> float:
            return sum(one.figures()["events_total.succeeded"] for one in everyone)

        def shares() -> list[float]:
            return [one.figures()["assigned_partitions"] for one in everyone]

        until(lambda: shares() == [2 / count] * count, "the partitions are shared out", pause=0.02)
        first, started = ended(), time.perf_counter()
        until(lambda: ended() >= events, "all events have ended")
        return (events - first) / (time.perf_counter() - started)


def _raw_idle(servers: str, topic: str, count: int, seconds: float) -> float:
    words = (sys.executable, "-m", "consumer_bench.raw_idle", servers, topic, str(count), str(seconds))
    folder = Path(__file__).parents[1]
    return float(subprocess.run(words, cwd=folder, check=True, stdout=subprocess.PIPE).stdout)


def _cpu_seconds(running: Service) -> float:
    fields = Path(f"/proc/{running.pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _threads(running: Service) -> int:
    return len(list(Path(f"/proc/{running.pid}/task").iterdir()))
