"""`shotgun-consumer pause`, `resume` and `skip`: orders to all members of a group, on whatever hosts they run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.log import configure_logging
from shotgun_runtime.settings import Settings
from shotgun_schemas import control

from ..orders.orders import GroupRecords, records_of
from .control_desk import ControlDesk, open_desk

SERVICE = "shotgun-consumer"

_reason = click.option(
    "--reason", default="", metavar="TEXT", help="Why; members show it in their log and status."
)
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")


@click.command()
@click.argument("group")
@_reason
@_json
@config_options
def pause(settings: Settings, group: str, reason: str, as_json: bool) -> None:
    """Have the members of GROUP start no more events, until `resume`. It outlasts their restart.

    What runs now runs to its end. The members stay in the group, and the position stays where it is.
    """
    with _desk(settings, group) as desk:
        desk.put(control.pause_key(group), reason)
    _say(
        as_json,
        {"group": group, "paused": True, "reason": reason},
        f"{group} starts no more events; '{SERVICE} resume {group}' lets it go on",
    )


@click.command()
@click.argument("group")
@_reason
@_json
@config_options
def resume(settings: Settings, group: str, reason: str, as_json: bool) -> None:
    """Let a paused GROUP go on, and have it try again the events that it stopped at."""
    with _desk(settings, group) as desk:
        mine = records_of(group, desk.records)
        if mine.pause is not None:
            desk.take_back(control.pause_key(group))
        desk.put(control.resume_key(group), reason)
    was = f"paused by {mine.pause.by} ({mine.pause.reason})" if mine.pause else "not paused"
    _say(
        as_json,
        {"group": group, "paused": False, "was_paused": mine.pause is not None, "reason": reason},
        f"{group} was {was}; it goes on, and tries again what it stopped at: {_stops(mine) or 'nothing'}",
    )


@click.command()
@click.argument("group")
@click.option("--partition", type=click.IntRange(0), help="The partition, where the group stays in several.")
@click.option(
    "--offset", type=click.IntRange(0), help="The event's offset, to pass over one that is still to come."
)
@_reason
@_json
@config_options
def skip(
    settings: Settings, group: str, partition: int | None, offset: int | None, reason: str, as_json: bool
) -> None:
    """Pass over the event that GROUP stays at, for all callbacks that have not ended; it counts as skipped."""
    if offset is not None and partition is None:
        raise click.UsageError("--offset needs --partition: offsets count in each partition for itself")
    with _desk(settings, group) as desk:
        mine = records_of(group, desk.records)
        place, event = _chosen(group, mine, partition, offset)
        desk.put(control.skip_key(group, *place), reason, event_id=event)
    topic = settings.stream.topic
    _say(
        as_json,
        {"group": group, "partition": place[0], "offset": place[1], "event_id": event, "reason": reason},
        f"{group} passes over {'the event' if event is None else f'event {event}'} at {topic}[{place[0]}]@{place[1]}",
    )


def _chosen(
    group: str, mine: GroupRecords, partition: int | None, offset: int | None
) -> tuple[tuple[int, int], int | None]:
    """Partition and offset of the event that is meant, and its id when that is known."""
    stops = {number: record for number, record in sorted(mine.stops.items()) if partition in (None, number)}
    if partition is not None and offset is not None:
        known = stops.get(partition)
        same = known is not None and known.fields.get("offset") == offset
        return (partition, offset), known.fields.get("event_id") if known is not None and same else None
    if not stops:
        where = "" if partition is None else f" in partition {partition}"
        raise ConfigurationError(
            f"group {group!r} does not stay at an event{where}; to pass over one that is still to come, "
            "give --partition and --offset"
        )
    if len(stops) > 1:
        raise ConfigurationError(
            f"group {group!r} stays at several events: {_stops(mine)}; choose one with --partition"
        )
    ((number, record),) = stops.items()
    return (number, int(record.fields["offset"])), record.fields.get("event_id")


def _stops(mine: GroupRecords) -> str:
    return ", ".join(
        f"event {record.fields.get('event_id')} in partition {partition}"
        for partition, record in sorted(mine.stops.items())
    )


@contextmanager
def _desk(settings: Settings, group: str) -> Iterator[ControlDesk]:
    """The control topic for an order to a group that is known."""
    configure_logging(settings.logging, service=SERVICE, stream=sys.stderr)
    with open_desk(settings) as desk:
        desk.require_group(group)
        yield desk


def _say(as_json: bool, facts: dict[str, Any], text: str) -> None:
    click.echo(json.dumps(facts) if as_json else text)
