"""`shotgun-consumer tail`: the events as they come, decoded. Joins no group and keeps no position."""

from __future__ import annotations

import fnmatch
import json
from collections.abc import Callable, Collection, Mapping
from contextlib import closing
from dataclasses import dataclass

import click
from confluent_kafka import Message

from shotgun_runtime.cli import config_options
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Shutdown, signal_handlers
from shotgun_runtime.start import Start
from shotgun_schemas import control, headers
from shotgun_schemas.codec import DecodeError, Decoder
from shotgun_schemas.event import Event

from ..event_line import event_line
from ..positions.topic_reader import TopicReader
from .options import log_to_stderr, parse_since, parsed_by
from .view import StreamView, open_view

_FETCH_WAIT_MS = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which events are shown. Empty: all."""

    types: tuple[str, ...] = ()
    projects: tuple[int, ...] = ()

    def from_headers(self, given: Mapping[str, bytes]) -> bool:
        """Whether an event may be wanted, told without decoding it."""
        event_type, project = given.get(headers.EVENT_TYPE), given.get(headers.PROJECT)
        if event_type is not None and not self._wants_type(headers.decode(event_type)):
            return False
        return project is None or not self.projects or headers.decode(project) in map(str, self.projects)

    def wants(self, event: Event) -> bool:
        """Whether a decoded event is wanted."""
        project = event.project
        number = project.get("id") if isinstance(project, Mapping) else None
        return self._wants_type(str(event.event_type)) and (not self.projects or number in self.projects)

    def _wants_type(self, event_type: str) -> bool:
        return not self.types or any(fnmatch.fnmatchcase(event_type, pattern) for pattern in self.types)


@click.command()
@click.option(
    "--type",
    "types",
    multiple=True,
    metavar="PATTERN",
    help="Only these event types, such as '*_Task_*'. Repeatable.",
)
@click.option(
    "--project", "projects", multiple=True, type=int, metavar="ID", help="Only these projects. Repeatable."
)
@click.option(
    "--since",
    metavar="ID|DATE|AGO",
    callback=parsed_by(parse_since),
    help="Begin at this event, date (UTC) or so long ago, such as 2h. Default: what comes from now on.",
)
@click.option(
    "--json", "wants_json", is_flag=True, help="Print one JSON object a line: the event and its place."
)
@config_options
def tail(
    settings: Settings,
    types: tuple[str, ...],
    projects: tuple[int, ...],
    since: Start | None,
    wants_json: bool,
) -> None:
    """Show events as they come, until Ctrl-C."""
    log_to_stderr(settings)
    shutdown = Shutdown()
    show = _show_json if wants_json else _show_line
    with signal_handlers(shutdown), open_view(settings) as view:
        starts, _ = view.resolve(since or Start("latest"), view.bounds())
        with closing(TopicReader(settings, view.watch, fetch_wait_ms=_FETCH_WAIT_MS)) as reader:
            _follow(view, reader, starts, Wanted(types, projects), show, shutdown)


def _follow(
    view: StreamView,
    reader: TopicReader,
    starts: Mapping[int, int],
    wanted: Wanted,
    show: Callable[[Event, Message, Mapping[str, bytes]], None],
    shutdown: Shutdown,
) -> None:
    decoder = Decoder(lambda fingerprint: _schema(view, fingerprint))
    with closing(reader.follow(starts)) as messages:
        for message in messages:
            if shutdown.requested.is_set():
                return
            if message is None:
                continue
            given: dict[str, bytes] = dict(message.headers() or ())  # type: ignore[arg-type]
            if not wanted.from_headers(given):
                continue
            try:
                event = decoder.decode(
                    message.value(),
                    topic=view.topic,
                    partition=message.partition() or 0,
                    offset=message.offset() or 0,
                )
            except DecodeError as error:
                click.echo(f"cannot be decoded: {error}", err=True)
                continue
            if wanted.wants(event):
                show(event, message, given)


def _schema(view: StreamView, fingerprint: str) -> str | None:
    record = view.control().get(control.schema_key(fingerprint))
    return None if record is None else str(record.fields.get("schema", ""))


def _show_line(event: Event, _message: Message, given: Mapping[str, bytes]) -> None:
    marks: Collection[str] = [name for name in (headers.LATE, headers.BACKFILL) if name in given]
    click.echo(event_line(event.row) + (f"  [{', '.join(marks)}]" if marks else ""))


def _show_json(event: Event, message: Message, given: Mapping[str, bytes]) -> None:
    place = {"partition": message.partition(), "offset": message.offset()}
    texts = {name: headers.decode(value) for name, value in given.items()}
    click.echo(json.dumps({"event": dict(event.row), **place, "headers": texts}))
