"""The newest record of each control key, and reading it through librdkafka's mock cluster."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer
from support import wait_until

from shotgun_runtime.control import ControlState, ControlTopic, ControlWriter
from shotgun_runtime.errors import StreamError
from shotgun_runtime.settings import Settings
from shotgun_schemas.control import ControlRecord, pause_key


def record(key: str, reason: str = "") -> ControlRecord:
    return ControlRecord(key=key, by="me", at="2026-01-01T00:00:00Z", reason=reason, fields={})


def test_the_newest_record_of_a_key_counts_and_a_tombstone_takes_it_back() -> None:
    state = ControlState()

    state.apply({"pause/a": record("pause/a", "old"), "pause/b": record("pause/b")})
    state.apply({"pause/a": record("pause/a", "new"), "pause/b": None, "pause/c": None})

    assert dict(state.records) == {"pause/a": record("pause/a", "new")}


def test_a_view_that_was_taken_does_not_change() -> None:
    state = ControlState()
    state.apply({"pause/a": record("pause/a")})
    view = state.records

    state.apply({"pause/a": None})

    assert list(view) == ["pause/a"]
    with pytest.raises(TypeError):
        view["pause/b"] = record("pause/b")  # type: ignore[index]


def test_the_view_of_orders_stays_the_same_until_there_is_a_new_one() -> None:
    state = ControlState()
    state.apply({"skip/a/0/1": record("skip/a/0/1"), "group/a": record("group/a")})
    view = state.orders

    state.apply({"group/a": record("group/a", "further on"), "schema/1": record("schema/1")})

    assert state.orders is view
    assert list(view) == ["skip/a/0/1"]
    state.apply({"skip/a/0/1": None, "group/b": record("group/b")})
    assert dict(state.orders) == {}


@pytest.fixture
def cluster(request: pytest.FixtureRequest) -> Iterator[tuple[Settings, Producer]]:
    producer = Producer(
        {
            "bootstrap.servers": "ignored",
            "test.mock.num.brokers": 1,
            "log_level": 0,
            "allow.auto.create.topics": True,
        }
    )
    brokers = producer.list_topics(timeout=20).brokers
    servers = ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())
    yield Settings(kafka={"bootstrap_servers": servers}), producer
    producer.close()


def test_what_is_written_is_read_by_others(cluster: tuple[Settings, Producer]) -> None:
    settings, _ = cluster
    writer = ControlWriter(settings)
    writer.put(pause_key("anim.notify"), by="jo", reason="site work", until="noon")
    writer.put(pause_key("anim.other"), by="jo", reason="by mistake")
    writer.delete(pause_key("anim.other"))

    topic = ControlTopic(settings)
    try:
        topic.read_to_end(20)

        assert [key for key, _ in topic.items("pause/")] == ["pause/anim.notify"]
        found = topic.get("pause/anim.notify")
        assert found is not None
        assert (found.by, found.reason, dict(found.fields)) == ("jo", "site work", {"until": "noon"})
        assert found.at.endswith("Z")

        writer.delete(pause_key("anim.notify"))
        news = wait_until(topic.poll, message="the tombstone arrives")
        assert news == {"pause/anim.notify": None}
        assert dict(topic.records) == {}
    finally:
        topic.close()
        writer.close()


def test_a_record_that_cannot_be_read_is_left_out_with_its_offset(
    cluster: tuple[Settings, Producer], caplog: pytest.LogCaptureFixture
) -> None:
    settings, producer = cluster
    for key, value in (
        (b"pause/a", b"no json"),
        (None, b"{}"),
        (b"\xff", b"{}"),
        (b"pause/b", b'{"by": "x"}'),
    ):
        producer.produce(settings.stream.control_topic, key=key, value=value, partition=0)
    assert producer.flush(20) == 0

    topic = ControlTopic(settings)
    try:
        with caplog.at_level(logging.WARNING):
            topic.read_to_end(20)
        assert list(topic.records) == ["pause/b"]
    finally:
        topic.close()

    told = [entry.getMessage() for entry in caplog.records]
    assert ["offset 0" in told[0], "offset 1" in told[1], "offset 2" in told[2]] == [True, True, True]


def test_nobody_to_read_from_or_write_to_is_an_error_in_time() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        servers = f"127.0.0.1:{closed.getsockname()[1]}"
    settings = Settings(kafka={"bootstrap_servers": servers})
    topic = ControlTopic(settings)
    writer = ControlWriter(settings, timeout=0.3)
    try:
        with pytest.raises(StreamError, match=r"control topic shotgun.events.control cannot be read"):
            topic.read_to_end(0.3)
        with pytest.raises(StreamError, match=r"control record pause/a was not written"):
            writer.put("pause/a", by="me", reason="")
    finally:
        topic.close()
        writer.close()
