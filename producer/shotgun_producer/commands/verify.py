"""`shotgun-producer verify`: is every event of the site in the topic, once?"""

from __future__ import annotations

import json
import threading
from datetime import datetime, timezone

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.duration import parse_duration
from shotgun_runtime.errors import StreamError
from shotgun_runtime.settings import Settings, require_producer
from shotgun_schemas.checkpoint import Checkpoint

from ..decisions import check_place
from ..event_log import EventLog
from ..page import read_page
from ..progress import Place
from ..publish_filter import FILTER_FIELDS, PublishFilter
from .comparison import Comparison, Seen, Shown, as_json, as_text, compare
from .site import CommandSiteReader, open_site
from .stream import Stream, open_stream

DEFAULT_LAST = 24 * 3600.0
_MARGIN_SECONDS = 60.0


def _as_seconds(ctx: click.Context, param: click.Parameter, given: str | None) -> float | None:
    try:
        return None if given is None else parse_duration(given)
    except ValueError as error:
        raise click.BadParameter(f"'{given}' is not {error}", ctx, param) from None


@click.command()
@click.option(
    "--last", metavar="DURATION", callback=_as_seconds, help="Events of the last 24h (default), 7d, ..."
)
@click.option("--from", "first", type=click.IntRange(min=1), metavar="ID", help="The first id to compare.")
@click.option("--to", "last_id", type=click.IntRange(min=1), metavar="ID", help="The last id to compare.")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON object.")
@config_options
def verify(
    settings: Settings, last: float | None, first: int | None, last_id: int | None, wants_json: bool
) -> None:
    """Compare the site with the topic, id by id, up to the newest event that was read.

    Exits with 1 when an event is missing in the topic, or is there more than once.
    """
    if last is not None and (first is not None or last_id is not None):
        raise click.UsageError("give either --last, or --from and --to")
    if first is not None and last_id is not None and first > last_id:
        raise click.UsageError(f"--from {first} lies behind --to {last_id}; swap them")
    require_producer(settings)
    with open_stream(settings) as stream, open_site(settings) as (reader, events):
        checkpoint = _checkpoint(settings, stream)
        until = min(last_id or checkpoint.head, checkpoint.head)
        if first is None:
            is_by_id = last_id is not None
            first = _begin(checkpoint) if is_by_id else _first_since(events, checkpoint, last or DEFAULT_LAST)
        producer = settings.producer
        wanted = PublishFilter(producer.exclude_event_types, producer.projects)
        found = _compare(stream, reader, wanted, first, until)
        cut = _cut(stream, checkpoint.partitions) if found.missing else ""
    click.echo(json.dumps(as_json(found)) if wants_json else as_text(found))
    if not found.is_equal:
        raise StreamError(
            f"the topic {settings.stream.topic} differs from the site: {len(found.missing)} ids are missing and "
            f"{len(found.doubled)} are there more than once{cut}"
        )


def _checkpoint(settings: Settings, stream: Stream) -> Checkpoint:
    """The checkpoint that says how far to compare. DecisionNeededError when it is not about this site and topic."""
    identity = stream.identity()
    found = stream.require_checkpoint()
    check_place(
        found, Place(settings.shotgun.url, settings.stream.topic, identity.topic_id, identity.partitions)
    )
    return found


def _begin(checkpoint: Checkpoint) -> int:
    """The lowest id that the stream can hold."""
    return min([checkpoint.start_head + 1, *(first for first, _ in checkpoint.initial_holes)])


def _first_since(events: EventLog, checkpoint: Checkpoint, seconds: float) -> int:
    """The lowest id of the events created within so many seconds; behind the head when there is none."""
    events.newest_id()  # the first answer sets the clock to the site's
    moment = datetime.fromtimestamp(max(0.0, events.now() - seconds), timezone.utc)
    return events.first_id_since(moment) or checkpoint.head + 1


def _compare(
    stream: Stream, reader: CommandSiteReader, wanted: PublishFilter, first: int, last: int
) -> Comparison:
    """See `verify.py` for why in this order."""
    shown, since = _shown(reader, wanted, first, last)
    later = stream.require_checkpoint()
    ends = stream.ends(later.partitions)
    seen = Seen(first, last)
    is_empty = not shown.wanted and not shown.left_out
    begins = list(ends) if is_empty else [stream.place_of(n, since, end) for n, end in enumerate(ends)]
    for number, (start, end) in enumerate(zip(begins, ends, strict=True)):
        _scan(stream, number, start, end, seen)
    found = compare(shown, seen, later)
    if not found.missing:
        return found
    # Times are no proof: an event whose date was odd may stand further up.
    for number, start in enumerate(begins):
        _scan(stream, number, stream.reader.first_offset(stream.topic, number), start, seen)
    return compare(shown, seen, later)


def _shown(reader: CommandSiteReader, wanted: PublishFilter, first: int, last: int) -> tuple[Shown, float]:
    """The visible ids, and a time (seconds since 1970) before which none of them was created."""
    ids: tuple[set[int], set[int]] = (set(), set())
    fields = ["id", "created_at", *(() if wanted.is_open else FILTER_FIELDS)]
    oldest, start = float("inf"), first
    while start <= last:
        answer = reader.find([["id", "between", start, last]], fields, halt=threading.Event())
        page = read_page(answer.rows, answer.limit)
        for row in page.sightings:
            ids[0 if wanted.wants(page.rows[row.id]) else 1].add(row.id)
            oldest = min(oldest, row.created_at or 0.0)
        if page.reach is None:
            break
        start = page.reach + 1
    return Shown(first, last, *ids), max(0.0, oldest - _MARGIN_SECONDS)


def _scan(stream: Stream, partition: int, start: int, end: int, seen: Seen) -> None:
    for message in stream.reader.read(stream.topic, partition, start, end):
        seen.add(message.key())


def _cut(stream: Stream, partitions: int) -> str:
    if not any(stream.reader.first_offset(stream.topic, number) for number in range(partitions)):
        return ""
    return f". Kafka has deleted the oldest events of {stream.topic}: see its retention.ms"
