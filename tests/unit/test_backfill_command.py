"""What `shotgun-producer backfill` understands, foresees and prints."""

from __future__ import annotations

import json
import os
import pty
import sys
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from click.testing import CliRunner
from prometheus_client import CollectorRegistry

from shotgun_producer.backfill.job import Job, read_job
from shotgun_producer.cli import commands
from shotgun_producer.commands.backfill_plan import estimate, plan_backfill
from shotgun_producer.commands.backfill_range import IdRange, parse_from, parse_to, resolve_range
from shotgun_producer.commands.backfill_show import LINE_SECONDS, Bar, JsonLines, Lines
from shotgun_producer.commands.backfill_text import (
    estimate_text,
    how_far,
    nothing_to_do,
    outcome,
    plan_json,
    plan_text,
    summary,
    table,
)
from shotgun_producer.commands.backfill_view import WINDOW_SECONDS, BackfillView, Speed, all_views, view_of
from shotgun_producer.event_log import EventLog
from shotgun_producer.metrics import Metrics
from shotgun_producer.site_reader import SiteReader
from shotgun_producer.site_voice import QuietVoice
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ShotgunSettings
from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.checkpoint import Backfill, Checkpoint
from shotgun_schemas.control import decode_record, encode_value

STOPPED = Speed()


def checkpoint(*backfills: Backfill, start_head: int = 1_000, head: int = 5_000) -> Checkpoint:
    return Checkpoint(
        "i", "s", "t", "id", 1, head, (), start_head, ((990, 995),), (0,), 0.0, backfills=backfills
    )


def moving(*left: int) -> Speed:
    """So many ids left, second by second."""
    speed = Speed()
    for second, number in enumerate(left):
        speed.saw(number, float(second))
    return speed


# What the options mean


@pytest.fixture(scope="module")
def events() -> Iterator[EventLog]:
    """A site with an event a minute from 2026-01-01 on: ids 1 to 60 in the first hour, 61 to 120 a day later."""
    with SandboxSite(SiteOptions(writers=1, id_block=1)) as site:
        for day in (1, 2):
            for minute in range(60):
                site.admin.write_events(1, changes={"created_at": f"2026-01-0{day}T00:{minute:02}:00Z"})
        settings = ShotgunSettings(url=site.url, script_name=site.script_name, api_key=site.api_key)
        reader = SiteReader(settings, Metrics(CollectorRegistry()), QuietVoice())
        yield EventLog(reader, threading.Event())
        reader.close()


@pytest.mark.parametrize(
    ("begin", "end", "found"),
    [
        ("7", None, (7, 100)),
        ("7", "20", (7, 20)),
        ("7", "999999", (7, 999_999)),
        ("earliest", None, (1, 100)),
        ("2026-01-01T00:30:00Z", "2026-01-02", (31, 60)),
        ("2026-01-01", "2026-01-01T00:10:00Z", (1, 10)),
        ("2026-01-01", "2030-01-01", (1, 120)),
        ("2026-01-02T00:10:00+00:00", "115", (71, 115)),
    ],
)
def test_ids_and_dates_become_a_range_of_ids(
    events: EventLog, begin: str, end: str | None, found: tuple[int, int]
) -> None:
    until = None if end is None else parse_to(end)
    known = checkpoint(start_head=100, head=120)
    assert resolve_range(events, parse_from(begin), until, known) == IdRange(*found)


def test_a_date_after_the_last_event_means_no_id(events: EventLog) -> None:
    found = resolve_range(events, parse_from("2030-01-01"), None, checkpoint(start_head=100, head=120))
    assert found.first > found.last


@pytest.mark.parametrize(
    ("begin", "end", "said"),
    [
        ("9", "3", "--from 9 is not before --to 3"),
        ("2026-02-01", "2026-01-01", "is not before --to 2026-01-01"),
        ("2026-01-02", "3", "is event 61, behind --to 3, which is event 3"),
        ("121", None, "--from is event 121, but the stream has only come to event 120"),
    ],
)
def test_a_range_that_makes_no_sense_is_refused(
    events: EventLog, begin: str, end: str | None, said: str
) -> None:
    until = None if end is None else parse_to(end)
    with pytest.raises(ConfigurationError, match=said):
        resolve_range(events, parse_from(begin), until, checkpoint(start_head=100, head=120))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--from", "0"], "'0' is not an event id"),
        (["--from", "latest"], "'latest' is not an event id"),
        (["--from", "soon"], "'soon' is not an event id"),
        (["--from", "1", "--to", "earliest"], "'earliest' is not an event id"),
        (["--from", "1", "--name", "a/b"], "'a/b' is not a name"),
        (["--from", "1", "--rate-limit", "0"], "rate-limit"),
        (["--from", "1", "--cancel", "x"], "give one of --from, --attach, --cancel and --list"),
        (["--to", "5"], "give one of --from, --attach, --cancel and --list"),
        (["--list", "--to", "5", "--dry-run"], "--dry-run, --to: only with --from"),
    ],
)
def test_wrong_usage_ends_with_2_and_says_what_is_wrong(words: list[str], said: str) -> None:
    result = CliRunner().invoke(commands, ["backfill", *words])
    assert result.exit_code == 2
    assert said in result.output


# What would happen


def test_a_plan_is_cut_to_what_was_there_before_the_stream_began() -> None:
    plan = plan_backfill(IdRange(900, 9_999), checkpoint(), ())
    assert (plan.first, plan.last, plan.above, plan.segments) == (900, 1_000, True, ((900, 1_000),))
    assert "ids 900 to 1000: 101 to look at" in plan_text(plan, checkpoint())
    assert "events above 1000 are in the stream already" in plan_text(plan, checkpoint())


def test_a_plan_leaves_out_what_other_jobs_cover_now_or_later() -> None:
    known = checkpoint(Backfill("old", 1, 100, 101), Backfill("now", 200, 300, 250))
    plan = plan_backfill(IdRange(50, 500), known, [Job("next", 400, 450)])
    assert plan.segments == ((101, 199), (301, 399), (451, 500))
    assert plan.done == ((50, 100), (200, 300), (400, 450))
    assert plan.ahead == ("now", "next")
    text = plan_text(plan, known)
    assert "ids 50 to 100, 200 to 300, 400 to 450 are left out" in text
    assert "it waits for now, next" in text


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        (IdRange(1_001, 2_000), "the stream began behind event 1000"),
        (IdRange(10, 90), "ids 10 to 90 were backfilled already"),
        (IdRange(5_001, 1_000), "the site shows no event in this range"),
    ],
)
def test_a_plan_with_nothing_to_do_says_why(wanted: IdRange, said: str) -> None:
    known = checkpoint(Backfill("old", 1, 100, 101))
    plan = plan_backfill(wanted, known, ())
    assert plan.ids == 0
    assert said in nothing_to_do(plan, known)


def test_an_estimate_counts_what_will_be_published(events: EventLog) -> None:
    # Given a stream that began behind event 100, when 90 to 95 were not visible yet
    known = replace(checkpoint(start_head=100, head=120), initial_holes=((90, 95),))
    plan = plan_backfill(IdRange(51, 110), known, ())
    found = estimate(plan, known, events, None, 1)
    assert found.events == 50 - 6
    assert found.seconds > 0
    assert estimate(plan, known, events, 2.0, 1).seconds == 22.0
    assert "the site shows 44 events there" in estimate_text(found)
    assert json.loads(json.dumps(plan_json(plan, found)))["events"] == 44


# How far a job is

ASKED = Job("job", 101, 1_200, at="2026-01-01T00:00:00.000Z")


def test_a_job_waits_runs_and_ends() -> None:
    begun = Backfill("job", 101, 1_000, 401)
    assert view_of("job", checkpoint(), [ASKED]) == BackfillView("job", "waiting", 101, 1_000, 101, 900, 900)
    assert view_of("job", checkpoint(begun), [ASKED]).phase == "running"
    assert view_of("job", checkpoint(begun), []).left == 600
    over = replace(begun, next_id=1_001)
    for jobs in ([ASKED], []):
        found = view_of("job", checkpoint(over), jobs, ASKED)
        assert (found.phase, found.left) == ("finished", 0)
    assert view_of("other", checkpoint(over), [ASKED]).phase == "unknown"


def test_a_cancelled_job_is_told_from_a_finished_one() -> None:
    cancelled = replace(ASKED, state="cancelled")
    begun, ended = Backfill("job", 101, 1_000, 401), Backfill("job", 101, 400, 401)
    assert view_of("job", checkpoint(), [cancelled]).phase == "cancelling"
    assert view_of("job", checkpoint(begun), [cancelled]).phase == "cancelling"
    assert view_of("job", checkpoint(ended), [cancelled]).phase == "cancelled"
    assert view_of("job", checkpoint(ended), [], ASKED).phase == "cancelled"
    assert view_of("job", checkpoint(), [], ASKED).phase == "cancelled"
    assert "ids 101 to 400 are done" in outcome(view_of("job", checkpoint(ended), [], ASKED))
    assert "before it began" in outcome(view_of("job", checkpoint(), [], ASKED))


def test_ids_that_another_job_covered_are_not_counted() -> None:
    known = checkpoint(Backfill("old", 301, 500, 501), Backfill("job", 101, 1_000, 701))
    found = view_of("job", known, [ASKED])
    assert (found.ids, found.left) == (700, 300)


def test_jobs_take_their_turn() -> None:
    second, third = Job("b", 1, 5, at="2026-01-02"), Job("a", 1, 5, at="2026-01-03")
    running = checkpoint(Backfill("job", 101, 1_000, 401))
    views = all_views(running, [third, second, ASKED])
    assert [(view.name, view.phase, view.ahead) for view in views] == [
        ("job", "running", None),
        ("b", "waiting", "job"),
        ("a", "waiting", "job"),
    ]
    assert [view.ahead for view in all_views(checkpoint(), [third, second])] == [None, "b"]
    assert table(views).splitlines()[1].split() == ["job", "running", "101", "to", "1000", "33", "%"]
    assert summary(views[:1]) == "job running, 33 % of 900 ids"
    assert table(()) == "there is no backfill"


def test_rate_and_time_left_are_those_of_the_last_minute() -> None:
    speed = moving(1_000, 900, 800)
    assert (speed.rate, speed.eta) == (100.0, 8.0)
    speed.saw(799, 2 + WINDOW_SECONDS)
    speed.saw(798, 3 + WINDOW_SECONDS)
    assert speed.rate == pytest.approx(2 / 61)
    speed.saw(798, 200.0)
    speed.saw(798, 300.0)
    assert (speed.rate, speed.eta) == (0.0, None)
    assert (STOPPED.rate, STOPPED.eta) == (None, None)


# What is shown

RUNNING = BackfillView("job", "running", 1, 1_000, 251, 1_000, 750)
FINISHED = replace(RUNNING, phase="finished", next_id=1_001, left=0)


def test_progress_rate_and_time_left_stand_in_one_line() -> None:
    assert how_far(RUNNING, moving(800, 750)) == "250 of 1,000 ids (25 %), 50 ids/s, 15s left"
    assert how_far(RUNNING, STOPPED) == "250 of 1,000 ids (25 %), rate not known yet"


def test_without_a_terminal_there_is_a_line_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    now = 0.0
    show = Lines(lambda: now)
    for second in range(int(LINE_SECONDS) + 1):
        now = float(second)
        show.show(RUNNING, moving(800, 750), None)
    show.show(RUNNING, STOPPED, "no producer is active")
    show.show(FINISHED, STOPPED, None)
    assert capsys.readouterr().out.splitlines() == [
        "job running: 250 of 1,000 ids (25 %), 50 ids/s, 15s left",
        "job running: 250 of 1,000 ids (25 %), 50 ids/s, 15s left",
        "job running: no producer is active",
        "backfill job is over: ids 1 to 1000 are done",
    ]


def test_programs_get_an_object_at_each_change(capsys: pytest.CaptureFixture[str]) -> None:
    show = JsonLines()
    show.show(RUNNING, STOPPED, None)
    show.show(RUNNING, STOPPED, None)
    show.show(FINISHED, moving(800, 750), None)
    first, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["state"], first["ids_left"], first["ids_per_second"]) == ("running", 750, None)
    assert (last["state"], last["ids_left"], last["ids_per_second"]) == ("finished", 0, 50.0)


def test_a_terminal_gets_a_bar_with_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave, "w") as terminal:
        monkeypatch.setattr(sys, "stdout", terminal)
        with Bar() as show:
            show.show(RUNNING, moving(800, 750), None)
            show.show(RUNNING, STOPPED, "no producer is active")
            show.show(FINISHED, STOPPED, None)
        terminal.flush()
        seen = ""
        while "are done" not in seen:
            seen += os.read(master, 10_000).decode()
    os.close(master)
    assert "job running" in seen
    assert "25%" in seen
    assert "50 ids/s, 15s left" in seen
    assert "no producer is active" in seen
    assert seen.rstrip().endswith("backfill job is over: ids 1 to 1000 are done")


# Its control record


def test_a_job_survives_its_control_record() -> None:
    job = Job("winter", 5, 900, 12.5, "cancelled", "2026-01-01T00:00:00.000Z", "anna on box")
    value = encode_value(by=job.by, at=job.at, reason="", fields=job.fields)
    assert read_job(decode_record(b"backfill/winter", value)) == job


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"first": "5"}, "first is no event id"),
        ({"last": -1}, "last is no event id"),
        ({"rate_limit": 0}, "rate_limit is no number above 0"),
        ({"rate_limit": True}, "rate_limit is no number above 0"),
        ({"state": "done"}, "state is neither wanted nor cancelled"),
    ],
)
def test_a_record_that_is_no_job_says_why(changes: dict[str, object], said: str) -> None:
    value = encode_value(by="x", at="", reason="", fields={**ASKED.fields, **changes})
    with pytest.raises(ValueError, match=said):
        read_job(decode_record(b"backfill/winter", value))
