"""What can go wrong in a transaction, one by one, on a real Kafka: no event is lost and none is there twice."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka import IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import OffsetSpec  # type: ignore[attr-defined]
from kafka_proxy import ADD_PARTITIONS, END_TXN, INIT_PRODUCER_ID, PRODUCE, KafkaProxy, Moment
from producer_kit import Bench
from prometheus_client import CollectorRegistry
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_producer.errors import FencedError, RecycleError
from shotgun_producer.holes import FIRST_INTERVAL, HOT_SECONDS, NEAR_IDS
from shotgun_producer.metrics import Metrics
from shotgun_producer.publisher import Publisher
from shotgun_producer.records import Record
from shotgun_sandbox.broker import Broker
from shotgun_sandbox.site import SandboxSite, SiteOptions

pytestmark = pytest.mark.kafka


class Stage:
    """A topic of events and one of checkpoints, and publishers for them that share a transactional id."""

    def __init__(self, kafka: Kafka, servers: str | None = None, timeout_ms: int = 15_000) -> None:
        self.kafka = kafka
        self.events = kafka.create_topic("events")
        self.checkpoints = kafka.create_topic("checkpoints")
        self._servers = servers or kafka.bootstrap_servers
        self._id = kafka.topic("id")
        self._timeout_ms = timeout_ms
        self._publishers: list[Publisher] = []

    def client(self) -> Producer:
        return Producer(
            {
                "bootstrap.servers": self._servers,
                "transactional.id": self._id,
                "transaction.timeout.ms": self._timeout_ms,
                "message.timeout.ms": self._timeout_ms,
                "message.max.bytes": 5_000_000,
                "log_level": 0,
            }
        )

    def publisher(self) -> Publisher:
        """A publisher that has fenced all before it."""
        publisher = Publisher(
            self.client(),
            topic=self.events,
            checkpoint_topic=self.checkpoints,
            metrics=Metrics(CollectorRegistry()),
        )
        self._publishers.append(publisher)
        publisher.fence(threading.Event())
        return publisher

    def visible(self) -> list[int]:
        """The ids that a committed reader finds."""
        return [int(message.key() or b"") for message in self.kafka.read(self.events)]

    def newest_checkpoint(self) -> bytes | str | None:
        return self.kafka.read(self.checkpoints)[-1].value()

    def offsets(self) -> tuple[int, int]:
        """The last stable offset and the end of the events."""
        place = TopicPartition(self.events, 0)
        found = []
        for level in (IsolationLevel.READ_COMMITTED, IsolationLevel.READ_UNCOMMITTED):
            futures = self.kafka.admin.list_offsets({place: OffsetSpec.latest()}, isolation_level=level)  # type: ignore[no-untyped-call]
            found.append(int(futures[place].result(PATIENCE).offset))
        return found[0], found[1]

    def close(self) -> None:
        for publisher in self._publishers:
            publisher.close(5)


@pytest.fixture
def stage(kafka: Kafka) -> Iterator[Stage]:
    stage = Stage(kafka)
    yield stage
    stage.close()


def record(number: int, value: bytes = b"value") -> Record:
    return Record(str(number).encode(), value, [], 0, 0)


class Records(list[Record]):
    """Records between the first and the second of which something happens; the transaction is open then."""

    def __init__(self, *records: Record, meanwhile: Callable[[], object]) -> None:
        super().__init__(records)
        self._meanwhile = meanwhile

    def __iter__(self) -> Iterator[Record]:
        first, *rest = list(super().__iter__())
        yield first
        self._meanwhile()
        yield from rest


def test_committed_readers_see_nothing_of_a_page_that_was_aborted(stage: Stage, kafka: Kafka) -> None:
    # Given a page whose second event is larger than the topic takes
    publisher = stage.publisher()
    publisher.publish([record(1)], b"1")
    with pytest.raises(RecycleError) as caught:
        publisher.publish([record(2), record(3, b"x" * 2_000_000)], b"3")
    assert caught.value.reason == "abort"

    # Then neither its first event nor its checkpoint is there, but for readers of uncommitted records
    assert (stage.visible(), stage.newest_checkpoint()) == ([1], b"1")
    assert [message.key() for message in kafka.read(stage.events, "read_uncommitted")] == [b"1", b"2"]

    # And the next publisher goes on
    stage.publisher().publish([record(2)], b"2")
    assert (stage.visible(), stage.newest_checkpoint()) == ([1, 2], b"2")


def test_a_publisher_that_is_fenced_between_two_pages_publishes_nothing_more(stage: Stage) -> None:
    older = stage.publisher()
    older.publish([record(1)], b"1")
    newer = stage.publisher()
    with pytest.raises(FencedError):
        older.publish([record(2)], b"older")
    newer.publish([record(2)], b"newer")
    assert (stage.visible(), stage.newest_checkpoint()) == ([1, 2], b"newer")


def test_a_publisher_that_is_fenced_in_the_middle_of_a_page_leaves_nothing_of_it(stage: Stage) -> None:
    older = stage.publisher()
    newer: list[Publisher] = []

    def take_over() -> None:
        wait_until(lambda: stage.offsets()[1] > 0, message="the first event is in the topic")
        newer.append(stage.publisher())

    with pytest.raises(FencedError):
        older.publish(Records(record(1), record(2), meanwhile=take_over), b"older")
    assert stage.visible() == []
    newer[0].publish([record(1), record(2)], b"newer")
    assert (stage.visible(), stage.newest_checkpoint()) == ([1, 2], b"newer")


def test_a_transaction_that_a_dead_producer_left_open_is_ended_by_the_next(stage: Stage) -> None:
    # Given a producer that has written events, and is gone without a word
    dead = stage.client()
    dead.init_transactions(30)
    dead.begin_transaction()
    dead.produce(stage.events, b"value", b"1", partition=0)
    assert dead.flush(30) == 0
    stable, end = stage.offsets()
    assert stable < end

    # When the next one takes over, then readers are held up no longer, and see the event once
    stage.publisher().publish([record(1)], b"1")
    wait_until(lambda: len(set(stage.offsets())) == 1, message="nothing is open")
    assert (stage.visible(), stage.newest_checkpoint()) == ([1], b"1")


def test_a_transaction_that_the_broker_gave_up_is_no_longer_written_to(
    own_broker: Callable[..., Broker],
) -> None:
    # Given a transaction that lasts longer than the broker allows: nobody else has taken over
    quick = {"transaction.abort.timed.out.transaction.cleanup.interval.ms": "100"}
    stage = Stage(Kafka(own_broker(properties=quick)), timeout_ms=1_000)

    def is_given_up() -> bool:
        stable, end = stage.offsets()
        return 0 < end == stable

    publisher = stage.publisher()
    slow = Records(record(1), record(2), meanwhile=lambda: wait_until(is_given_up))
    with pytest.raises(FencedError):
        publisher.publish(slow, b"2")
    assert stage.visible() == []

    stage.publisher().publish([record(1), record(2)], b"2")
    assert stage.visible() == [1, 2]
    stage.close()


def test_active_and_standby_tell_for_how_long_an_open_transaction_holds_readers_up(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(SiteOptions(events=20)) as site:
        # Given two producers, and a stranger that leaves a transaction open in the topic
        bench = Bench(spawn, tmp_path, kafka, site)
        both = [bench.start(), bench.start()]
        bench.wait_for_all()
        stranger = Producer(
            {
                "bootstrap.servers": kafka.bootstrap_servers,
                "transactional.id": kafka.topic("stranger"),
                "transaction.timeout.ms": 600_000,
                "log_level": 0,
            }
        )
        stranger.init_transactions(30)
        stranger.begin_transaction()
        stranger.produce(bench.topic, b"value", b"0", partition=0)
        assert stranger.flush(30) == 0

        # Then both say so, also while events are committed behind it
        site.admin.write_events(3)
        name = "last_stable_offset_lag_seconds"
        wait_until(lambda: all(one.metric(name) > 4 for one in both), message="both tell it")
        status = bench.command("status")
        assert status.wait() == 0, status.describe()
        assert "a transaction is open" in status.stdout

        # And say when it is over
        stranger.abort_transaction(30)
        wait_until(lambda: all(one.metric(name) == 0 for one in both), message="it is over")
        bench.wait_for_all()


def test_an_event_that_appears_long_after_is_still_published_once_and_says_how_late_it_is(
    spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka
) -> None:
    with SandboxSite(SiteOptions(events=10, writers=1, id_block=1)) as site:
        # Given a missing event that is both old and deep, so that it is no longer asked for with every poll
        late = site.admin.open_transaction(1)
        site.admin.write_events(NEAR_IDS + 50)
        bench = Bench(spawn, tmp_path, kafka, site)
        producer = bench.start()
        bench.wait_for_all()
        site.admin.advance(HOT_SECONDS + 60)
        wait_until(lambda: producer.metric("holes", tier="cold") == 1, message="it is cold")

        # When it appears at last, then it is found when its turn comes
        site.admin.commit(late)
        site.admin.advance(2 * FIRST_INTERVAL)
        bench.wait_for_all()
        message = next(one for one in bench.messages() if one.key() == str(late.ids[0]).encode())
        assert int(dict(message.headers() or [])["late"]) > HOT_SECONDS
        assert producer.metric("fill_delay_ids_sum") >= NEAR_IDS


@pytest.fixture
def proxy() -> Iterator[KafkaProxy]:
    proxy = KafkaProxy()
    yield proxy
    proxy.close()


@pytest.fixture
def behind_proxy(own_broker: Callable[..., Broker], proxy: KafkaProxy) -> Kafka:
    """A broker whose clients all come through the proxy."""
    broker = own_broker(properties={"advertised.listeners": f"PLAINTEXT://127.0.0.1:{proxy.port}"})
    proxy.broker_port = int(broker.bootstrap_servers.rpartition(":")[2])
    return Kafka(broker)


@pytest.mark.timeout(300)
def test_whatever_answer_is_lost_and_whenever_it_is_killed_each_event_is_there_once(
    spawn: Callable[..., Process], tmp_path: Path, behind_proxy: Kafka, proxy: KafkaProxy
) -> None:
    with SandboxSite(SiteOptions(events=20, writers=1, id_block=1)) as site:
        bench = Bench(spawn, tmp_path, behind_proxy, site, servers=proxy.bootstrap_servers)
        producer = bench.start()
        bench.wait_for_all()

        # When requests or their answers are lost, the producer goes on by itself
        for request, moment in (
            (END_TXN, Moment.AFTER),
            (END_TXN, Moment.BEFORE),
            (PRODUCE, Moment.AFTER),
            (PRODUCE, Moment.BEFORE),
            (ADD_PARTITIONS, Moment.AFTER),
        ):
            proxy.cut(request, moment)
            site.admin.write_events(3)
            assert proxy.has_cut.wait(PATIENCE)
            bench.wait_for_all()

        # And when it is killed at such a moment, the next one does
        for request, moment in (
            (END_TXN, Moment.AFTER),
            (END_TXN, Moment.BEFORE),
            (PRODUCE, Moment.AFTER),
            (INIT_PRODUCER_ID, Moment.AFTER),
        ):
            if request == INIT_PRODUCER_ID:
                assert producer.process.terminate() == 0
                producer = bench.start()
            victim = producer.process
            proxy.cut(request, moment, lambda victim=victim: victim.signal(signal.SIGKILL))  # type: ignore[misc]
            site.admin.write_events(3)
            assert proxy.has_cut.wait(PATIENCE)
            assert victim.wait() == -signal.SIGKILL
            producer = bench.start()
            bench.wait_for_all()
        assert producer.metric("reconciled_events_total") == 0


@pytest.mark.timeout(300)
def test_clients_that_have_lost_their_brokers_for_good_are_replaced(
    spawn: Callable[..., Process], tmp_path: Path, behind_proxy: Kafka, proxy: KafkaProxy
) -> None:
    with SandboxSite(SiteOptions(events=20, writers=1, id_block=1)) as site:
        # Given an active producer and a standby whose clients, once told that there is no broker, never look again,
        # which librdkafka otherwise does now and then
        bench = Bench(spawn, tmp_path, behind_proxy, site, servers=proxy.bootstrap_servers)
        bench.values["kafka"]["properties"] = {
            "metadata.recovery.strategy": "none",
            "topic.metadata.refresh.interval.ms": 500,
        }
        active = bench.start()
        bench.wait_for_all()
        standby = bench.start()
        wait_until(lambda: standby.readiness() == "ready", message="the standby is ready")

        # When a broker says so to all of them
        proxy.hides_brokers = True
        for one in (active, standby):
            wait_until(lambda one=one: one.readiness() != "ready", message="it has lost Kafka")  # type: ignore[misc]
        proxy.hides_brokers = False

        # Then both come back, whichever is active, and the other one can take over
        site.admin.write_events(10)
        bench.wait_for_all()
        first, second = (active, standby) if active.metric("active") == 1 else (standby, active)
        wait_until(lambda: second.readiness() == "ready", message="the other one stands by")
        first.process.kill()
        site.admin.write_events(10)
        bench.wait_for_all()
        assert second.process.terminate() == 0
