"""A group's thread does not wait for ever for a Kafka client that does not come back."""

from __future__ import annotations

import threading

from shotgun_consumer.partitions.leaving import leave


class Client:
    """A consumer whose `close` returns when it may."""

    def __init__(self) -> None:
        self.may_return = threading.Event()
        self.closed = threading.Event()

    def close(self) -> None:
        self.may_return.wait(60)
        self.closed.set()


def test_a_client_that_leaves_is_waited_for() -> None:
    client = Client()
    client.may_return.set()
    assert leave(client)
    assert client.closed.is_set()


def test_a_client_that_does_not_come_back_from_leaving_is_left_to_itself() -> None:
    client = Client()
    try:
        assert not leave(client, 0.05)
    finally:
        client.may_return.set()
    assert client.closed.wait(60)
