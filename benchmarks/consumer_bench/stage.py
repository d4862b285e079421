"""A topic full of events, the consumer as a process of its own, and the raw loop that it is compared with."""

from __future__ import annotations

import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import shotgun_api3
from confluent_kafka import Consumer, Producer, TopicPartition
from producer_bench.stage import Service, service, until

from shotgun_consumer.running.client_view import ClientView
from shotgun_runtime.kafka import admin
from shotgun_runtime.settings import Settings
from shotgun_runtime.topics import TopicSpec, ensure_topics
from shotgun_schemas.codec import FINGERPRINT, Decoder, encode
from shotgun_schemas.event import Event
from shotgun_schemas.headers import event_headers
from shotgun_schemas.topics import EVENTS_SETTINGS

Convert = Callable[[Mapping[str, Any]], dict[str, Any]]

NOOP = """
def registerCallbacks(reg):
    reg.registerCallback(None, None, nothing, {event_filter})
def nothing(sg, logger, event, args):
    pass
"""
SLOW = """
import time
def registerCallbacks(reg):
    reg.registerCallback(None, None, slow)
def slow(sg, logger, event, args):
    time.sleep({seconds})
"""
AWAITED = """
import asyncio
from shotgun_consumer import on
@on(concurrency={at_once})
async def slow(context):
    await asyncio.sleep({seconds})
"""


def event(number: int, entities: int) -> Event:
    """One event of a usual size; `entities` tasks take turns."""
    task = {"type": "Task", "id": number % entities, "name": "Animation"}
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
                "entity_id": number % entities,
                "field_data_type": "status_list",
                "old_value": "wtg",
                "new_value": "ip",
            },
            "entity": task,
            "user": {"type": "HumanUser", "id": 34, "name": "Some Body"},
            "project": {"type": "Project", "id": 70, "name": "Demo"},
            "session_uuid": "0f9d1a7e-c5ab-11f0-8de9-0242ac110002",
            "created_at": "2026-01-21T19:47:33Z",
        }
    )


def new_topic(servers: str, events: int, *, entities: int = 997, partitions: int = 1) -> str:
    """A topic with so many events, 500 a transaction, as the producer publishes them."""
    topic = f"bench.{uuid.uuid4().hex[:8]}"
    client = admin(Settings.model_validate({"kafka": {"bootstrap_servers": servers}}))
    ensure_topics(client, [TopicSpec(topic, partitions, EVENTS_SETTINGS)], 1)
    producer = Producer({"bootstrap.servers": servers, "transactional.id": topic, "compression.type": "zstd"})
    producer.init_transactions()
    for first in range(1, events + 1, 500):
        producer.begin_transaction()
        for number in range(first, min(first + 500, events + 1)):
            one = event(number, entities)
            headers = event_headers(one, site="http://127.0.0.1:9", schema=FINGERPRINT)
            key = str(number).encode()
            producer.produce(
                topic, key=key, value=encode(one), headers=headers, partition=number % partitions
            )
        producer.commit_transaction()
    return topic


def client_conversion() -> Convert:
    """The client's own way from a row to the dict that it returns: what whoever writes such a loop by hand has."""
    client = shotgun_api3.Shotgun("http://localhost", connect=False)
    return lambda row: client._parse_records([client._transform_inbound(dict(row))])[0]


def raw_loop(servers: str, topic: str, events: int, convert: Convert | None = None) -> float:
    """Events a second of one consumer that reads, decodes, makes the client's dict, and commits nothing.

    That dict is made as the consumer makes it, unless `convert` does.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": servers,
            "group.id": f"raw-{uuid.uuid4()}",
            "enable.auto.commit": False,
            "isolation.level": "read_committed",
        }
    )
    consumer.assign([TopicPartition(topic, 0, 0)])
    decoder, seen, started = Decoder(), 0, 0.0
    convert = convert or ClientView().event
    while seen < events:
        for message in consumer.consume(500, 1.0):
            started = started or time.perf_counter()
            decoded = decoder.decode(message.value(), topic=topic, partition=0, offset=message.offset())
            convert(decoded.row)
            seen += 1
    seconds = time.perf_counter() - started
    consumer.close()
    return events / seconds


@contextmanager
def consumer(
    servers: str, topic: str, texts: dict[str, str], team: str = "", **options: Any
) -> Iterator[Service]:
    """A consumer of these plugins, by name, in a team of its own; `options` are keys of the section `consumer`."""
    with tempfile.TemporaryDirectory() as folder:
        for name, text in texts.items():
            (Path(folder) / f"{name}.py").write_text(text)
        values = {
            "shotgun": {"url": "http://127.0.0.1:9", "script_name": "bench", "api_key": "bench"},
            "kafka": {"bootstrap_servers": servers},
            "stream": {"topic": topic, "control_topic": f"{topic}.control"},
            "consumer": {
                "team": team or f"t{uuid.uuid4().hex[:8]}",
                "plugin_paths": [folder],
                "start": "earliest",
                **options,
            },
        }
        with service("shotgun-consumer", values) as running:
            yield running


def rate(running: Service, events: int, outcome: str = "succeeded") -> float:
    """Events a second, from the first that ended so to the last of `events`."""
    name = f"events_total.{outcome}"
    first = until(lambda: running.figures()[name], "the first event has ended", pause=0.02)
    started = time.perf_counter()
    until(lambda: running.figures()[name] >= events, "all events have ended")
    return (events - first) / (time.perf_counter() - started)
