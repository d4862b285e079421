"""Where the CPU time of an event goes, and what the whole producer costs beside a raw loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from confluent_kafka.admin import NewTopic

from shotgun_producer.page import Row
from shotgun_producer.records import Record, RecordMaker
from shotgun_runtime.kafka import admin, new_producer, producer_config
from shotgun_runtime.settings import Settings, ShotgunSettings
from shotgun_runtime.shotgun import RawShotgun, connect_raw
from shotgun_schemas.codec import encode
from shotgun_schemas.event import ENTITY_TYPE, FIELDS, Event

from .stage import Site, producer, site, until

PAGE = 500
TOPIC = "bench.cpu"
READ, ENCODE, RECORD = "request and decode", "encode", "headers, key, time"
PRODUCE, COMMIT, OTHERS = "produce", "flush and commit", "librdkafka's threads"
MAKER = RecordMaker(site="http://127.0.0.1:9", partitions=1)
PARTS = (READ, ENCODE, RECORD, PRODUCE, COMMIT, OTHERS)


def cpu(servers: str, events: int, rounds: int) -> dict[str, Any]:
    """Microseconds of CPU an event: by part, of two raw loops, and of the whole producer with one request at once.

    One loop reads and encodes, which publishes nothing. The other one reads, makes the same records and publishes a
    page a transaction: what is left to the producer are holes, checkpoints, metrics, and not losing anything.

    Each is the best of so many rounds, which take turns.
    """
    settings = Settings.model_validate({"kafka": {"bootstrap_servers": servers}})
    client = admin(settings)
    client.create_topics([NewTopic(TOPIC, 1, 1)])[TOPIC].result(30)
    sink = _Sink(settings)
    seen: dict[str, list[float]] = {}
    with site(events=events, seed=1) as one:
        handle = connect_raw(ShotgunSettings.model_validate(one.login))
        for _ in range(rounds):
            figures = _parts(handle, sink, events) | {
                "read and encode": _loop(lambda: _read_and_encode(handle, events)) / events * 1e6,
                "read, encode, publish": _loop(lambda: _read_and_publish(handle, sink, events))
                / events
                * 1e6,
                "whole": _whole(servers, one, events),
            }
            for name, figure in figures.items():
                seen.setdefault(name, []).append(figure)
    best = {name: round(min(figures), 1) for name, figures in seen.items()}
    parts = {name: best[name] for name in PARTS}
    parts["the rest"] = round(best["whole"] - sum(parts.values()), 1)
    return {
        "us_per_event": parts | {"whole producer": best["whole"]},
        **{
            f"raw loop: {name}": {
                "us_per_event": best[name],
                "ratio": round(best[name] / best["whole"], 2),
            }
            for name in ("read and encode", "read, encode, publish")
        },
    }


def _parts(handle: RawShotgun, sink: _Sink, events: int) -> dict[str, float]:
    used = dict.fromkeys(PARTS, 0.0)

    def timed(name: str, work: Callable[[], Any]) -> Any:
        thread, process = time.thread_time(), time.process_time()
        result = work()
        mine = time.thread_time() - thread
        used[name] += mine
        used[OTHERS] += time.process_time() - process - mine
        return result

    for rows in _pages(lambda above: timed(READ, lambda: _page(handle, above)), events):
        timed(ENCODE, lambda rows=rows: [encode(Event(row)) for row in rows])
        now = time.time()
        records = timed(
            RECORD, lambda rows=rows, now=now: [MAKER.make(row, late=None, now=now) for row in rows]
        )
        timed(PRODUCE, lambda records=records: sink.produce(records))
        timed(COMMIT, sink.commit)
    used[RECORD] -= used[ENCODE]
    return {name: seconds / events * 1e6 for name, seconds in used.items()}


def _loop(work: Callable[[], None]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _read_and_encode(handle: RawShotgun, events: int) -> None:
    for rows in _pages(lambda above: _page(handle, above), events):
        for row in rows:
            encode(Event(row))


def _read_and_publish(handle: RawShotgun, sink: _Sink, events: int) -> None:
    for rows in _pages(lambda above: _page(handle, above), events):
        now = time.time()
        sink.produce([MAKER.make(row, late=None, now=now) for row in rows])
        sink.commit()


def _pages(ask: Callable[[int], list[Row]], events: int) -> Iterator[list[Row]]:
    above = 0
    for _ in range(events // PAGE):
        rows = ask(above)
        yield rows
        above = rows[-1]["id"]


def _page(handle: RawShotgun, above: int) -> list[Row]:
    order = [{"field_name": "id", "direction": "asc"}]
    rows: list[Row] = handle.find(
        ENTITY_TYPE, [["id", "greater_than", above]], list(FIELDS), order=order, limit=PAGE
    )
    return rows


class _Sink:
    """The same transactional client as the producer's, with nothing around it."""

    def __init__(self, settings: Settings) -> None:
        self._producer = new_producer(producer_config(settings, transactional_id="bench.cpu"))
        self._producer.init_transactions(30)

    def produce(self, records: Sequence[Record]) -> None:
        self._producer.begin_transaction()
        for record in records:
            self._producer.produce(
                TOPIC,
                record.value,
                record.key,
                partition=0,
                timestamp=record.timestamp,
                headers=record.headers,
            )

    def commit(self) -> None:
        self._producer.flush(30)
        self._producer.commit_transaction(30)


def _whole(servers: str, one: Site, events: int) -> float:
    """CPU of the process an event, from its first event on.

    Seldom looked at: a scrape of the metrics costs the producer several milliseconds.
    """
    with producer(servers, one, start="earliest", parallel_requests=1) as running:
        first = until(lambda: _if_any(running.figures()), "events are published")
        last = until(lambda: _if_any(running.figures(), events), "all events are published", pause=1.0)
    used = last["process_cpu_seconds_total"] - first["process_cpu_seconds_total"]
    return used / (last["events_published_total"] - first["events_published_total"]) * 1e6


def _if_any(figures: dict[str, float], least: int = 1) -> dict[str, float] | None:
    return figures if figures["events_published_total"] >= least else None
