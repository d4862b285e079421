"""`shotgun-consumer replay`: has a group run single events again, without moving its position."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from dataclasses import asdict, dataclass

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import Settings
from shotgun_schemas import control

from ..positions.group_report import table
from .control_desk import myself
from .options import log_to_stderr, require_yes
from .view import StreamView, open_view

_COLUMNS = ("event", "place", "callback", "")
EVERY_CALLBACK = "*"
"""In a record's key: all callbacks that want the event."""


@dataclass(frozen=True, slots=True)
class Replay:
    """One event that is to be run again. `note` says why it is not."""

    event_id: int
    partition: int
    offset: int
    callback: str
    note: str = ""


@click.command()
@click.argument("group")
@click.option(
    "--event",
    "events",
    multiple=True,
    required=True,
    type=click.IntRange(0),
    metavar="ID",
    help="Repeatable.",
)
@click.option(
    "--callback",
    "callbacks",
    multiple=True,
    metavar="NAME",
    help="Only this callback (in a merged group PLUGIN/NAME). Repeatable. Default: all that want the event.",
)
@click.option("--reason", default="", metavar="TEXT", help="Why; it stands in the control record.")
@click.option("--dry-run", is_flag=True, help="Say what would happen, and change nothing.")
@click.option("--yes", is_flag=True, help="Do it without a question.")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON array.")
@config_options
def replay(
    settings: Settings,
    group: str,
    events: tuple[int, ...],
    callbacks: tuple[str, ...],
    reason: str,
    dry_run: bool,
    yes: bool,
    wants_json: bool,
) -> None:
    """Have GROUP run these events again, and nothing else.

    The member that owns an event's partition runs it, behind what is being done for the same entity. Events that the
    group has yet to run anyway are left out.
    """
    log_to_stderr(settings)
    with open_view(settings) as view:
        plan = plan_replays(view, group, events, callbacks or (EVERY_CALLBACK,))
        rows = [
            (str(one.event_id), f"[{one.partition}]@{one.offset}", one.callback, one.note) for one in plan
        ]
        click.echo("\n".join(table([_COLUMNS, *rows])), err=wants_json)
        chosen = [one for one in plan if not one.note]
        if not dry_run and chosen:
            require_yes(yes, f"Have {group!r} run {len(chosen)} event(s) again?")
            order(view, group, chosen, reason)
            if not view.members([group])[group]:
                click.echo(f"{group} has no members now; the next one that starts runs them", err=True)
    if wants_json:
        click.echo(json.dumps([{**asdict(one), "ordered": not dry_run and not one.note} for one in plan]))


def plan_replays(
    view: StreamView, group: str, events: Sequence[int], callbacks: Sequence[str]
) -> list[Replay]:
    """Where these events lie. Raises ConfigurationError for a group or an event that nobody knows."""
    for name in callbacks:
        if not all(name.split("/")) or name.count("/") > 1:
            raise ConfigurationError(
                f"{name!r} is no callback; `shotgun-consumer check` lists a plugin's callbacks, and in a merged group "
                "PLUGIN/ stands before each"
            )
    positions = view.require_group(group)
    with closing(view.reader()) as reader:
        found = reader.find_all(events, view.bounds())
    plan = []
    for event_id in dict.fromkeys(events):
        record = found[event_id]
        position = positions.get(record.partition)
        done = position is not None and position.is_finished(record.offset)
        note = "" if done else "left out: the group has yet to run it"
        plan += [Replay(event_id, record.partition, record.offset, name, note) for name in callbacks]
    return plan


def order(view: StreamView, group: str, chosen: Sequence[Replay], reason: str) -> None:
    """Write the control records that the members obey, and take back once the event has run."""
    with view.writer() as writer:
        for one in chosen:
            key = control.replay_key(group, one.partition, one.offset, one.callback)
            writer.put(key, by=myself(), reason=reason or "replay", event_id=one.event_id)
