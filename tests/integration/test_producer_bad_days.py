"""Sites and brokers that fail, odd events, odd topics: each is a clear line and a continued life, or an exit code."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import Message
from producer_kit import Bench
from support import Kafka, Process, wait_until

from shotgun_sandbox.broker import Broker
from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.codec import FINGERPRINT, Decoder
from shotgun_schemas.control import schema_key

pytestmark = pytest.mark.kafka


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=50)) as site:
        yield site


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def headers_of(message: Message) -> dict[str, bytes]:
    return {name: bytes(value) for name, value in dict(message.headers() or []).items()}


@pytest.mark.parametrize("kind", ["status", "html", "object"])
def test_a_site_that_fails_for_a_while_loses_nothing(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite, kind: str
) -> None:
    bench = Bench(spawn, tmp_path, kafka, site)
    producer = bench.start()
    bench.wait_for_all()
    site.admin.add_fault(kind)
    producer.process.wait_for_line("is not available")
    assert wait_until(lambda: producer.metric("site_up") == 0)
    site.admin.write_events(30)
    site.admin.clear_faults()
    producer.process.wait_for_line("is back after")
    bench.wait_for_all()
    assert producer.readiness() == "ready"
    assert producer.process.stdout.count("is not available") == 1


def test_a_site_that_is_away_at_the_start_is_waited_for(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    site.admin.close_port()
    bench = Bench(spawn, tmp_path, kafka, site)
    producer = bench.start()
    producer.process.wait_for_line("is not available")
    wait_until(lambda: "cannot be reached" in producer.readiness())
    site.admin.open_port()
    bench.wait_for_all()


def test_a_refused_key_at_the_start_ends_with_its_own_exit_code(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    bench = Bench(spawn, tmp_path, kafka, site)
    bench.values["shotgun"]["api_key"] = "wrong"
    process = bench.command("run")
    assert process.wait() == 3
    assert "shotgun.api_key" in process.stderr
    assert "Traceback" not in process.stderr + process.stdout


def test_a_broker_that_is_down_at_the_start_is_waited_for(
    spawn: Callable[..., Process],
    tmp_path: Path,
    kafka: Kafka,
    site: SandboxSite,
    own_broker: Callable[..., Broker],
) -> None:
    port = free_port()
    bench = Bench(spawn, tmp_path, kafka, site, servers=f"127.0.0.1:{port}")
    producer = bench.start()
    producer.process.wait_for_line("Kafka is not available")
    own_broker(port=port)
    bench.wait_for_all()
    assert producer.process.terminate() == 0


def test_a_broker_that_dies_in_the_middle_loses_nothing(
    spawn: Callable[..., Process],
    tmp_path: Path,
    kafka: Kafka,
    site: SandboxSite,
    own_broker: Callable[..., Broker],
) -> None:
    # Given a producer at work
    data = tmp_path / "broker"
    broker = own_broker(data=data)
    bench = Bench(spawn, tmp_path, kafka, site, servers=broker.bootstrap_servers)
    producer = bench.start()
    bench.wait_for_all()

    # When its broker is killed while events come in, and starts again
    site.admin.start_generator(rate=40)
    broker.kill()
    wait_until(lambda: producer.readiness() != "ready", message="the producer notices")
    site.admin.stop_generator()
    own_broker(data=data, port=int(broker.bootstrap_servers.rpartition(":")[2]))

    # Then it goes on, and nothing is missing or there twice
    bench.wait_for_all()
    assert producer.process.terminate() == 0


def test_a_stop_while_the_broker_is_away_still_ends(
    spawn: Callable[..., Process],
    tmp_path: Path,
    kafka: Kafka,
    site: SandboxSite,
    own_broker: Callable[..., Broker],
) -> None:
    broker = own_broker()
    bench = Bench(spawn, tmp_path, kafka, site, servers=broker.bootstrap_servers)
    bench.values["shutdown_timeout"] = "10s"
    producer = bench.start()
    bench.wait_for_all()
    broker.kill()
    started = time.monotonic()
    assert producer.process.terminate() == 0
    assert time.monotonic() - started < 20


def test_large_events_are_published_whole_and_larger_ones_without_their_meta(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    (whole,) = site.admin.write_events(1, meta_bytes=5_000_000)
    (cut,) = site.admin.write_events(1, meta_bytes=20_000_000)
    bench = Bench(spawn, tmp_path, kafka, site)
    producer = bench.start()
    bench.wait_for_all()
    found = {int(message.key() or b""): message for message in bench.messages()}
    decoder = Decoder()
    event = decoder.decode(found[whole].value(), topic="t", partition=0, offset=0)
    assert len(json.dumps(event.meta)) > 5_000_000
    event = decoder.decode(found[cut].value(), topic="t", partition=0, offset=0)
    assert event.meta is None
    assert int(headers_of(found[cut])["meta_bytes"]) > 20_000_000
    assert producer.metric("oversize_events_total") == 1
    producer.process.wait_for_line(rf"event {cut} has \d+ bytes")


def test_odd_rows_are_published_too(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    ids = site.admin.write_rows(
        [
            {"event_type": None, "meta": None, "entity": None, "user": None, "project": None},
            {"event_type": ["no", "text"], "meta": {"😀": "&lt;"}},
            {"created_at": "2099-01-01T00:00:00Z"},
            {"created_at": None},
        ]
    )
    bench = Bench(spawn, tmp_path, kafka, site)
    producer = bench.start()
    bench.wait_for_all()
    found = {int(message.key() or b""): message for message in bench.messages()}
    event = Decoder().decode(found[ids[1]].value(), topic="t", partition=0, offset=0)
    assert event.row["event_type"] == ["no", "text"]
    assert event.meta == {"😀": "&lt;"}
    assert found[ids[2]].timestamp()[1] <= (time.time() + 60) * 1000
    assert producer.metric("misfit_events_total") == 1


def test_a_late_row_says_how_late_it_is(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    late = site.admin.open_transaction(3)
    site.admin.write_events(10)
    bench = Bench(spawn, tmp_path, kafka, site)
    producer = bench.start()
    bench.wait_for_all()
    site.admin.advance(75)
    site.admin.commit(late)
    bench.wait_for_all()
    seconds = {
        int(message.key() or b""): headers_of(message).get("late", b"0") for message in bench.messages()
    }
    assert {number: int(seconds[number]) >= 75 for number in late.ids} == dict.fromkeys(late.ids, True)
    assert producer.metric("events_late_total") == 3


def test_the_schema_is_made_known_once(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    bench = Bench(spawn, tmp_path, kafka, site)
    for _ in range(2):
        producer = bench.start()
        producer.wait_active()
        producer.process.terminate()
    keys = [message.key() for message in kafka.read(f"{bench.topic}.control")]
    assert keys == [schema_key(FINGERPRINT).encode()]


def test_a_topic_that_would_break_a_promise_is_refused(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    bench = Bench(spawn, tmp_path, kafka, site)
    bench.values["stream"]["topic"] = topic = kafka.create_topic("events")
    process = bench.command("run")
    assert process.wait() == 4
    assert topic in process.stderr
    assert "--add-config max.message.bytes=" in process.stderr


def test_a_topic_with_harmless_settings_and_more_partitions_is_used(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite
) -> None:
    bench = Bench(spawn, tmp_path, kafka, site)
    bench.values["stream"]["topic"] = topic = kafka.create_topic(
        "events", 3, retention_ms="-1", max_message_bytes=str(9 * 1024 * 1024)
    )
    producer = bench.start()
    wait_until(lambda: producer.metric("events_published_total") == len(bench.visible()))
    messages = kafka.read(topic)
    assert {int(message.key() or b"") for message in messages} == bench.visible()
    places: dict[bytes, set[int]] = {}
    for message in messages:
        places.setdefault(headers_of(message)["entity"], set()).add(message.partition() or 0)
    assert len(places) > 1
    assert all(len(partitions) == 1 for partitions in places.values())


def test_a_quiet_stream_writes_no_checkpoints_and_one_with_holes_does(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(SiteOptions(writers=1, id_block=1, events=20)) as site:
        bench = Bench(spawn, tmp_path, kafka, site, checkpoint_interval="1s")
        producer = bench.start()
        bench.wait_for_all()
        transactions = producer.metric("transactions_total", outcome="committed")
        polls = producer.metric("polls_total")
        wait_until(lambda: producer.metric("polls_total") > polls + 40, message="many quiet polls")
        # One more at most: the end offset of the last page.
        assert producer.metric("transactions_total", outcome="committed") <= transactions + 1

        site.admin.open_transaction(1)
        site.admin.write_events(1)
        bench.wait_for_all()
        transactions = producer.metric("transactions_total", outcome="committed")
        wait_until(
            lambda: producer.metric("transactions_total", outcome="committed") >= transactions + 2,
            message="what is known of the hole is written down",
        )
