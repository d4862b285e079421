"""`shotgun-producer backfill`: publish events from before the stream began."""

from __future__ import annotations

import getpass
import json
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from typing import Any

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.errors import ConfigurationError, StreamError
from shotgun_runtime.settings import Settings, require_producer
from shotgun_runtime.shutdown import Deadline
from shotgun_runtime.start import Start
from shotgun_schemas.checkpoint import Checkpoint
from shotgun_schemas.control import backfill_key

from ..backfill.job import NAME, NAME_FORM, Job
from ..decisions import check_place
from ..progress import Place
from .backfill_plan import estimate, plan_backfill
from .backfill_range import parse_from, parse_to, resolve_range
from .backfill_show import Bar, JsonLines, Lines, Show
from .backfill_text import (
    NO_PRODUCER,
    detached,
    estimate_text,
    nothing_to_do,
    plan_json,
    plan_text,
    progress_json,
    table,
)
from .backfill_view import BackfillView, Speed, all_views, view_of
from .backfill_watch import CONTROL_SECONDS, BackfillWatch, follow, known_jobs
from .site import open_site
from .stream import Stream, open_stream

PATIENCE_SECONDS = 5.0
CANCEL_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class _Request:
    """What is asked for on the command line."""

    begin: Start
    end: Start | None
    name: str
    rate_limit: float | None
    dry_run: bool
    detach: bool


@dataclass(frozen=True, slots=True)
class _Scene:
    """What the command has found: the stream, its jobs, its checkpoint."""

    settings: Settings
    stream: Stream
    topic: ControlTopic
    jobs: tuple[Job, ...]
    checkpoint: Checkpoint


def _read_by(read: Callable[[str], Start]) -> Callable[..., Start | None]:
    def convert(ctx: click.Context, param: click.Parameter, given: str | None) -> Start | None:
        try:
            return None if given is None else read(given)
        except ValueError as error:
            raise click.BadParameter(f"'{given}' is not {error}", ctx, param) from None

    return convert


def _as_name(ctx: click.Context, param: click.Parameter, given: str | None) -> str | None:
    if given is not None and not NAME.fullmatch(given):
        raise click.BadParameter(f"'{given}' is not a name: {NAME_FORM}", ctx, param)
    return given


@click.command()
@click.option(
    "--from",
    "begin",
    metavar="ID|DATE",
    callback=_read_by(parse_from),
    help="The first event: an id, a date, or earliest.",
)
@click.option(
    "--to",
    "end",
    metavar="ID|DATE",
    callback=_read_by(parse_to),
    help="The last event: an id, or the date before which events are meant. Default: the stream's start.",
)
@click.option(
    "--rate-limit",
    type=click.FloatRange(min=0, min_open=True),
    metavar="N",
    help="At most so many events a second.",
)
@click.option(
    "--name",
    metavar="JOB",
    callback=_as_name,
    help="A name for the job; it stands in the events' header. Default: the time of day.",
)
@click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")
@click.option("--detach", is_flag=True, help="Do not look on.")
@click.option("--attach", metavar="JOB", help="Look on at a job that was begun before.")
@click.option("--cancel", metavar="JOB", help="End a job where it is; what it has published stays.")
@click.option("--list", "wants_list", is_flag=True, help="List all jobs, also those that are over.")
@click.option(
    "--json", "wants_json", is_flag=True, help="Print JSON: one object, or one a line as a job goes on."
)
@config_options
def backfill(settings: Settings, wants_json: bool, **words: Any) -> None:
    """Publish events from before the stream began.

    The active producer does the work, between its polls: this command only asks for it and looks on. Ctrl-C leaves
    the job running. Plugins do not get these events unless their options say `backfill: deliver`.
    """
    request = _request(words)
    require_producer(settings)
    with _open(settings) as scene:
        if words["wants_list"]:
            _list(scene, wants_json)
        elif words["cancel"] is not None:
            _cancel(scene, words["cancel"], _shown(wants_json))
        elif words["attach"] is not None:
            _require_known(scene, words["attach"])
            _look_on(scene, words["attach"], _job(scene, words["attach"]), _shown(wants_json))
        elif request is not None:
            _ask(scene, request, wants_json)


def _request(words: dict[str, Any]) -> _Request | None:
    """What is asked for with --from; None for another errand. Raises UsageError for two at once."""
    errands = [name for name in ("begin", "attach", "cancel", "wants_list") if words[name]]
    if len(errands) != 1:
        raise click.UsageError("give one of --from, --attach, --cancel and --list")
    if words["begin"] is None:
        given = [
            f"--{word.replace('_', '-')}"
            for word in ("rate_limit", "name", "dry_run", "detach")
            if words[word]
        ]
        given += ["--to"] if words["end"] is not None else []
        if given:
            raise click.UsageError(f"{', '.join(given)}: only with --from")
        return None
    name = words["name"] or datetime.now(timezone.utc).strftime("%Y%m%d-%H%M%S")
    return _Request(
        words["begin"], words["end"], name, words["rate_limit"], words["dry_run"], words["detach"]
    )


@contextmanager
def _open(settings: Settings) -> Iterator[_Scene]:
    """The jobs are read before the checkpoint: one whose record is gone stands there."""
    with open_stream(settings, PATIENCE_SECONDS) as stream:
        identity = stream.identity()
        with closing(ControlTopic(settings)) as topic:
            topic.read_to_end(CONTROL_SECONDS)
            jobs = known_jobs(topic)
            checkpoint = stream.require_checkpoint()
            place = Place(settings.shotgun.url, stream.topic, identity.topic_id, identity.partitions)
            check_place(checkpoint, place)
            yield _Scene(settings, stream, topic, jobs, checkpoint)


def _ask(scene: _Scene, request: _Request, wants_json: bool) -> None:
    _require_new(scene, request.name)
    begun = {entry.job for entry in scene.checkpoint.backfills}
    waiting = sorted((job for job in scene.jobs if job.name not in begun), key=lambda job: job.turn)
    with open_site(scene.settings) as (_, events):
        wanted = resolve_range(events, request.begin, request.end, scene.checkpoint)
        plan = plan_backfill(wanted, scene.checkpoint, [job for job in waiting if not job.is_cancelled])
        if not plan.segments:
            click.echo(
                json.dumps(plan_json(plan, None)) if wants_json else nothing_to_do(plan, scene.checkpoint)
            )
            return
        if request.dry_run:
            requests = scene.settings.producer.parallel_requests
            found = estimate(plan, scene.checkpoint, events, request.rate_limit, requests)
            if wants_json:
                click.echo(json.dumps(plan_json(plan, found)))
            else:
                click.echo(f"{plan_text(plan, scene.checkpoint)}\n{estimate_text(found)}")
            return
    job = Job(request.name, plan.first, plan.last, request.rate_limit)
    _write(scene.settings, job, "asked for")
    if not wants_json:
        click.echo(f"backfill {job.name}: {plan_text(plan, scene.checkpoint)}")
    if request.detach:
        _leave(scene, job, wants_json)
    else:
        _look_on(scene, job.name, job, _shown(wants_json))


def _leave(scene: _Scene, job: Job, wants_json: bool) -> None:
    note = None if any(member.active for member in scene.stream.members()) else NO_PRODUCER
    if wants_json:
        view = view_of(job.name, scene.checkpoint, [*scene.jobs, job])
        click.echo(json.dumps(progress_json(view, Speed(), note)))
    else:
        click.echo(f"{note}\n{detached(job.name)}" if note else detached(job.name))


def _look_on(scene: _Scene, name: str, asked: Job | None, show: Show) -> None:
    watch = BackfillWatch(scene.stream, scene.topic, name, asked)
    try:
        scene.topic.read_to_end(CONTROL_SECONDS)
        with show:
            view = follow(watch, show)
    except KeyboardInterrupt:
        click.echo(detached(name), err=True)
        return
    if view is not None and view.phase == "cancelled":
        raise StreamError(f"backfill {name} was cancelled before its end")


def _cancel(scene: _Scene, name: str, show: Show) -> None:
    view = _require_known(scene, name)
    job = _job(scene, name)
    if not view.is_over:
        job = replace(job or Job(name, view.first, view.last), state="cancelled")
        _write(scene.settings, job, "cancelled")
        scene.topic.read_to_end(CONTROL_SECONDS)
    watch = BackfillWatch(scene.stream, scene.topic, name, job)
    has_producer = view.is_over or watch.has_producer()
    with show:
        last = follow(watch, show, deadline=Deadline.after(CANCEL_SECONDS if has_producer else 0.0))
    if last is None or not last.is_over:
        reason = f"the producer has not ended it within {CANCEL_SECONDS:g} s" if has_producer else NO_PRODUCER
        raise StreamError(
            f"backfill {name} is marked as cancelled and ends as soon as a producer sees that, but: {reason}"
        )


def _list(scene: _Scene, wants_json: bool) -> None:
    views = all_views(scene.checkpoint, scene.jobs)
    click.echo(
        json.dumps([progress_json(view, Speed(), None) for view in views]) if wants_json else table(views)
    )


def _job(scene: _Scene, name: str) -> Job | None:
    return next((job for job in scene.jobs if job.name == name), None)


def _require_known(scene: _Scene, name: str) -> BackfillView:
    view = view_of(name, scene.checkpoint, scene.jobs)
    if view.phase == "unknown":
        raise ConfigurationError(f"there is no backfill {name}; see: shotgun-producer backfill --list")
    return view


def _require_new(scene: _Scene, name: str) -> None:
    view = view_of(name, scene.checkpoint, scene.jobs)
    if view.phase != "unknown":
        raise ConfigurationError(
            f"there is a backfill {name} already ({view.phase}, ids {view.first} to {view.last}); give another --name, "
            f"or look at it: shotgun-producer backfill --attach {name}"
        )


def _write(settings: Settings, job: Job, reason: str) -> None:
    with closing(ControlWriter(settings)) as writer:
        writer.put(backfill_key(job.name), by=_who(), reason=reason, **job.fields)


def _who() -> str:
    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = "somebody"
    return f"{user} on {socket.gethostname()}"


def _shown(wants_json: bool) -> Show:
    if wants_json:
        return JsonLines()
    return Bar() if sys.stdout.isatty() else Lines()
