"""Configurations of Kafka clients, and errors in plain words. The broker is librdkafka's mock."""

from __future__ import annotations

import logging
import socket
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, Producer
from support import wait_until

from shotgun_consumer.service import group_config
from shotgun_runtime.errors import ConfigurationError, StreamError
from shotgun_runtime.kafka import (
    BrokerWatch,
    ClientWatch,
    LastingAdmin,
    admin,
    consumer_config,
    explain,
    is_refusal,
    new_consumer,
    new_producer,
    producer_config,
    require_broker,
    wait_for_broker,
)
from shotgun_runtime.kafka_watch import client_logger
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Shutdown


def settings(**kafka: object) -> Settings:
    return Settings(kafka={"bootstrap_servers": "broker:9092", **kafka})


@pytest.fixture(scope="module")
def mock() -> Iterator[str]:
    """A cluster inside librdkafka; its address is that of the client that holds it."""
    producer = Producer({"bootstrap.servers": "ignored", "test.mock.num.brokers": 1, "log_level": 0})
    brokers = producer.list_topics(timeout=20).brokers
    yield ",".join(f"{broker.host}:{broker.port}" for broker in brokers.values())
    producer.close()


@pytest.fixture
def nobody() -> str:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        return f"127.0.0.1:{closed.getsockname()[1]}"


# --- what promises rest on


def test_a_consumer_commits_only_what_it_is_told_and_never_skips() -> None:
    config = consumer_config(settings(), group_id="anim.notify", fetch_wait_max_ms=5000)

    assert config["group.id"] == "anim.notify"
    assert config["enable.auto.commit"] is False
    assert config["enable.auto.offset.store"] is False
    assert config["auto.offset.reset"] == "error"
    assert config["isolation.level"] == "read_committed"
    assert config["queued.max.messages.kbytes"] == 4096
    assert config["fetch.wait.max.ms"] == 5000


def test_a_producer_is_idempotent_and_its_transactions_end_soon() -> None:
    config = producer_config(settings(), transactional_id="shotgun-producer.shotgun.events")

    assert config["acks"] == "all"
    assert config["enable.idempotence"] is True
    assert config["transactional.id"] == "shotgun-producer.shotgun.events"
    assert config["transaction.timeout.ms"] == 15000
    assert config["message.max.bytes"] == 9 * 1024 * 1024
    assert "transactional.id" not in producer_config(settings())


def test_the_users_properties_win_over_our_defaults_and_lose_to_promises_and_callers() -> None:
    given = settings(
        properties={"client.id": "mine", "socket.keepalive.enable": False},
        producer_properties={"linger.ms": 50, "compression.type": "lz4"},
        consumer_properties={"fetch.wait.max.ms": 100, "queued.max.messages.kbytes": 64},
    )

    producer = producer_config(given, linger_ms=0)
    consumer = consumer_config(given, group_id="g", fetch_wait_max_ms=5000)

    assert (producer["client.id"], producer["compression.type"], producer["linger.ms"]) == ("mine", "lz4", 0)
    assert (consumer["queued.max.messages.kbytes"], consumer["fetch.wait.max.ms"]) == ("64", 5000)
    assert "linger.ms" not in consumer
    assert consumer["isolation.level"] == "read_committed"


def test_callbacks_of_the_caller_keep_their_names() -> None:
    def on_commit(*_: object) -> None: ...

    assert consumer_config(settings(), group_id="g", on_commit=on_commit)["on_commit"] is on_commit


def test_librdkafka_takes_our_configurations_zstd_included(mock: str) -> None:
    given = Settings(kafka={"bootstrap_servers": mock})
    consumer = new_consumer(consumer_config(given, group_id="g", enable_partition_eof=True))
    producer = new_producer(producer_config(given))
    try:
        errors: list[KafkaError | None] = []
        producer.produce("compressed", b"x" * 10_000, on_delivery=lambda error, _: errors.append(error))
        assert producer.flush(20) == 0
        assert errors == [None]
    finally:
        producer.close()
        consumer.close()


# --- what is refused


@pytest.mark.parametrize("section", ["properties", "producer_properties", "consumer_properties"])
def test_a_property_that_librdkafka_does_not_know_is_named(section: str) -> None:
    build = producer_config if section == "producer_properties" else consumer_config

    with pytest.raises(ConfigurationError, match=r'No such configuration property: "securty.protocol"'):
        build(settings(**{section: {"securty.protocol": "SSL"}}))


def test_a_value_that_librdkafka_does_not_take_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r'Invalid value.*"security.protocol"'):
        admin(settings(properties={"security.protocol": "TLS"}))


def test_a_secret_in_a_refused_property_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        producer_config(settings(properties={"ssl.key.pem": "top-secret-key", "security.protocol": "SSL"}))

    assert "top-secret-key" not in str(caught.value)


def test_brokers_that_are_not_set_are_told() -> None:
    with pytest.raises(ConfigurationError, match=r"kafka.bootstrap_servers is missing"):
        consumer_config(Settings(), group_id="g")


# --- a broker that is away


def test_a_one_shot_command_says_that_no_broker_answers(nobody: str) -> None:
    client = admin(Settings(kafka={"bootstrap_servers": nobody}))

    with pytest.raises(StreamError, match=f"Kafka at {nobody} is not available: no broker can be reached"):
        require_broker(client, nobody, timeout=0.5)


def test_waiting_for_a_broker_ends_with_the_request_to_stop(nobody: str) -> None:
    shutdown = Shutdown()
    shutdown.request("test")

    assert wait_for_broker(LastingAdmin(Settings(kafka={"bootstrap_servers": nobody})), shutdown) is False


def test_waiting_for_a_broker_that_answers_returns(mock: str) -> None:
    assert wait_for_broker(LastingAdmin(Settings(kafka={"bootstrap_servers": mock})), Shutdown()) is True


def test_a_broker_that_is_down_is_told_once_for_many_clients(
    nobody: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    given = Settings(kafka={"bootstrap_servers": nobody})
    watch = BrokerWatch(nobody)
    consumers = [new_consumer(consumer_config(given, group_id="g", watch=watch)) for _ in range(3)]
    try:
        for consumer in consumers:
            consumer.subscribe(["topic"])

        def polled() -> bool:
            for consumer in consumers:
                consumer.poll(0.05)
            return watch.broken

        wait_until(polled, message="the outage is noticed")
        for _ in range(10):
            polled()
        watch.on_statistics('{"brokers": {"a": {"state":"CONNECT"}}}')
        assert watch.broken
        watch.on_statistics('{"brokers": {"a": {"state":"UP"}}}')
    finally:
        for consumer in consumers:
            consumer.close()

    assert not watch.broken
    messages = [record.getMessage() for record in caplog.records if record.levelno >= logging.INFO]
    assert len([text for text in messages if "is not available" in text]) == 1
    assert len([text for text in messages if "is back after" in text]) == 1
    assert len(messages) == 2


def test_what_librdkafka_calls_critical_is_a_warning(caplog: pytest.LogCaptureFixture) -> None:
    client_logger().critical("%s [%s]: fenced", "FATAL", "a-client")
    BrokerWatch("b:1").on_error(KafkaError(KafkaError._FENCED, "fenced", fatal=True))
    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]


# --- words


def test_errors_are_told_with_the_next_step() -> None:
    assert "check the sasl.* values" in explain(KafkaError(KafkaError._AUTHENTICATION))
    assert "does not exist" in explain(KafkaError(KafkaError.UNKNOWN_TOPIC_OR_PART))
    assert explain(KafkaError(KafkaError.OFFSET_OUT_OF_RANGE)).endswith("(OFFSET_OUT_OF_RANGE)")


def test_refusals_are_told_from_what_can_heal() -> None:
    assert is_refusal(KafkaError(KafkaError.TOPIC_AUTHORIZATION_FAILED))
    assert not is_refusal(KafkaError(KafkaError._ALL_BROKERS_DOWN))


def test_a_client_is_stranded_when_it_knows_no_broker_twice_in_a_row() -> None:
    learned, logical = (
        f'{{"brokers":{{"b":{{"nodeid":-1,"source":"{source}","state":"TRY_CONNECT"}}}}}}'
        for source in ("learned", "logical")
    )
    watch = ClientWatch(BrokerWatch("b:1"))
    for statistics, stranded in (
        (learned, False),
        (logical, False),
        (learned, False),  # it has looked for the brokers anew
        (logical, False),
        (logical, True),
    ):
        watch.on_statistics(statistics)
        assert watch.stranded is stranded


def test_what_a_client_has_received_never_falls_when_it_forgets_a_broker() -> None:
    watch, seen = ClientWatch(BrokerWatch("b:1")), []
    for total in (100, 250, 40, 60):
        watch.on_statistics(f'{{"brokers":{{}},"rx_bytes":{total}}}')
        seen.append(watch.received_bytes)
    assert seen == [100, 250, 250, 270]


# --- the newer group protocol


@pytest.mark.parametrize(
    ("name", "instead"),
    [
        ("session.timeout.ms", "group.consumer.session.timeout.ms on the brokers"),
        ("heartbeat.interval.ms", "group.consumer.heartbeat.interval.ms on the brokers"),
        ("partition.assignment.strategy", "group.remote.assignor"),
    ],
)
@pytest.mark.parametrize("place", ["properties", "consumer_properties"])
@pytest.mark.parametrize("protocol", ["consumer", "CONSUMER"])
def test_what_the_newer_group_protocol_leaves_to_the_broker_is_refused_by_name(
    name: str, instead: str, place: str, protocol: str
) -> None:
    given = {"consumer_properties": {"group.protocol": protocol}}
    given[place] = {**given.get(place, {}), name: "6000"}
    with pytest.raises(ConfigurationError) as refused:
        consumer_config(settings(**given))
    assert f"kafka.{place}: {name} cannot be set with group.protocol=consumer" in str(refused.value)
    assert instead in str(refused.value)


def test_a_group_can_use_the_newer_protocol_whatever_the_case_of_its_name() -> None:
    for protocol in ("consumer", "Consumer"):
        new_consumer(
            group_config(
                settings(consumer_properties={"group.protocol": protocol}),
                "anim.notify",
                BrokerWatch("a"),
                {},
            )
        ).close()
