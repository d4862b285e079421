"""`shotgun-consumer positions`: take groups' positions to another topic, as event ids."""

from __future__ import annotations

import json
import sys
from contextlib import closing
from typing import TextIO

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import Settings

from ..positions.group_report import table
from ..positions.position import Position
from ..positions.positions_file import LATE_IDS, Export, FirstUnfinished, GroupExport, decode, encode
from .options import log_to_stderr, require_yes
from .placement_write import COLUMNS, Wish, plan_positions, write_plans
from .view import StreamView, open_view, team_prefix


@click.group()
def positions() -> None:
    """Export and import positions: the way to a new topic, more partitions or another cluster."""


@positions.command("export")
@click.argument("names", nargs=-1, metavar="[GROUP]...")
@click.option("--all", "every", is_flag=True, help="The groups of all teams, not only of consumer.team.")
@click.option(
    "--output",
    type=click.File("w", lazy=True),
    default="-",
    metavar="FILE",
    help="Where to write. Default: the terminal.",
)
@config_options
def export_(settings: Settings, names: tuple[str, ...], every: bool, output: TextIO) -> None:
    """Write where groups are, as JSON with event ids. Reads the topic twice and changes nothing."""
    log_to_stderr(settings)
    if names and every:
        raise click.UsageError("give GROUP or --all, not both")
    with open_view(settings) as view:
        for name in names:
            view.require_group(name)
        chosen = list(names) or view.groups("" if every else team_prefix(settings))
        placed = _placed(view, chosen)
        groups = export_groups(view, placed)
        output.write(encode(view.topic, view.identity.topic_id, groups) + "\n")
    click.echo(f"{len(groups)} group(s) exported", err=True)


def _placed(view: StreamView, names: list[str]) -> dict[str, dict[int, Position]]:
    """The groups that have a position in every partition; the others are said."""
    found = view.positions(names)
    whole = {name: mine for name, mine in found.items() if len(mine) == len(view.partitions)}
    if not whole:
        raise ConfigurationError(
            f"no group with a position in {view.topic}; `shotgun-consumer groups --all` lists them"
        )
    for name in sorted(found.keys() - whole.keys()):
        click.echo(f"{name} is left out: it has no position in every partition", err=True)
    return whole


def export_groups(view: StreamView, placed: dict[str, dict[int, Position]]) -> list[GroupExport]:
    """Where these groups are, as event ids. Raises StreamError, KafkaRefusedError."""
    limits = view.bounds()
    first = FirstUnfinished(placed)
    lowest = {p: min(mine[p].offset for mine in placed.values()) for p in limits}
    # A little more than what is unfinished, to learn which ids are the newest.
    tail = {p: (max(low, min(end, lowest[p]) - LATE_IDS), end) for p, (low, end) in limits.items()}
    with closing(view.reader()) as reader:
        for record in reader.records(tail):
            first.add(record)
        export = Export(placed, first)
        for record in reader.records(limits):
            export.add(record)
    return export.groups()


@positions.command("import")
@click.argument("file", type=click.File("r"))
@click.argument("names", nargs=-1, metavar="[GROUP]...")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--yes", is_flag=True, help="Do it without a question.")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON array.")
@config_options
def import_(
    settings: Settings, file: TextIO, names: tuple[str, ...], dry_run: bool, yes: bool, wants_json: bool
) -> None:
    """Set the positions that FILE holds, of all its groups or of these, in the configured topic.

    Reads the topic to find them, and refuses while it does not reach back far enough.
    """
    log_to_stderr(settings)
    groups = _chosen(decode(file.read(), file.name), names, file.name)
    wishes = [Wish(group.group, group.is_done, group.first_needed, group.highest_done) for group in groups]
    with open_view(settings) as view:
        plans = plan_positions(view, wishes)
        text = "\n".join(table([COLUMNS, *(plan.as_row() for plan in plans)]))
        click.echo(text, err=wants_json)
        if not dry_run:
            require_yes(yes, "Set these positions?")
            write_plans(view, plans, f"positions import {file.name}", lambda line: click.echo(line, err=True))
    if wants_json:
        click.echo(json.dumps([{**plan.as_json(), "moved": not dry_run} for plan in plans]))
    elif not dry_run:
        click.echo(f"{len(plans)} group(s) placed in {settings.stream.topic}", file=sys.stderr)


def _chosen(groups: list[GroupExport], names: tuple[str, ...], source: str) -> list[GroupExport]:
    known = {group.group: group for group in groups}
    missing = [name for name in names if name not in known]
    if missing:
        raise ConfigurationError(
            f"{source} has no group {', '.join(missing)}; it has {', '.join(known) or 'none'}"
        )
    return [known[name] for name in names] if names else groups
