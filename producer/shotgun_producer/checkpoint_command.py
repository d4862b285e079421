"""`shotgun-producer checkpoint`: look at the checkpoint, or take it back."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import click
from prometheus_client import CollectorRegistry

from shotgun_runtime.cli import config_options
from shotgun_runtime.errors import DecisionNeededError, StreamError
from shotgun_runtime.kafka import BrokerWatch, admin, new_producer, producer_config, require_broker
from shotgun_runtime.settings import Settings, require_kafka
from shotgun_schemas.checkpoint import Checkpoint, decode_checkpoint
from shotgun_schemas.framing import DecodeError

from .checkpoint_log import StoredCheckpoint, newest_checkpoint
from .election import SESSION_MS, Election, transactional_id_of
from .errors import FencedError, RecycleError
from .log_reader import LogReader
from .metrics import Metrics
from .publisher import Publisher

ELECTION_SECONDS = 2 * SESSION_MS / 1000 + 3
"""A killed instance keeps its place for one session; another session for the group to settle."""


@click.group()
def checkpoint() -> None:
    """Show or reset what the producer remembers."""


@checkpoint.command()
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
def show(settings: Settings, as_json: bool) -> None:
    """Print the newest checkpoint."""
    stored = _read(settings)
    if stored is None or stored.value is None:
        state = "was reset" if stored else "there is none"
        click.echo("{}" if as_json else f"no checkpoint: {state}")
        return
    try:
        found = decode_checkpoint(stored.value)
    except DecodeError as error:
        raise StreamError(f"{error}; offset {stored.offset} of {settings.stream.checkpoint_topic}") from None
    click.echo(json.dumps(asdict(found)) if as_json else _as_text(found, stored))


@checkpoint.command()
@click.option("--yes", is_flag=True, help="Do it; without this, only what would happen is said.")
@config_options
def reset(settings: Settings, yes: bool) -> None:
    """Forget how far the site was read; the producer begins anew at producer.start."""
    stored = _read(settings)
    click.echo(_consequence(settings, stored))
    if not yes:
        raise DecisionNeededError("nothing was changed; run: shotgun-producer checkpoint reset --yes")
    with_stop = threading.Event()
    election = Election(settings, with_stop)
    election.join()
    try:
        term = election.wait_for_term(ELECTION_SECONDS)
        if term is None:
            raise StreamError(
                f"a producer is active on {settings.stream.topic}: its checkpoint is in use. Stop every producer of "
                "this topic, then run the command again"
            )
        try:
            _write_tombstone(settings, term.halt)
        finally:
            term.finished.set()
    finally:
        election.close(ELECTION_SECONDS)
    click.echo("The checkpoint was reset. A producer that waits for this decision goes on by itself.")


def _read(settings: Settings) -> StoredCheckpoint | None:
    require_kafka(settings.kafka)
    require_broker(admin(settings), settings.kafka.bootstrap_servers)
    reader = LogReader.open(settings, threading.Event())
    try:
        return newest_checkpoint(reader, settings.stream.checkpoint_topic)
    except RecycleError as error:
        raise StreamError(f"the checkpoint cannot be read: {error}") from None
    finally:
        reader.close()


def _write_tombstone(settings: Settings, halt: threading.Event) -> None:
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
        publisher.write_checkpoint(None)
    except (FencedError, RecycleError) as error:
        raise StreamError(f"the checkpoint was not reset: {error}; run the command again") from None
    finally:
        publisher.close(SESSION_MS / 1000)


def _consequence(settings: Settings, stored: StoredCheckpoint | None) -> str:
    start = settings.producer.start
    if stored is None or stored.value is None:
        known = "There is no checkpoint to forget."
    else:
        known = f"The checkpoint forgets {_border(stored)}."
    return (
        f"{known} The producer then begins anew at producer.start, which is {start} in this configuration: events "
        f"before that are not published, and events behind it that {settings.stream.topic} already holds are "
        "published a second time."
    )


def _border(stored: StoredCheckpoint) -> str:
    try:
        found = decode_checkpoint(stored.value or b"")
    except DecodeError:
        return "what it held, which cannot be read"
    return f"that the site was read up to event {found.head}, and {len(found.holes)} ranges of missing ids"


def _as_text(found: Checkpoint, stored: StoredCheckpoint) -> str:
    missing = sum(hole.last - hole.first + 1 for hole in found.holes)
    lines: list[tuple[str, Any]] = [
        ("site", found.site),
        ("topic", f"{found.topic} ({found.partitions} partitions, id {found.topic_id})"),
        ("installation", found.installation),
        ("head", found.head),
        ("holes", f"{len(found.holes)} ranges, {missing} ids"),
        ("begun behind", f"{found.start_head}, with {len(found.initial_holes)} ranges missing then"),
        ("end offsets", ", ".join(map(str, found.end_offsets))),
        ("written", datetime.fromtimestamp(found.written_at, timezone.utc).isoformat(timespec="seconds")),
        ("record", f"offset {stored.offset}, {len(stored.value or b'')} bytes"),
    ]
    return "\n".join(f"{name + ':':<14}{value}" for name, value in lines)
