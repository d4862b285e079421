"""What `Publisher` does about each kind of error: it never says "published" when it is not sure."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
from confluent_kafka import KafkaError, Producer
from mock_cluster import ADD_PARTITIONS, END_TXN, INIT_PRODUCER_ID, PRODUCE, MockCluster
from prometheus_client import CollectorRegistry

from shotgun_producer import publisher as module
from shotgun_producer import publisher as publisher_module
from shotgun_producer.errors import FencedError, HaltedError, RecycleError
from shotgun_producer.metrics import Metrics
from shotgun_producer.publisher import Publisher
from shotgun_producer.records import Record
from shotgun_runtime.errors import KafkaRefusedError

EVENTS, CHECKPOINTS = "events", "checkpoints"


@pytest.fixture
def cluster() -> Iterator[MockCluster]:
    cluster = MockCluster()
    cluster.create_topic(EVENTS)
    cluster.create_topic(CHECKPOINTS)
    yield cluster
    cluster.close()


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def publisher(cluster: MockCluster, registry: CollectorRegistry) -> Iterator[Publisher]:
    publisher = Publisher(
        transactional(cluster), topic=EVENTS, checkpoint_topic=CHECKPOINTS, metrics=Metrics(registry)
    )
    yield publisher
    publisher.close(10)


def transactional(cluster: MockCluster, **properties: object) -> Producer:
    return Producer(
        {
            "bootstrap.servers": cluster.bootstrap_servers,
            "transactional.id": "t",
            "transaction.timeout.ms": 15_000,
            "linger.ms": 0,
            "log_level": 0,
            **properties,
        }
    )


def records(*ids: int) -> list[Record]:
    return [Record(str(number).encode(), b"value", [], 0, 0) for number in ids]


def fence(publisher: Publisher) -> None:
    publisher.fence(threading.Event())


def closes_quietly(publisher: Publisher, caplog: pytest.LogCaptureFixture) -> None:
    """The client raises when it is closed after some errors, and would wait without an end after others."""
    publisher.close(10)
    assert "did not close" not in caplog.text


def transactions(registry: CollectorRegistry, outcome: str) -> float | None:
    return registry.get_sample_value("shotgun_producer_transactions_total", {"outcome": outcome})


def test_a_page_is_published_and_its_end_is_known(publisher: Publisher, registry: CollectorRegistry) -> None:
    fence(publisher)
    publisher.publish(records(1, 2, 3), b"checkpoint")
    assert publisher.end_offsets == {0: 3}
    assert not publisher.is_suspect
    assert transactions(registry, "committed") == 1


def test_events_that_land_before_what_was_reached_are_not_committed(
    publisher: Publisher, registry: CollectorRegistry
) -> None:
    # Given a partition that ended at offset 10, and is a new one under the old name
    fence(publisher)
    publisher.continue_behind((10,))

    # Then what is published to it is taken back
    with pytest.raises(RecycleError, match=r"at offset 0, but ended at 10 before") as caught:
        publisher.publish(records(1, 2), b"checkpoint")
    assert caught.value.reason == "abort"
    assert transactions(registry, "aborted") == 1
    assert transactions(registry, "committed") == 0


@pytest.mark.parametrize(
    ("request_kind", "code"),
    [
        (END_TXN, KafkaError.PRODUCER_FENCED),
        (END_TXN, KafkaError.INVALID_PRODUCER_EPOCH),
        (ADD_PARTITIONS, KafkaError.PRODUCER_FENCED),
        (PRODUCE, KafkaError.INVALID_PRODUCER_EPOCH),
    ],
    ids=["end/fenced", "end/epoch", "add/fenced", "produce/epoch"],
)
def test_a_fenced_publisher_says_so_and_does_not_abort(
    cluster: MockCluster,
    publisher: Publisher,
    registry: CollectorRegistry,
    caplog: pytest.LogCaptureFixture,
    request_kind: int,
    code: int,
) -> None:
    fence(publisher)
    cluster.fail(request_kind, code)
    with pytest.raises(FencedError):
        publisher.publish(records(1), b"checkpoint")
    assert transactions(registry, "fenced") == 1
    assert transactions(registry, "committed") == transactions(registry, "aborted") == 0
    closes_quietly(publisher, caplog)


@pytest.mark.parametrize(
    ("request_kind", "code"),
    [
        (END_TXN, KafkaError.UNKNOWN_PRODUCER_ID),
        (END_TXN, KafkaError.TRANSACTION_ABORTABLE),
        (PRODUCE, KafkaError.MSG_SIZE_TOO_LARGE),
    ],
    ids=["end/unknown id", "end/abortable", "produce/too large"],
)
def test_what_can_be_aborted_is_aborted_and_the_producer_thrown_away(
    cluster: MockCluster, publisher: Publisher, registry: CollectorRegistry, request_kind: int, code: int
) -> None:
    fence(publisher)
    cluster.fail(request_kind, code)
    with pytest.raises(RecycleError) as caught:
        publisher.publish(records(1), b"checkpoint")
    assert caught.value.reason == "abort"
    assert transactions(registry, "aborted") == 1
    assert transactions(registry, "committed") == 0


@pytest.mark.parametrize("request_kind", [PRODUCE, ADD_PARTITIONS], ids=["produce", "add"])
def test_a_user_without_the_right_to_write_is_told_and_nothing_is_left_open(
    cluster: MockCluster, publisher: Publisher, registry: CollectorRegistry, request_kind: int
) -> None:
    fence(publisher)
    cluster.fail(request_kind, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaRefusedError, match="may not use the topic"):
        publisher.publish(records(1), b"checkpoint")
    assert transactions(registry, "aborted") == 1


@pytest.mark.parametrize(
    ("request_kind", "code"),
    [(END_TXN, KafkaError.INVALID_TXN_STATE), (PRODUCE, KafkaError.OUT_OF_ORDER_SEQUENCE_NUMBER)],
    ids=["end/state", "produce/sequence"],
)
def test_after_a_fatal_error_the_producer_is_thrown_away(
    cluster: MockCluster,
    publisher: Publisher,
    registry: CollectorRegistry,
    caplog: pytest.LogCaptureFixture,
    request_kind: int,
    code: int,
) -> None:
    fence(publisher)
    cluster.fail(request_kind, code)
    with pytest.raises(RecycleError):
        publisher.publish(records(1), b"checkpoint")
    assert transactions(registry, "committed") == 0
    closes_quietly(publisher, caplog)


@pytest.mark.parametrize(
    ("request_kind", "code"),
    [
        (END_TXN, KafkaError.CONCURRENT_TRANSACTIONS),
        (END_TXN, KafkaError._TRANSPORT),
        (PRODUCE, KafkaError.NOT_ENOUGH_REPLICAS),
        (PRODUCE, KafkaError._TRANSPORT),
        (ADD_PARTITIONS, KafkaError.COORDINATOR_LOAD_IN_PROGRESS),
    ],
    ids=["end/concurrent", "end/cut off", "produce/replicas", "produce/cut off", "add/loading"],
)
def test_what_passes_is_waited_for(
    cluster: MockCluster, publisher: Publisher, registry: CollectorRegistry, request_kind: int, code: int
) -> None:
    fence(publisher)
    cluster.fail(request_kind, code, code)
    publisher.publish(records(1), b"checkpoint")
    assert transactions(registry, "committed") == 1


def test_a_commit_that_must_be_repeated_comes_through_and_asks_for_a_new_publisher(
    cluster: MockCluster,
    publisher: Publisher,
    registry: CollectorRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a coordinator that is away for longer than one call waits
    monkeypatch.setattr(module, "SLOW_COMMIT_SECONDS", 0.2)
    fence(publisher)
    cluster.fail(END_TXN, *[KafkaError.COORDINATOR_NOT_AVAILABLE] * 2)

    publisher.publish(records(1), b"checkpoint")

    assert transactions(registry, "committed") == 1
    assert publisher.is_suspect


def test_a_commit_without_an_answer_is_neither_taken_for_done_nor_for_undone(
    cluster: MockCluster,
    publisher: Publisher,
    registry: CollectorRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "COMMIT_SECONDS", 0.5)
    fence(publisher)
    cluster.fail(END_TXN, *[KafkaError.COORDINATOR_NOT_AVAILABLE] * 500)

    with pytest.raises(RecycleError, match="the fate of a commit is unknown") as caught:
        publisher.publish(records(1), b"checkpoint")

    assert caught.value.reason == "unknown_commit"
    assert transactions(registry, "unknown") == 1
    assert transactions(registry, "committed") == transactions(registry, "aborted") == 0


def test_brokers_that_are_away_while_events_are_written_end_the_transaction_without_a_commit(
    cluster: MockCluster,
    publisher: Publisher,
    registry: CollectorRegistry,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "FLUSH_SECONDS", 0.5)
    monkeypatch.setattr(module, "ABORT_SECONDS", 0.5)
    fence(publisher)
    cluster.go_down()

    with pytest.raises(RecycleError, match="unacknowledged"):
        publisher.publish(records(1), b"checkpoint")

    assert transactions(registry, "committed") == 0


def test_a_client_that_would_wait_for_brokers_without_an_end_is_left_behind(
    cluster: MockCluster, registry: CollectorRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    producer = transactional(cluster)
    publisher = Publisher(producer, topic=EVENTS, checkpoint_topic=CHECKPOINTS, metrics=Metrics(registry))
    fence(publisher)
    producer.begin_transaction()
    producer.produce(EVENTS, b"value")
    assert producer.flush(30) == 0
    cluster.go_down()

    publisher.close(0.5)

    assert "did not close within 0.5 s" in caplog.text


def test_more_records_than_the_client_can_queue_are_all_published(
    cluster: MockCluster, registry: CollectorRegistry
) -> None:
    producer = transactional(cluster, **{"queue.buffering.max.messages": 2})
    publisher = Publisher(producer, topic=EVENTS, checkpoint_topic=CHECKPOINTS, metrics=Metrics(registry))
    fence(publisher)
    publisher.publish(records(*range(20)), b"checkpoint")
    assert publisher.end_offsets == {0: 20}
    publisher.close(10)


def test_a_checkpoint_alone_is_a_transaction_too(publisher: Publisher, registry: CollectorRegistry) -> None:
    fence(publisher)
    publisher.publish((), b"checkpoint")
    assert transactions(registry, "committed") == 1


def test_aborts_are_counted_by_the_error_that_caused_them(
    cluster: MockCluster, publisher: Publisher, registry: CollectorRegistry
) -> None:
    fence(publisher)
    cluster.fail(ADD_PARTITIONS, KafkaError.TOPIC_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaRefusedError):
        publisher.publish(records(1), b"checkpoint")
    name = "shotgun_producer_transaction_aborts_total"
    assert registry.get_sample_value(name, {"reason": "TOPIC_AUTHORIZATION_FAILED"}) == 1


def test_a_value_that_kafka_cannot_take_aborts_so_that_nothing_is_left_out(publisher: Publisher) -> None:
    fence(publisher)
    too_large = Record(b"1", b"x" * 2_000_000, [], 0, 0)
    with pytest.raises(RecycleError) as caught:
        publisher.publish([too_large], b"checkpoint")
    assert caught.value.reason == "abort"


def test_a_user_without_the_right_to_fence_is_told(cluster: MockCluster, publisher: Publisher) -> None:
    cluster.fail(INIT_PRODUCER_ID, KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED)
    with pytest.raises(KafkaRefusedError, match="transactional id"):
        fence(publisher)


def test_a_halt_ends_the_wait_for_brokers_that_are_away() -> None:
    halt = threading.Event()
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "transactional.id": "t", "log_level": 0})
    publisher = Publisher(
        producer, topic=EVENTS, checkpoint_topic=CHECKPOINTS, metrics=Metrics(CollectorRegistry())
    )
    threading.Timer(0.2, halt.set).start()
    with pytest.raises(HaltedError):
        publisher.fence(halt)
    publisher.close(10)


def test_a_client_without_an_answer_is_given_up_for_another_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publisher_module, "FENCE_SECONDS", 0.1)
    producer = Producer({"bootstrap.servers": "127.0.0.1:1", "transactional.id": "t", "log_level": 0})
    publisher = Publisher(
        producer, topic=EVENTS, checkpoint_topic=CHECKPOINTS, metrics=Metrics(CollectorRegistry())
    )
    with pytest.raises(RecycleError, match=r"no answer to the fence within 0\.1 s"):
        publisher.fence(threading.Event())
    publisher.close(10)
