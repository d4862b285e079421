"""`shotgun-producer holes`: the ranges of ids that are missing, as the newest checkpoint has them."""

from __future__ import annotations

import json
import time
from datetime import datetime, timezone
from typing import Any

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.duration import format_duration
from shotgun_runtime.settings import Settings
from shotgun_schemas.checkpoint import Hole

from .status_report import tier_of
from .stream import open_stream

_COLUMNS = ("ids", "size", "age", "tier", "next probe")


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON array.")
@config_options
def holes(settings: Settings, wants_json: bool) -> None:
    """List the ranges of ids that are missing, lowest first.

    Ages are told by this machine's clock.
    """
    with open_stream(settings) as stream:
        found = stream.require_checkpoint().holes
    now = time.time()
    click.echo(json.dumps([described(hole, now) for hole in found]) if wants_json else as_table(found, now))


def described(hole: Hole, now: float) -> dict[str, Any]:
    """One range for programs. `next_probe`: seconds since 1970, null when it is part of every poll."""
    return {
        "first": hole.first,
        "last": hole.last,
        "size": hole.last - hole.first + 1,
        "age_seconds": max(0.0, now - hole.first_seen),
        "tier": tier_of(hole),
        "next_probe": hole.probed + hole.interval if hole.interval else None,
    }


def as_table(holes: tuple[Hole, ...], now: float) -> str:
    """The ranges for people, one a line."""
    if not holes:
        return "no ids are missing"
    rows = [_COLUMNS, *(_row(hole, now) for hole in holes)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    return "\n".join(
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(hole: Hole, now: float) -> tuple[str, ...]:
    ids = str(hole.first) if hole.first == hole.last else f"{hole.first} to {hole.last}"
    age = format_duration(round(max(0.0, now - hole.first_seen)))
    return ids, str(hole.last - hole.first + 1), age, tier_of(hole), _next_probe(hole, now)


def _next_probe(hole: Hole, now: float) -> str:
    if not hole.interval:
        return "each poll"
    due = hole.probed + hole.interval
    return "due" if due <= now else datetime.fromtimestamp(due, timezone.utc).isoformat(timespec="seconds")
