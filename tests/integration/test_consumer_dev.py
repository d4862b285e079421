"""`shotgun-consumer run --dev`: what an author does to a running plugin, and that nothing of it outlasts the run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import EventStream, Member, Team, control_records, event
from support import Kafka, Process, wait_until

from shotgun_consumer.positions.group_positions import group_names
from shotgun_consumer.trying.dev_settings import user_word

pytestmark = pytest.mark.kafka

WRITES = """
    def registerCallbacks(reg):
        reg.registerCallback(None, None, answer)
    def answer(sg, logger, event, args):
        logger.info("answering %s", event["id"])
        sg.update("Task", event["id"], {"sg_status_list": "fin"})
"""
FAILS = """
    def registerCallbacks(reg):
        reg.registerCallback(None, None, answer)
    def answer(sg, logger, event, args):
        raise ValueError("no " + str(event["id"]))
"""


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def author(kafka: Kafka, monkeypatch: pytest.MonkeyPatch) -> str:
    """A user whom no other test has; what is started is run in their name."""
    name = kafka.group("al ice")
    for variable in ("LOGNAME", "USER"):
        monkeypatch.setenv(variable, name)
    return user_word()


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process], author: str) -> Team:
    return Team(tmp_path, stream, spawn)


def dev(team: Team, **consumer: object) -> Member:
    return team.run("--dev", **consumer).wait_ready()


def test_each_start_begins_at_the_newest_event_and_leaves_the_teams_groups_alone(
    team: Team, stream: EventStream, author: str
) -> None:
    # Given a stream with a past, and a configuration that would begin with it
    team.note_taker("notes")
    stream.publish(event(n) for n in range(1, 4))
    # When the plugin is run for development
    first = dev(team, start="earliest")
    # Then it gets what comes from now on
    stream.publish([event(4)])
    wait_until(lambda: team.notes("notes") == [4])
    stream.wait_for_no_lag(f"dev-{author}.notes")
    assert first.process.terminate() == 0
    # And the next run does not go on there, but begins at the newest again
    stream.publish([event(5)])
    dev(team)
    stream.publish([event(6)])
    wait_until(lambda: team.notes("notes") == [4, 6])
    # And the team's own group was never there
    assert group_names(stream.kafka.admin, team.prefix) == set()


def test_writes_and_dead_letters_are_shown_and_nothing_is_written(
    team: Team, stream: EventStream, kafka: Kafka, author: str
) -> None:
    team.plugin("writes", WRITES)
    team.plugin("fails", FAILS)
    member = dev(team, plugins={"fails": {"on_failure": "dead_letter"}}, groups={"both": ["writes", "fails"]})
    said = member.process.stdout
    assert f"dev-{author}.fails, dev-{author}.writes" in said
    stream.publish(event(n) for n in range(1, 31))
    # More of them fail than a team's group would stand before it is paused
    stream.wait_for_no_lag(f"dev-{author}.writes", f"dev-{author}.fails")
    assert member.process.terminate() == 0
    said = member.process.stdout
    assert "would write: update Task 30 {'sg_status_list': 'fin'}" in said
    assert "event 30 Shotgun_Task_Change sg_status_list: succeeded" in said
    assert "ValueError: no 30" in said
    assert "the event would be a dead letter of this callback" in said
    # And of all that Kafka has nothing
    assert stream.dead_letter_topic not in " ".join(kafka.admin.list_topics(timeout=10).topics)
    assert control_records(kafka, stream.control_topic) == {}


def test_a_plugin_stays_at_a_failed_event_until_its_file_is_mended(
    team: Team, stream: EventStream, author: str
) -> None:
    team.plugin("writes", FAILS)
    member = dev(team, reload="off")
    stream.publish([event(1), event(2)])
    member.process.wait_for_line("save the corrected file, and the event is run again")
    team.plugin("writes", WRITES)
    member.process.wait_for_line("event 1 .*: succeeded")
    member.process.wait_for_line("event 2 .*: succeeded")
    assert "shotgun-consumer resume" not in member.process.stdout


def test_each_of_an_authors_terminals_gets_all_events(team: Team, stream: EventStream, author: str) -> None:
    team.plugin("writes", WRITES)
    first, second = dev(team), dev(team)
    assert f"dev-{author}-2.writes" in second.process.stdout
    stream.publish([event(1)])
    for member in (first, second):
        member.process.wait_for_line("would write: update Task 1 ")


def test_it_needs_nothing_but_a_broker_and_a_file(
    team: Team, stream: EventStream, spawn: Callable[..., Process], author: str
) -> None:
    team.plugin("writes", WRITES)
    process = spawn(
        [
            *("shotgun-consumer", "run", "--dev", "--plugins", str(team.folder / "writes.py")),
            *("--set", f"kafka.bootstrap_servers={stream.kafka.bootstrap_servers}"),
            *(
                "--set",
                f"stream.topic={stream.topic}",
                "--set",
                f"stream.control_topic={stream.control_topic}",
            ),
        ]
    )
    Member(process).wait_ready()
    assert "no site is configured" in process.stdout
    stream.publish([event(1)])
    process.wait_for_line("would write: update Task 1 ")


def test_orders_and_pauses_of_former_groups_do_not_reach_it(
    team: Team, stream: EventStream, author: str
) -> None:
    # Given a group of the same name, with a position, that somebody has paused
    team.note_taker("notes")
    team.name = f"dev-{author}"
    former = team.run(group_prefix="", team=team.name).wait_ready()
    stream.publish([event(1)])
    stream.wait_for_no_lag(f"dev-{author}.notes")
    assert former.process.terminate() == 0
    assert team.command("pause", f"dev-{author}.notes").returncode == 0
    # When the plugin is run for development, it runs
    dev(team)
    stream.publish([event(2)])
    wait_until(lambda: team.notes("notes") == [1, 2])
