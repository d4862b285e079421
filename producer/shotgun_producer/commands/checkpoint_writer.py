"""Writing the checkpoint from a command: only as the one elected, and behind the fence."""

from __future__ import annotations

import threading

from prometheus_client import CollectorRegistry

from shotgun_runtime.errors import StreamError
from shotgun_runtime.kafka import BrokerWatch, new_producer, producer_config
from shotgun_runtime.settings import Settings

from ..checkpoint_log import StoredCheckpoint, newest_checkpoint
from ..election import SESSION_MS, Election, transactional_id_of
from ..errors import FencedError, RecycleError
from ..log_reader import LogReader
from ..metrics import Metrics
from ..publisher import Publisher

ELECTION_SECONDS = 2 * SESSION_MS / 1000 + 3
"""A killed instance keeps its place for one session; another session for the group to settle."""


def replace_checkpoint(settings: Settings, value: bytes | None, judged: StoredCheckpoint | None) -> None:
    """Writes `value`, or with None the tombstone that takes the checkpoint back.

    `judged` is the newest record that was looked at when this was decided. Raises StreamError when a producer is
    active, when there is a newer record, and when it cannot be written; nothing was changed then.
    """
    election = Election(settings, threading.Event())
    election.join()
    try:
        term = election.wait_for_term(ELECTION_SECONDS)
        if term is None:
            raise StreamError(
                f"a producer is active on {settings.stream.topic}: its checkpoint is in use. Stop every producer of "
                "this topic, then run the command again"
            )
        try:
            _write(settings, value, judged, term.halt)
        finally:
            term.finished.set()
    finally:
        election.close(ELECTION_SECONDS)


def _write(
    settings: Settings, value: bytes | None, judged: StoredCheckpoint | None, halt: threading.Event
) -> None:
    watch = BrokerWatch(settings.kafka.bootstrap_servers)
    config = producer_config(settings, transactional_id=transactional_id_of(settings), watch=watch)
    stream = settings.stream
    publisher = Publisher(
        new_producer(config),
        topic=stream.topic,
        checkpoint_topic=stream.checkpoint_topic,
        metrics=Metrics(CollectorRegistry()),
    )
    try:
        publisher.fence(halt)
        _require_unchanged(settings, judged, halt)
        publisher.write_checkpoint(value)
    except (FencedError, RecycleError) as error:
        raise StreamError(f"the checkpoint was not changed: {error}; run the command again") from None
    finally:
        publisher.close(SESSION_MS / 1000)


def _require_unchanged(settings: Settings, judged: StoredCheckpoint | None, halt: threading.Event) -> None:
    """Behind the fence nobody else can write, so what is found now stays."""
    reader = LogReader.open(settings, halt)
    try:
        found = newest_checkpoint(reader, settings.stream.checkpoint_topic)
    finally:
        reader.close()
    if found != judged:
        raise StreamError(
            "a producer has gone on since the checkpoint was looked at; nothing was changed. Run the command again"
        )
