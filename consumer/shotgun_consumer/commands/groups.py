"""`shotgun-consumer groups`: how the groups fare, from any host."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from contextlib import closing

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.settings import Settings
from shotgun_schemas import control

from ..positions.group_report import Found, GroupReport, Neighbours, as_json, as_text, report
from ..positions.placement import Known, Witness
from ..positions.position import Position
from ..positions.topic_reader import Bounds, TopicReader
from .options import log_to_stderr
from .view import StreamView, open_view, team_prefix

_BACK = 20
"""Offsets before a position that are looked at for the event before it; between two events lies at most a marker."""


@click.command()
@click.argument("names", nargs=-1, metavar="[GROUP]...")
@click.option("--all", "every", is_flag=True, help="The groups of all teams, not only of consumer.team.")
@click.option("--team", metavar="TEAM", help="Another team than consumer.team.")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON array.")
@config_options
def groups(
    settings: Settings, names: tuple[str, ...], every: bool, team: str | None, wants_json: bool
) -> None:
    """List groups: state, lag, last event, oldest unfinished event.

    Without GROUP: those of the team. Told from Kafka and the control topic alone, so it works from any host.
    """
    log_to_stderr(settings)
    if sum((every, team is not None, bool(names))) > 1:
        raise click.UsageError("give GROUP, --team or --all, only one of them")
    with open_view(settings) as view:
        if names:
            for name in names:
                view.require_group(name)
            chosen = list(names)
        else:
            chosen = view.groups("" if every else _prefix(settings, team))
        reports = look(view, chosen)
    if wants_json:
        click.echo(json.dumps(as_json(reports)))
    elif reports:
        click.echo(as_text(reports))
    else:
        whom = "nobody" if every else f"no group of {_prefix(settings, team)}*"
        click.echo(
            f"{whom} has read {settings.stream.topic} yet; `shotgun-consumer groups --all` lists all teams'"
        )


def _prefix(settings: Settings, team: str | None) -> str:
    if team is None:
        return team_prefix(settings)
    return f"{settings.consumer.group_prefix}{team}."


def look(view: StreamView, names: list[str]) -> list[GroupReport]:
    """How these groups fare. Raises StreamError, KafkaRefusedError."""
    records = view.control()
    positions = view.positions(names)
    members = view.members(names)
    limits = view.bounds()
    points = {(p, one.offset) for group in positions.values() for p, one in group.items()}
    with closing(view.reader()) as reader:
        around = {point: neighbours(reader, limits, *point) for point in points}
    reports = []
    for name in names:
        mine = positions[name]
        record = records.get(control.group_key(name))
        known = Known(
            group=name,
            topic=view.topic,
            identity=view.identity,
            witness=None if record is None else Witness.from_fields(record.fields),
            committed=_offsets(mine),
            bounds=limits,
        )
        near = {partition: around[partition, one.offset] for partition, one in mine.items()}
        reports.append(report(Found(known, mine, near, members[name]), records, time.time()))
    return reports


def neighbours(reader: TopicReader, limits: Bounds, partition: int, offset: int) -> Neighbours:
    """The records on both sides of an offset."""
    if partition not in limits:
        return Neighbours(None, None)
    low, end = limits[partition]
    before = None
    with closing(reader.records({partition: (max(low, offset - _BACK), end)})) as records:
        for record in records:
            if record.offset >= offset:
                return Neighbours(before, record)
            before = record
    return Neighbours(before, None)


def _offsets(positions: Mapping[int, Position]) -> dict[int, int | None]:
    return {partition: one.offset for partition, one in positions.items()}
