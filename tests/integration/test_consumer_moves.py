"""`groups` tells where every group is from any host, and `rewind` moves one without stopping its members."""

from __future__ import annotations

import json
import os
import pty
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from consumer_support import EventStream, Team, control_records, event
from support import Kafka, Process, wait_until

from shotgun_consumer.positions.marks import Marks, encode_marks
from shotgun_runtime.control import ControlWriter
from shotgun_runtime.settings import load_settings
from shotgun_runtime.stream_topics import control_topic
from shotgun_runtime.topics import ensure_topics, topic_identity

pytestmark = pytest.mark.kafka
NOW = 1769024853.0
"""2026-01-21T19:47:33Z"""


@pytest.fixture
def stream(kafka: Kafka) -> EventStream:
    return EventStream(kafka)


@pytest.fixture
def team(tmp_path: Path, stream: EventStream, spawn: Callable[..., Process]) -> Team:
    team = Team(tmp_path, stream, spawn)
    team.note_taker("everything")
    return team


def groups(team: Team, *arguments: str) -> list[dict[str, Any]]:
    done = team.command("groups", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    found: list[dict[str, Any]] = json.loads(done.stdout)
    return found


def put(team: Team, key: str, **fields: Any) -> None:
    settings = load_settings(team.config(), {})
    ensure_topics(team.stream.kafka.admin, [control_topic(settings.stream)])
    writer = ControlWriter(settings)
    writer.put(key, by="alice on host7", reason="a test", **fields)
    writer.close()


# groups


def test_groups_shows_a_running_group_without_lag_and_one_that_lags(
    team: Team, stream: EventStream, kafka: Kafka
) -> None:
    # Given a group that has run all five events, and another one of the team that has run the first
    for number in range(1, 6):
        stream.publish_at(event(number), NOW + number)
    team.run().wait_ready()
    stream.wait_for_no_lag(team.group("everything"))
    stream.set_position(team.group("slow"), 2)
    # When the groups are listed
    fast, slow = groups(team)
    # Then each has its state, its lag and its events
    assert (fast["group"], fast["state"], fast["lag_offsets"]) == (team.group("everything"), "running", 0)
    assert fast["lag_seconds"] == 0
    assert fast["oldest"] is None
    assert fast["last"] == {"event_id": 5, "at": "2026-01-21T19:47:38Z"}
    assert len(fast["members"]) == 1
    assert (slow["group"], slow["state"], slow["lag_offsets"]) == (team.group("slow"), "empty", 8)
    assert slow["last"]["event_id"] == 1
    assert slow["oldest"] == {"event_id": 2, "at": "2026-01-21T19:47:35Z"}
    assert slow["lag_seconds"] > 0
    text = team.command("groups").stdout
    assert "running on 127.0.0.1 (1)" in text
    assert "2 of 2026-01-21T19:47:35Z" in text


def test_groups_counts_what_is_unfinished_behind_finished_events(
    team: Team, stream: EventStream, kafka: Kafka
) -> None:
    stream.publish(event(n) for n in range(1, 8))
    stream.set_position(team.group("wide"), 1, encode_marks(1, Marks(top=5, unfinished=(3,))))
    (wide,) = groups(team)
    assert wide["unfinished"] == 2
    assert wide["oldest"]["event_id"] == 2


def test_groups_tells_why_a_group_does_not_run(team: Team, stream: EventStream, kafka: Kafka) -> None:
    stream.publish(event(n) for n in range(1, 4))
    for name in ("held", "paused", "failed"):
        stream.set_position(team.group(name), 1)
    put(team, f"hold/{team.group('held')}", until=time.time() + 60)
    put(team, f"pause/{team.group('paused')}")
    put(team, f"stop/{team.group('failed')}/0", offset=1, event_id=2)
    # The witness of a group that Kafka has forgotten
    topic_id = topic_identity(kafka.admin, stream.topic).topic_id
    put(team, f"group/{team.group('lost')}", topic_id=topic_id, partitions=1, event_id=2, event_at=None)
    found = {one["group"]: one for one in groups(team)}
    assert found[team.group("held")]["state"] == "held"
    assert "alice on host7" in found[team.group("held")]["reason"]
    assert found[team.group("paused")]["state"] == "paused"
    assert found[team.group("failed")]["state"] == "stopped"
    assert "stays at event 2" in found[team.group("failed")]["reason"]
    lost = found[team.group("lost")]
    assert (lost["state"], lost["lag_offsets"]) == ("waiting for a decision", None)
    assert f"shotgun-consumer rewind {team.group('lost')} --to-event 2" in lost["reason"]
    # And all teams' groups are those with a record in the control topic
    assert [one["group"] for one in groups(team, "--all")] == [team.group("lost")]


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["groups", "anim.misspelt"], 2, "no group 'anim.misspelt' is known"),
        (["groups", "--all", "--team", "x"], 2, "only one of them"),
        (["groups", "--set", "consumer.team="], 2, "no team is given"),
        (["groups", "--set", "stream.topic=no.such.topic"], 4, "no.such.topic"),
        (["rewind", "anim.misspelt", "--to-earliest", "--yes"], 2, "no group 'anim.misspelt' is known"),
    ],
)
def test_a_mistake_gets_one_message(
    team: Team, stream: EventStream, arguments: list[str], code: int, words: str
) -> None:
    done = team.command(*arguments)
    assert done.returncode == code, done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


# rewind


def test_rewind_moves_a_running_group_which_goes_on_by_itself(team: Team, stream: EventStream) -> None:
    # Given two members of a group that has run all
    stream.publish(event(n) for n in range(1, 6))
    members = [team.run(), team.run()]
    for member in members:
        member.wait_ready()
    stream.wait_for_no_lag(team.group("everything"))
    # When it is moved back to event 4
    done = team.command("rewind", team.group("everything"), "--to-event", "4", "--yes", "--json")
    # Then it says what that repeats, and the group runs events 4 and 5 again, in the same processes
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert said["moved"] is True
    assert said["partitions"] == [{"partition": 0, "old_offset": 6, "new_offset": 3}]
    assert said["repeated_at_most"] == 3
    assert said["passed_over_at_most"] == 0
    wait_until(lambda: team.notes("everything") == [1, 2, 3, 4, 5, 4, 5])
    assert all(member.process.returncode is None for member in members)
    # And nothing is left of the hold
    wait_until(lambda: control_records(stream.kafka, stream.control_topic)[hold_key(team)] is None)
    for member in members:
        member.wait_ready()


def hold_key(team: Team) -> str:
    return f"hold/{team.group('everything')}"


def test_rewind_finds_an_events_own_place_though_ids_are_in_no_order(
    team: Team, stream: EventStream, kafka: Kafka
) -> None:
    # Given late ids: 15 lies behind 30, 12 at the end
    for number in (10, 20, 30, 15, 40, 12):
        stream.publish([event(number)])
    group = team.group("everything")
    for wanted, offset in ((15, 6), (12, 10), (20, 2)):
        stream.set_position(group, 0)
        done = team.command("rewind", group, "--to-event", str(wanted), "--yes")
        assert done.returncode == 0, done.stderr
        assert stream.committed(group) == {0: offset}
    # And what is not there is not guessed at
    done = team.command("rewind", group, "--to-event", "17", "--yes")
    assert done.returncode == 2
    assert "event 17 is not in" in done.stderr
    assert "15 and 20" in done.stderr
    assert stream.committed(group) == {0: 2}


def test_rewind_to_a_time_goes_to_the_first_event_of_that_time_in_each_partition(
    kafka: Kafka, tmp_path: Path, spawn: Callable[..., Process]
) -> None:
    stream = EventStream(kafka, partitions=2)
    team = Team(tmp_path, stream, spawn)
    group = team.group("everything")
    now = time.time()
    for number, age in ((2, 7200), (4, 60), (3, 7200), (5, 50)):
        stream.publish_at(event(number), now - age)
    for pair in (0, 1):
        stream.set_position(group, 0, partition=pair)
    done = team.command("rewind", group, "--to-time", "1h", "--yes")
    assert done.returncode == 0, done.stderr
    assert stream.committed(group) == {0: 2, 1: 2}
    # And to an event: its own place in its own partition, its time in the others
    done = team.command("rewind", group, "--to-event", "4", "--yes")
    assert done.returncode == 0, done.stderr
    assert stream.committed(group) == {0: 2, 1: 2}


def test_rewind_without_an_answer_or_in_a_dry_run_changes_nothing(
    team: Team, stream: EventStream, kafka: Kafka
) -> None:
    stream.publish(event(n) for n in range(1, 6))
    group = team.group("everything")
    stream.set_position(group, 4)
    dry = team.command("rewind", group, "--to-earliest", "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert json.loads(dry.stdout)["moved"] is False
    assert "up to 4 events are run again" in dry.stderr
    asked = team.command("rewind", group, "--to-latest")
    assert asked.returncode == 5
    assert "up to 2 events are passed over and never run by this group" in asked.stdout
    assert "add --yes" in asked.stderr
    assert stream.committed(group) == {0: 4}
    assert hold_key(team) not in control_records(kafka, stream.control_topic)


def test_on_a_terminal_rewind_asks_first(team: Team, stream: EventStream) -> None:
    stream.publish(event(n) for n in range(1, 6))
    group = team.group("everything")
    stream.set_position(group, 4)
    for answer, code, offset in ((b"n\n", 5, 4), (b"y\n", 0, 0)):
        terminal, stdin = pty.openpty()
        os.write(terminal, answer)
        done = team.command("rewind", group, "--to-earliest", stdin=stdin)
        os.close(terminal)
        os.close(stdin)
        assert done.returncode == code, done.stderr
        assert "Go on? [y/N]" in done.stderr
        assert stream.committed(group) == {0: offset}


def test_rewind_forgets_what_had_ended_ahead(team: Team, stream: EventStream, kafka: Kafka) -> None:
    stream.publish(event(n) for n in range(1, 6))
    group = team.group("everything")
    stream.set_position(group, 1, encode_marks(1, Marks(top=4)))
    assert team.command("rewind", group, "--to-earliest", "--yes").returncode == 0
    team.run()
    wait_until(lambda: team.notes("everything") == [1, 2, 3, 4, 5])


def test_a_second_command_waits_for_its_turn_and_a_dead_ones_hold_is_cleared(
    team: Team, stream: EventStream, kafka: Kafka
) -> None:
    stream.publish(event(n) for n in range(1, 4))
    group = team.group("everything")
    stream.set_position(group, 2)
    # While somebody else's command holds the group
    put(team, hold_key(team), until=time.time() + 600)
    refused = team.command("rewind", group, "--to-earliest", "--yes")
    assert refused.returncode == 1
    assert "is held by alice on host7" in refused.stderr
    assert stream.committed(group) == {0: 2}
    # And once that one has died
    put(team, hold_key(team), until=time.time() - 1)
    done = team.command("rewind", group, "--to-earliest", "--yes")
    assert done.returncode == 0
    assert "A hold that alice on host7 left behind" in done.stderr
    assert stream.committed(group) == {0: 0}


def test_a_killed_commands_hold_ends_by_itself(team: Team, stream: EventStream) -> None:
    # Given a hold from long ago that nobody has lifted
    stream.publish([event(1)])
    put(team, hold_key(team), until=time.time() - 3600)
    # Then a member does not wait for anything
    team.run().wait_ready()
    wait_until(lambda: team.notes("everything") == [1])


def test_a_held_member_leaves_the_group_says_why_and_is_not_ready(team: Team, stream: EventStream) -> None:
    stream.publish([event(1)])
    member = team.run().wait_ready()
    stream.wait_for_no_lag(team.group("everything"))
    put(team, hold_key(team), until=time.time() + 600)
    wait_until(lambda: groups(team)[0]["members"] == [])
    assert member.get("/readyz")[0] == 503
    assert "is held by alice on host7 (a test)" in member.get("/readyz")[1]
    assert member.metric("waiting_for_decision") == 0
