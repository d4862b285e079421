"""`shotgun-producer checkpoint`: look at the checkpoint, move it, or take it back."""

from __future__ import annotations

import json
import threading
from dataclasses import asdict
from datetime import datetime, timezone
from typing import Any

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.errors import ConfigurationError, DecisionNeededError, StreamError
from shotgun_runtime.kafka import admin, require_broker
from shotgun_runtime.settings import Settings, require_kafka, require_producer
from shotgun_schemas.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint
from shotgun_schemas.framing import DecodeError

from .. import decisions
from ..checkpoint_log import StoredCheckpoint, newest_checkpoint
from ..errors import RecycleError
from ..event_log import EventLog
from ..log_reader import LogReader
from ..progress import Place
from .checkpoint_consequence import Consequence
from .checkpoint_move import Situation, moved
from .checkpoint_writer import replace_checkpoint
from .site import CommandSiteReader, open_site
from .stream import Stream, open_stream, opened

_GOES_ON = "A producer that waits for this decision goes on by itself."


@click.group()
def checkpoint() -> None:
    """Show, set or reset what the producer remembers."""


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
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
def reset(settings: Settings, yes: bool, as_json: bool) -> None:
    """Forget how far the site was read; the producer begins anew at producer.start."""
    stored = _read(settings)
    if as_json:
        start = settings.producer.start
        click.echo(json.dumps({"forgets": _head(stored), "start": start, "written": yes}))
    else:
        click.echo(_consequence(settings, stored))
    if not yes:
        raise DecisionNeededError("nothing was changed; run: shotgun-producer checkpoint reset --yes")
    replace_checkpoint(settings, None, stored)
    click.echo(f"The checkpoint was reset. {_GOES_ON}", err=as_json)


@checkpoint.command("set")
@click.argument("head", type=click.IntRange(min=0), metavar="ID")
@click.option("--yes", is_flag=True, help="Do it; without this, only what would happen is said.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
def set_(settings: Settings, head: int, yes: bool, as_json: bool) -> None:
    """Go on behind the event ID, whatever was read before.

    The first event that is read then is the one after ID. Without --yes it says which events that leaves out or
    publishes twice.
    """
    require_producer(settings)
    with open_stream(settings) as stream, open_site(settings) as (reader, events):
        stored = stream.stored()
        found = _plan(settings, head, stored, stream, reader, events)
    click.echo(json.dumps(found.as_json(written=yes)) if as_json else found.as_text())
    if not yes:
        raise DecisionNeededError(f"nothing was changed; run: {decisions.set_command(head)}")
    replace_checkpoint(settings, encode_checkpoint(found.new), stored)
    click.echo(f"The checkpoint was set. {_GOES_ON}", err=as_json)


def _plan(
    settings: Settings,
    head: int,
    stored: StoredCheckpoint | None,
    stream: Stream,
    reader: CommandSiteReader,
    events: EventLog,
) -> Consequence:
    """What setting the checkpoint means here and now. Raises ConfigurationError for an id that does not exist yet."""
    newest = events.newest_id() or 0
    if head > newest:
        raise ConfigurationError(
            f"event {head} is not there: the newest event of the site is {newest}; use an id up to {newest}"
        )
    identity = stream.identity()
    place = Place(settings.shotgun.url, settings.stream.topic, identity.topic_id, identity.partitions)
    present = _readable(stored)
    ends = stream.ends(place.partitions)
    situation = Situation(place, ends, newest, _knows(reader, present), events.now())
    held = stream.highest_of_last(ends) if present is None else None
    return Consequence(present, moved(present, head, situation), situation, held)


def _knows(reader: CommandSiteReader, present: Checkpoint | None) -> bool | None:
    """Whether the site shows the checkpoint's anchor as it was; None when it does not show it, or there is none."""
    anchor = None if present is None else present.anchor
    if anchor is None:
        return None
    answer = reader.find([["id", "is", anchor.id]], ["id", "created_at"], halt=threading.Event(), limit=1)
    return answer.rows[0].get("created_at") == anchor.created_at if answer.rows else None


def _readable(stored: StoredCheckpoint | None) -> Checkpoint | None:
    """The checkpoint, None also for one that cannot be read: it is to be replaced."""
    try:
        return opened(stored)
    except DecisionNeededError:
        return None


def _head(stored: StoredCheckpoint | None) -> int | None:
    found = _readable(stored)
    return None if found is None else found.head


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
