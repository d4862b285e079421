"""`shotgun-producer backfill` as a process, on a real Kafka, with a stand-in for the active producer."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from backfill_kit import StandIn
from producer_kit import Bench
from support import Kafka, Process, wait_until

from shotgun_producer.backfill.job import Job
from shotgun_producer.commands.backfill_watch import read_jobs
from shotgun_sandbox.broker import Broker
from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.checkpoint import Backfill

pytestmark = pytest.mark.kafka

DONE = Backfill("old", 1, 5, 6)


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=40, writers=1, id_block=1)) as site:
        yield site


@pytest.fixture
def bench(spawn: Callable[..., Process], tmp_path: Path, kafka: Kafka, site: SandboxSite) -> Bench:
    return Bench(spawn, tmp_path, kafka, site)


@pytest.fixture
def producer(bench: Bench) -> Iterator[StandIn]:
    producer = StandIn(bench)
    yield producer
    producer.close()


def ended(process: Process, code: int) -> str:
    """What the command said on stdout and stderr, when it has ended with `code` and without a traceback."""
    assert process.wait() == code, process.describe()
    assert "Traceback" not in process.stderr
    return process.stdout + process.stderr


def last_object(process: Process) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(process.stdout.splitlines()[-1])
    return found


def test_a_dry_run_tells_what_would_be_done_and_writes_nothing(bench: Bench, producer: StandIn) -> None:
    producer.backfills.begin("old", 1, 5)
    producer.advance(5)

    process = bench.command(
        "backfill", "--from", "2", "--to", "9999", "--dry-run", "--rate-limit", "2", "--json"
    )

    assert process.wait() == 0, process.describe()
    found = last_object(process)
    assert (found["first"], found["last"], found["ids"], found["done"]) == (2, 30, 25, [[2, 5]])
    # All but 25 and 26, which the live stream has published
    assert (found["events"], found["seconds"]) == (23, 11.5)
    text = ended(bench.command("backfill", "--from", "earliest", "--dry-run"), 0)
    assert "ids 1 to 30: 25 to look at" in text
    assert "the site shows 23 events there" in text
    assert read_jobs(producer.settings) == ()


def test_a_job_is_followed_to_its_end(bench: Bench, producer: StandIn) -> None:
    producer.stand()
    process = bench.command("backfill", "--from", "11", "--to", "30", "--name", "winter", "--json")
    producer.begin("winter")
    producer.advance(20)
    process.wait_for_line(r'"next_id": 21.*"ids_left": 10')
    producer.advance(30)
    producer.end("winter")

    assert process.wait() == 0, process.describe()
    found = last_object(process)
    assert (found["job"], found["state"], found["ids"], found["ids_left"]) == ("winter", "finished", 20, 0)
    states = [json.loads(line)["state"] for line in process.stdout.splitlines()]
    assert states == sorted(states, key=["waiting", "running", "finished"].index)


def test_the_record_holds_what_was_asked_for_and_waits_for_a_producer(
    bench: Bench, producer: StandIn
) -> None:
    text = ended(
        bench.command("backfill", "--from", "11", "--rate-limit", "50", "--name", "winter", "--detach"), 0
    )

    assert "no producer is active; start one with: shotgun-producer run" in text
    assert "shotgun-producer backfill --attach winter" in text
    job = producer.wanted("winter")
    assert (job.first, job.last, job.rate_limit, job.state) == (11, 30, 50.0, "wanted")
    assert job.by


def test_ctrl_c_leaves_the_job_running_and_another_command_looks_on(bench: Bench, producer: StandIn) -> None:
    # Given a job that is under way
    producer.stand()
    process = bench.command("backfill", "--from", "11", "--name", "winter")
    producer.begin("winter")
    producer.advance(15)
    process.wait_for_line(r"winter running: \d+ of 20 ids")

    # When its command is interrupted, then the job stays wanted
    process.signal(signal.SIGINT)
    text = ended(process, 0)
    assert "backfill winter goes on without this command" in text
    assert "--attach winter" in text
    assert "--cancel winter" in text
    assert producer.wanted("winter").state == "wanted"

    # And another command sees it end
    again = bench.command("backfill", "--attach", "winter")
    again.wait_for_line("winter running")
    producer.advance(30)
    producer.end("winter")
    assert "backfill winter is over: ids 11 to 30 are done" in ended(again, 0)
    assert "backfill winter is over" in ended(bench.command("backfill", "--attach", "winter"), 0)


def test_a_cancelled_job_ends_where_it_is(bench: Bench, producer: StandIn) -> None:
    # Given a job that somebody looks at
    producer.stand()
    onlooker = bench.command("backfill", "--from", "11", "--name", "winter")
    producer.begin("winter")
    producer.advance(15)

    # When it is cancelled, and the producer does as it is told
    process = bench.command("backfill", "--cancel", "winter")
    producer.cancelled("winter")
    producer.backfills.cancel("winter")
    producer.commit()
    producer.end("winter")

    # Then both are told, and what was done stays done
    assert "backfill winter was cancelled; ids 11 to 15 are done" in ended(process, 0)
    assert "error: backfill winter was cancelled before its end" in ended(onlooker, 1)
    listed = bench.command("backfill", "--list", "--json")
    assert listed.wait() == 0
    ((found,),) = [json.loads(listed.stdout)]
    assert (found["job"], found["first"], found["last"], found["ids_left"]) == ("winter", 11, 15, 0)


def test_cancelling_without_a_producer_says_when_it_will_happen(bench: Bench, producer: StandIn) -> None:
    producer.ask(Job("winter", 11, 30))

    text = ended(bench.command("backfill", "--cancel", "winter"), 1)

    assert "marked as cancelled and ends as soon as a producer sees that" in text
    assert "no producer is active" in text
    assert producer.cancelled("winter").first == 11


def test_a_second_job_waits_for_the_first(bench: Bench, producer: StandIn) -> None:
    producer.stand()
    producer.ask(Job("first", 1, 10))
    producer.begin("first")
    process = bench.command("backfill", "--from", "11", "--name", "second")
    process.wait_for_line("second waiting: waits for backfill first")

    status = bench.command("status", "--json")
    assert status.wait() == 0, status.describe()
    found = json.loads(status.stdout)["backfills"]
    assert [(job["name"], job["phase"], job["ids"]) for job in found] == [
        ("first", "running", 10),
        ("second", "waiting", 20),
    ]
    producer.advance(10)
    producer.end("first")
    producer.begin("second")
    producer.advance(30)
    producer.end("second")

    ended(process, 0)
    table = ended(bench.command("backfill", "--list"), 0)
    assert [line.split()[:2] for line in table.splitlines()] == [
        ["job", "state"],
        ["first", "finished"],
        ["second", "finished"],
    ]


def test_what_cannot_or_need_not_be_done_is_said(bench: Bench, producer: StandIn) -> None:
    producer.backfills.begin("old", 1, 5)
    producer.advance(5)
    cases = [
        ("--from 9 --to 3", 2, "--from 9 is not before --to 3; swap them"),
        ("--from 41", 2, "the stream has only come to event 40"),
        ("--from 11 --name old", 2, "there is a backfill old already (finished, ids 1 to 5)"),
        ("--attach none", 2, "there is no backfill none; see: shotgun-producer backfill --list"),
        ("--cancel none", 2, "there is no backfill none"),
        ("--cancel old", 0, "backfill old is over: ids 1 to 5 are done"),
        ("--from 31", 0, "nothing to do: the stream began behind event 30"),
        ("--from 2 --to 4", 0, "nothing to do: ids 2 to 4 were backfilled already"),
        ("--from 2099-01-01", 0, "nothing to do: the site shows no event"),
    ]

    processes = [bench.command("backfill", *words.split()) for words, _, _ in cases]

    for process, (_, code, said) in zip(processes, cases, strict=True):
        assert said in ended(process, code)
    assert read_jobs(producer.settings) == ()


def test_without_a_checkpoint_there_is_nothing_to_fill(bench: Bench, kafka: Kafka, producer: StandIn) -> None:
    bench.values["stream"]["checkpoint_topic"] = kafka.create_topic("checkpoint")

    text = ended(bench.command("backfill", "--from", "1"), 1)

    assert "there is no checkpoint" in text
    assert "shotgun-producer run" in text


def test_command_and_producer_publish_the_past(bench: Bench) -> None:
    # Given a real producer of a stream that began at the newest event
    bench.values["producer"]["start"] = "latest"
    bench.start().wait_active()
    assert bench.published() == []

    # When a part of the past is asked for in events, another by its date, then all is there once
    process = bench.command("backfill", "--from", "11", "--to", "20", "--json")
    assert process.wait() == 0, process.describe()
    assert last_object(process)["state"] == "finished"
    # Kafka shows what was committed when it has written the transaction's markers, which may be a little later
    wait_until(lambda: sorted(bench.published()) == list(range(11, 21)))
    ended(bench.command("backfill", "--from", "2000-01-01", "--name", "rest"), 0)
    bench.wait_for_all()
    assert "nothing to do" in ended(bench.command("backfill", "--from", "earliest"), 0)


def test_a_broker_that_freezes_is_waited_for(
    own_broker: Callable[..., Broker],
    spawn: Callable[..., Process],
    tmp_path: Path,
    kafka: Kafka,
    site: SandboxSite,
) -> None:
    # Given a job under way on a broker of its own
    broker = own_broker()
    bench = Bench(spawn, tmp_path, kafka, site, servers=broker.bootstrap_servers)
    producer = StandIn(bench)
    try:
        process = bench.command("backfill", "--from", "11", "--name", "winter")
        producer.begin("winter")
        process.wait_for_line("winter running")

        # When the broker freezes, then that is said; and when it goes on, so does the command
        broker.pause()
        process.wait_for_line("it cannot be seen at present, trying again")
        broker.resume()
        wait_until(lambda: producer.advance(30) or producer.backfills.running is None)
        producer.end("winter")
        assert "backfill winter is over" in ended(process, 0)
    finally:
        broker.resume()
        producer.close()
