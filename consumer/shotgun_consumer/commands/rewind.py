"""`shotgun-consumer rewind`: sets where a group goes on, also while its members run."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.control import ControlWriter
from shotgun_runtime.settings import Settings
from shotgun_runtime.start import Start, parse_start
from shotgun_schemas import control

from ..positions.group_move import Move
from ..positions.group_positions import write_positions
from ..positions.position import Position
from .control_desk import myself
from .held_group import held_group
from .options import log_to_stderr, parse_time, parsed_by, require_yes
from .view import StreamView, open_view


def _read_id(text: str) -> Start:
    if not (text.isascii() and text.isdigit()):
        raise ValueError("an event id; give a number such as 123456")
    return parse_start(text)


@click.command()
@click.argument("group")
@click.option(
    "--to-event",
    "event",
    metavar="ID",
    callback=parsed_by(_read_id),
    help="Go on at this event; it is run again.",
)
@click.option(
    "--to-time",
    "moment",
    metavar="DATE|AGO",
    callback=parsed_by(parse_time),
    help="Go on at the first event of that time or later: a date (UTC), or how long ago, such as 2h.",
)
@click.option("--to-earliest", is_flag=True, help="Go on at the first event of the stream.")
@click.option("--to-latest", is_flag=True, help="Go on at the end: everything up to now is passed over.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--yes", is_flag=True, help="Do it without a question.")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON object.")
@config_options
def rewind(
    settings: Settings,
    group: str,
    event: Start | None,
    moment: Start | None,
    to_earliest: bool,
    to_latest: bool,
    dry_run: bool,
    yes: bool,
    wants_json: bool,
) -> None:
    """Set where GROUP goes on, forwards or back.

    Its members need not be stopped: they finish what they run, leave the group for a moment, and go on at the new
    position. A group that waits for a decision goes on as well.
    """
    named = [
        event,
        moment,
        Start("earliest") if to_earliest else None,
        Start("latest") if to_latest else None,
    ]
    chosen = [one for one in named if one is not None]
    if len(chosen) != 1:
        raise click.UsageError(
            "say where to go on: exactly one of --to-event ID, --to-time DATE|AGO, --to-earliest and --to-latest"
        )
    log_to_stderr(settings)
    with open_view(settings) as view:
        move = plan_move(view, group, chosen[0])
        click.echo(move.as_text(), err=wants_json)
        if not dry_run:
            require_yes(yes, "Go on?")
            with view.writer() as writer:
                move = rewind_group(view, writer, move, chosen[0], lambda text: click.echo(text, err=True))
    if wants_json:
        click.echo(json.dumps({**move.as_json(), "moved": not dry_run}))
    elif not dry_run:
        for partition, offset in sorted(move.new.items()):
            click.echo(f"{group}: {settings.stream.topic}[{partition}] goes on at offset {offset}")


def plan_move(view: StreamView, group: str, to: Start) -> Move:
    """What going on at `to` means for the group now. Raises ConfigurationError for a group or event nobody knows."""
    positions = view.require_group(group)
    limits = view.bounds()
    offsets, place = view.resolve(to, limits)
    ends = {number: end for number, (_, end) in limits.items()}
    return Move(group, view.topic, place, positions, offsets, ends)


def rewind_group(
    view: StreamView, writer: ControlWriter, plan: Move, to: Start, say: Callable[[str], None]
) -> Move:
    """Do what was planned, and return what it came to: members went on working meanwhile, and events came.

    Raises as `held_group`, and KafkaRefusedError when Kafka does not accept the position.
    """
    with held_group(view, writer, plan.group, f"rewind to {to}", say):
        ends = {number: end for number, (_, end) in view.bounds().items()}
        offsets = ends if to.kind == "latest" else plan.new
        done = replace(plan, old=view.positions([plan.group])[plan.group], new=offsets, ends=ends)
        chosen = {number: Position(offset) for number, offset in offsets.items()}
        write_positions(view.client, plan.group, view.topic, chosen)
        writer.put(
            control.group_key(plan.group),
            by=myself(),
            reason=f"rewind to {to}",
            topic_id=view.identity.topic_id,
            partitions=view.identity.partitions,
            event_id=to.event_id,
            event_at=None,
        )
    return done
