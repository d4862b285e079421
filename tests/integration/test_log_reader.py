"""Reading a partition while its broker does not answer: an answer that did not come is no empty topic."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic
from support import PATIENCE, wait_until

from shotgun_producer.checkpoint_log import newest_checkpoint
from shotgun_producer.errors import RecycleError
from shotgun_producer.log_reader import LogReader
from shotgun_runtime.settings import Settings
from shotgun_sandbox.broker import Broker
from shotgun_schemas.checkpoint import CHECKPOINT_KEY

pytestmark = pytest.mark.kafka


def test_a_checkpoint_on_a_frozen_broker_is_not_taken_for_none(own_broker: Callable[..., Broker]) -> None:
    # Given a checkpoint, and a reader that has read it
    broker = own_broker()
    servers = {"bootstrap.servers": broker.bootstrap_servers, "log_level": 2}
    client = AdminClient(servers)
    client.create_topics([NewTopic("checkpoint", 1, 1)])["checkpoint"].result(PATIENCE)
    writer = Producer(servers)
    writer.produce("checkpoint", b"value", CHECKPOINT_KEY)
    assert writer.flush(PATIENCE) == 0
    settings = Settings(kafka={"bootstrap_servers": broker.bootstrap_servers})
    reader = LogReader.open(settings, threading.Event(), patience=2.0)
    found = wait_until(lambda: newest_checkpoint(reader, "checkpoint"))
    assert found.value == b"value"

    # When the broker freezes for longer than its controller bears, then there is no answer
    broker.pause()
    for _ in range(2):
        with pytest.raises(RecycleError, match=r"checkpoint\[0\]: no answer in time"):
            newest_checkpoint(reader, "checkpoint")
    broker.resume()

    # And the same reader finds the checkpoint again, although its leader has got a new epoch
    assert wait_until(lambda: newest_checkpoint(reader, "checkpoint")) == found
    reader.close()
