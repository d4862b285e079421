"""`shotgun-producer status`: who is active, how far the stream has come, and whether somebody must decide."""

from __future__ import annotations

import json
import threading

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.errors import DecisionNeededError
from shotgun_runtime.settings import Settings, require_producer
from shotgun_schemas.checkpoint import Checkpoint

from .. import decisions
from ..backfill.job import Job
from ..checkpoint_log import StoredCheckpoint
from ..event_log import EventLog
from ..inspection import check_site
from ..page import read_page
from ..progress import Place, Progress
from .backfill_view import BackfillView, all_views
from .backfill_watch import read_jobs
from .site import CommandSiteReader, open_site
from .status_report import Chosen, Newest, Status, as_json, as_text
from .stream import Stream, open_stream, opened


@click.command()
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON object.")
@config_options
def status(settings: Settings, wants_json: bool) -> None:
    """Print who is active, how far the stream has come, and whether somebody must decide.

    Exits with 5 when somebody must.
    """
    require_producer(settings)
    with open_stream(settings) as stream, open_site(settings) as (reader, events):
        found = look(settings, stream, reader, events)
    click.echo(json.dumps(as_json(found)) if wants_json else as_text(found))
    if found.decision is not None:
        raise DecisionNeededError(found.decision)


def look(settings: Settings, stream: Stream, reader: CommandSiteReader, events: EventLog) -> Status:
    """The status as it is. The checkpoint is read before the site, so that a running stream is never ahead of it."""
    identity, producer = stream.identity(), settings.producer
    place = Place(settings.shotgun.url, settings.stream.topic, identity.topic_id, identity.partitions)
    jobs = read_jobs(settings)
    stored = stream.stored()
    checkpoint: Checkpoint | None = None
    decision: str | None = None
    try:
        checkpoint = opened(stored)
        _judge_kafka(stream, place, stored, checkpoint)
        _judge_site(events, checkpoint)
    except DecisionNeededError as error:
        decision = str(error)
    return Status(
        site=place.site,
        topic=place.topic,
        members=stream.members(),
        checkpoint=checkpoint,
        newest=_newest(reader, None),
        published=None if checkpoint is None else _newest(reader, checkpoint.head),
        now=events.now(),
        decision=decision,
        backfills=_unfinished(checkpoint, jobs),
        open_records=stream.open_records(place.partitions),
        chosen=Chosen(producer.hold, tuple(producer.exclude_event_types), tuple(producer.projects)),
    )


def _unfinished(checkpoint: Checkpoint | None, jobs: tuple[Job, ...]) -> tuple[BackfillView, ...]:
    views = () if checkpoint is None else all_views(checkpoint, jobs)
    return tuple(view for view in views if not view.is_over)


def _judge_kafka(
    stream: Stream, place: Place, stored: StoredCheckpoint | None, checkpoint: Checkpoint | None
) -> None:
    """Raises DecisionNeededError where a start of the producer would, as far as Kafka tells."""
    ends = stream.ends(place.partitions)
    if checkpoint is not None:
        decisions.check_place(checkpoint, place)
        decisions.check_topic_ends(checkpoint, ends)
    elif stored is None:
        decisions.check_no_events(place.topic, int(stream.has_events(ends)))


def _judge_site(events: EventLog, checkpoint: Checkpoint | None) -> None:
    """The same, as far as the site tells."""
    if checkpoint is not None:
        check_site(events, Progress(checkpoint), threading.Event())


def _newest(reader: CommandSiteReader, until: int | None) -> Newest | None:
    """The newest visible event, of those up to the id `until` when one is given; None when there is none."""
    filters = [] if until is None else [["id", "less_than", until + 1]]
    answer = reader.find(filters, ["id", "created_at"], halt=threading.Event(), direction="desc", limit=1)
    rows = read_page(answer.rows, answer.limit).sightings
    return Newest(rows[0].id, rows[0].created_at) if rows else None
