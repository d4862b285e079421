"""`shotgun-consumer dead-letters`: look at what was put aside, run it again, or drop it."""

from __future__ import annotations

import functools
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.duration import parse_duration
from shotgun_runtime.kafka import admin, require_broker
from shotgun_runtime.log import configure_logging
from shotgun_runtime.settings import Settings, require_kafka
from shotgun_runtime.start import parse_start
from shotgun_schemas import control, headers
from shotgun_schemas.codec import Decoder
from shotgun_schemas.control import ControlRecord
from shotgun_schemas.dead_letter import DeadLetter
from shotgun_schemas.framing import DecodeError

from ..dead_letter_shelf import Choice, read_letters, take_back
from .control_desk import open_desk

SERVICE = "shotgun-consumer"
_EVENT = re.compile(r"\d+(@\d+)?")
_COLUMNS = ("event", "type", "plugin", "callback", "tries", "put aside", "because")
_BECAUSE = 60


@click.group("dead-letters")
def dead_letters() -> None:
    """Events that a callback could not take in, and that were put aside: list, show, replay or drop them."""


def _choosing(command: Callable[..., Any]) -> Callable[..., Any]:
    """Arguments and options that choose letters, handed on as `choice`; and the team's option."""

    @click.argument("events", nargs=-1, metavar="[EVENT]...")
    @click.option("--team", metavar="TEAM", help="The team whose letters they are (consumer.team).")
    @click.option("--plugin", metavar="PATTERN", help="Of these plugins; * stands for any text.")
    @click.option("--callback", metavar="PATTERN", help="Of these callbacks.")
    @click.option("--type", "event_type", metavar="PATTERN", help="Of events of these types.")
    @click.option("--since", metavar="WHEN", help="Put aside since then: a duration such as 2h, or a date.")
    @functools.wraps(command)
    def wrapper(
        *,
        events: tuple[str, ...],
        team: str | None,
        plugin: str | None,
        callback: str | None,
        event_type: str | None,
        since: str | None,
        overrides: Mapping[str, str],
        **kwargs: Any,
    ) -> Any:
        choice = Choice(plugin, callback, event_type, _moment(since), tuple(map(_event, events)))
        chosen = {} if team is None else {"consumer.team": team}
        return command(choice=choice, overrides={**overrides, **chosen}, **kwargs)

    return wrapper


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON array.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only say which letters are meant.")
_all = click.option(
    "--all", "every", is_flag=True, help="All letters of the team, where nothing else is said."
)


@dead_letters.command("list")
@_choosing
@_json
@config_options
def list_(settings: Settings, choice: Choice, as_json: bool) -> None:
    """List the letters, oldest first."""
    letters = _read(settings, choice)
    if as_json:
        click.echo(json.dumps([described(letter) for letter in letters]))
    else:
        click.echo(as_table(letters) if letters else _none(settings, choice))


@dead_letters.command()
@_choosing
@_json
@config_options
def show(settings: Settings, choice: Choice, as_json: bool) -> None:
    """Show letters whole: where the event stands, what it holds, and what the callback raised."""
    letters = _read(settings, choice)
    if not letters:
        click.echo("[]" if as_json else _none(settings, choice))
        return
    with open_desk(settings) as desk:
        decoder = Decoder(lambda fingerprint: _schema(desk.records, fingerprint))
    shown = [
        {**described(letter), "stacktrace": letter.stacktrace, "content": _content(letter, decoder)}
        for letter in letters
    ]
    if as_json:
        click.echo(json.dumps(shown))
    else:
        for one in shown:
            click.echo(_as_text(one))


@dead_letters.command()
@_choosing
@_all
@_dry_run
@_json
@click.option("--reason", default="dead letter", metavar="TEXT", help="Why; stands in the control record.")
@config_options
def replay(
    settings: Settings, choice: Choice, every: bool, dry_run: bool, as_json: bool, reason: str
) -> None:
    """Have the callbacks run their letters again.

    The member that owns the event's partition runs the one callback, behind what is being done for the same entity.
    The letter is taken back when that succeeds.
    """
    _require_choice(choice, every)
    letters = _read(settings, choice)
    if not dry_run and letters:
        with open_desk(settings) as desk:
            for letter in letters:
                key = control.replay_key(letter.group, letter.partition, letter.offset, letter.callback)
                desk.put(key, reason, event_id=_number(letter.event), letter=letter.record_key.decode())
    _say_done(letters, "would be replayed" if dry_run else "to be replayed by their members", as_json)


@dead_letters.command()
@_choosing
@_all
@_dry_run
@_json
@config_options
def drop(settings: Settings, choice: Choice, every: bool, dry_run: bool, as_json: bool) -> None:
    """Throw letters away. The events stay in the stream."""
    _require_choice(choice, every)
    letters = _read(settings, choice)
    if not dry_run and letters:
        take_back(settings, letters)
    _say_done(letters, "would be dropped" if dry_run else "dropped", as_json)


def described(letter: DeadLetter) -> dict[str, Any]:
    """One letter for programs."""
    given = letter.headers.get(headers.EVENT_TYPE)
    return {
        "event": _number(letter.event),
        "event_type": None if given is None else headers.decode(given),
        "plugin": letter.plugin,
        "callback": letter.callback,
        "group": letter.group,
        "topic": letter.topic,
        "partition": letter.partition,
        "offset": letter.offset,
        "attempts": letter.attempts,
        "time": letter.time,
        "exception": letter.exception_class,
        "message": letter.exception_message,
    }


def as_table(letters: Sequence[DeadLetter]) -> str:
    """The letters, of which there are some, for people, one a line."""
    rows = [_COLUMNS, *(_row(described(letter)) for letter in letters)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(_COLUMNS))]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )
    return "\n".join(lines)


def _row(facts: Mapping[str, Any]) -> tuple[str, ...]:
    because = " ".join(f"{facts['exception']}: {facts['message']}".split())
    short = because if len(because) <= _BECAUSE else f"{because[: _BECAUSE - 3]}..."
    names = ("event", "event_type", "plugin", "callback", "attempts", "time")
    return (*(str(facts[name]) for name in names), short)


def _as_text(facts: Mapping[str, Any]) -> str:
    place = f"{facts['topic']}[{facts['partition']}]@{facts['offset']}"
    content = json.dumps(facts["content"], indent=2, ensure_ascii=False, default=str)
    return (
        f"event {facts['event']} ({facts['event_type']}) at {place}\n"
        f"put aside {facts['time']} by callback {facts['callback']!r} of plugin {facts['plugin']!r}, "
        f"group {facts['group']}, tries: {facts['attempts']}\n"
        f"{facts['stacktrace'].rstrip()}\n{content}\n"
    )


def _content(letter: DeadLetter, decoder: Decoder) -> Any:
    try:
        event = decoder.decode(
            letter.value, topic=letter.topic, partition=letter.partition, offset=letter.offset
        )
    except DecodeError as error:
        return f"cannot be read: {error}"
    return dict(event.row)


def _schema(records: Mapping[str, ControlRecord], fingerprint: str) -> str | None:
    record = records.get(control.schema_key(fingerprint))
    return None if record is None else str(record.fields.get("schema", ""))


def _read(settings: Settings, choice: Choice) -> list[DeadLetter]:
    require_kafka(settings.kafka)
    configure_logging(settings.logging, service=SERVICE, stream=sys.stderr)
    require_broker(admin(settings), settings.kafka.bootstrap_servers)
    return read_letters(settings, choice)


def _require_choice(choice: Choice, every: bool) -> None:
    if choice.is_all and not every:
        raise click.UsageError(
            "say which letters are meant: event ids, --plugin, --callback, --type, --since or --all"
        )


def _say_done(letters: Sequence[DeadLetter], what: str, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([described(letter) for letter in letters]))
        return
    if letters:
        click.echo(as_table(letters))
    click.echo(f"{len(letters)} dead letter(s) {what}")


def _moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        return datetime.now(timezone.utc) - timedelta(seconds=parse_duration(text))
    except ValueError:
        pass
    try:
        moment = parse_start(text).moment
    except ValueError:
        moment = None
    if moment is None:
        raise click.BadParameter(
            f"{text!r} is neither a duration such as 2h nor a date such as 2026-01-21", param_hint="--since"
        )
    return moment


def _event(text: str) -> str:
    if not _EVENT.fullmatch(text):
        raise click.BadParameter(
            f"{text!r} is no event; give its id, such as 4711, or PARTITION@OFFSET for a foreign record",
            param_hint="EVENT",
        )
    return text


def _none(settings: Settings, choice: Choice) -> str:
    team = settings.consumer.team
    return (
        f"team {team!r} has no dead letters" if choice.is_all else f"team {team!r} has no such dead letters"
    )


def _number(event: str) -> int | str:
    return int(event) if event.isdecimal() else event
