"""Events a second of the whole consumer with a plugin that does nothing, as a ratio to a raw loop.

The raw loop reads the same topic with one confluent consumer, decodes, makes the client's view, and commits nothing.
Both are measured in this run, in turns, on a broker that this command starts. With the default of 50 unacknowledged
events, a plugin that does nothing waits for Kafka's answers; with 1,000 the work itself shows.
Run: python benchmarks/consumer.py
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import tempfile
import threading
import time
import uuid
from pathlib import Path

from confluent_kafka import Consumer, Producer, TopicPartition
from prometheus_client import CollectorRegistry

from shotgun_consumer.client_view import ClientView
from shotgun_consumer.service import ConsumerService
from shotgun_runtime.health import Health
from shotgun_runtime.kafka import admin
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Shutdown
from shotgun_runtime.topics import TopicSpec, ensure_topics
from shotgun_sandbox.broker import Broker
from shotgun_schemas.codec import FINGERPRINT, Decoder, encode
from shotgun_schemas.event import Event
from shotgun_schemas.headers import event_headers
from shotgun_schemas.topics import EVENTS_SETTINGS

TOPIC = "shotgun.events"
BOUNDS = (50, 1000)
PLUGIN = """
def registerCallbacks(reg):
    reg.registerCallback(None, None, nothing)
def nothing(sg, logger, event, args):
    pass
"""


def event(number: int) -> Event:
    return Event(
        {
            "type": "EventLogEntry",
            "id": number,
            "event_type": "Shotgun_Task_Change",
            "attribute_name": "sg_status_list",
            "description": "somebody changed 'Status' from 'wtg' to 'ip' on Task 'Animation'",
            "meta": {
                "type": "attribute_change",
                "attribute_name": "sg_status_list",
                "entity_type": "Task",
                "entity_id": number % 997,
                "field_data_type": "status_list",
                "old_value": "wtg",
                "new_value": "ip",
            },
            "entity": {"type": "Task", "id": number % 997, "name": "Animation"},
            "user": {"type": "HumanUser", "id": 34, "name": "Some Body"},
            "project": {"type": "Project", "id": 70, "name": "Demo"},
            "session_uuid": "0f9d1a7e-c5ab-11f0-8de9-0242ac110002",
            "created_at": "2026-01-21T19:47:33Z",
        }
    )


def publish(servers: str, events: int) -> None:
    producer = Producer({"bootstrap.servers": servers, "transactional.id": "bench", "linger.ms": 5})
    producer.init_transactions()
    for first in range(1, events + 1, 500):
        producer.begin_transaction()
        for number in range(first, min(first + 500, events + 1)):
            one = event(number)
            headers = event_headers(one, site="http://127.0.0.1:9", schema=FINGERPRINT)
            producer.produce(TOPIC, key=str(number).encode(), value=encode(one), headers=headers)
        producer.commit_transaction()


def raw_loop(servers: str, events: int) -> float:
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"raw-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.assign([TopicPartition(TOPIC, 0, 0)])
    decoder, view, seen, started = Decoder(), ClientView(), 0, 0.0
    while seen < events:
        for message in consumer.consume(500, 1.0):
            started = started or time.perf_counter()
            decoded = decoder.decode(message.value(), topic=TOPIC, partition=0, offset=message.offset())
            view.event(decoded.row)
            seen += 1
    seconds = time.perf_counter() - started
    consumer.close()
    return events / seconds


def whole_consumer(servers: str, events: int, folder: Path, max_uncommitted: int) -> float:
    settings = Settings.model_validate(
        {
            "shotgun": {"url": "http://127.0.0.1:9", "script_name": "bench", "api_key": "bench"},
            "kafka": {"bootstrap_servers": servers, "consumer_properties": {"fetch.wait.max.ms": "200"}},
            "consumer": {
                "team": f"t{uuid.uuid4().hex[:8]}",
                "plugin_paths": [str(folder)],
                "start": "earliest",
                "max_uncommitted": max_uncommitted,
            },
        }
    )
    registry, shutdown = CollectorRegistry(), Shutdown(30)
    service = ConsumerService(settings, shutdown, Health(), registry)
    thread = threading.Thread(target=service.run, args=(service.load(),))
    thread.start()

    def done(outcome: str = "succeeded") -> float:
        labels = {"group": f"{settings.consumer.team}.noop", "plugin": "noop", "outcome": outcome}
        return registry.get_sample_value("shotgun_consumer_events_total", labels) or 0.0

    while done() == 0:
        time.sleep(0.01)
    first, started = done(), time.perf_counter()
    while done() < events:
        time.sleep(0.05)
    seconds = time.perf_counter() - started
    shutdown.request("measured")
    thread.join()
    return (events - first) / seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING)
    with Broker() as broker, tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "noop.py").write_text(PLUGIN)
        servers = broker.bootstrap_servers
        client = admin(Settings.model_validate({"kafka": {"bootstrap_servers": servers}}))
        ensure_topics(client, [TopicSpec(TOPIC, 1, EVENTS_SETTINGS)], 1)
        publish(servers, options.events)
        rounds: list[dict[str, float]] = []
        for _ in range(options.rounds):
            figures = {"raw": raw_loop(servers, options.events)}
            for bound in BOUNDS:
                figures[f"consumer, max_uncommitted={bound}"] = whole_consumer(
                    servers, options.events, Path(folder), bound
                )
            rounds.append(figures)
    medians = {name: statistics.median(figures[name] for figures in rounds) for name in rounds[0]}
    result = {
        name: {"events_per_second": round(figure), "ratio": round(figure / medians["raw"], 2)}
        for name, figure in medians.items()
    }
    if options.json:
        print(json.dumps(result))
        return
    for name, figures in result.items():
        print(f"{name:32} {figures['events_per_second']:9,.0f} events/s   ratio {figures['ratio']:.2f}")


if __name__ == "__main__":
    main()
