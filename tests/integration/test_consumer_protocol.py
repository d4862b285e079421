"""`group.protocol: consumer`: Kafka's newer way to share a group keeps the same promises."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from consumer_support import Commands, EventStream, Team, event
from support import Kafka, Process, wait_until

from shotgun_sandbox.broker import Broker

pytestmark = pytest.mark.kafka

PROTOCOL = {"group.protocol": "consumer", "fetch.wait.max.ms": "200"}


def team_of(folder: Path, stream: EventStream, spawn: Callable[..., Process]) -> Team:
    team = Team(folder, stream, spawn)
    team.consumer_properties = PROTOCOL
    team.note_taker("notes")
    return team


def test_events_are_delivered_the_stop_is_clean_and_the_position_stays(
    tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process], capsys: pytest.CaptureFixture[str]
) -> None:
    team = team_of(tmp_path, EventStream(kafka), spawn)
    run, group = Commands(team, capsys), team.group("notes")
    team.stream.publish(event(n) for n in range(1, 201))
    member = team.run().wait_ready()
    team.stream.wait_for_no_lag(group)
    # It is seen and moved like any other
    (found,) = run.json("groups")
    assert (found["state"], len(found["members"])) == ("running", 1)
    assert run("rewind", group, "--to-event", "191", "--yes")[0] == 0
    wait_until(lambda: len(team.notes("notes")) == 210)
    assert member.process.terminate() == 0
    assert "Traceback" not in member.process.stdout
    # And a restart repeats nothing
    team.stream.publish([event(201)])
    team.run()
    wait_until(lambda: len(team.notes("notes")) >= 211)
    assert team.notes("notes") == [*range(1, 201), *range(191, 202)]


def test_members_share_the_partitions_and_the_work_of_a_killed_one_is_taken_over(
    tmp_path: Path, own_broker: Callable[..., Broker], spawn: Callable[..., Process]
) -> None:
    # Given a broker that gives up a silent member after 5 s instead of 45
    session = {"group.consumer.session.timeout.ms": "5000", "group.consumer.min.session.timeout.ms": "5000"}
    beat = {
        "group.consumer.heartbeat.interval.ms": "500",
        "group.consumer.min.heartbeat.interval.ms": "500",
    }
    kafka = Kafka(own_broker(properties={**session, **beat}))
    team = team_of(tmp_path, EventStream(kafka, partitions=2), spawn)
    # When a second member joins, each has one partition
    first, second = team.run().wait_ready(), team.run()
    for member in (first, second):
        wait_until(lambda member=member: member.metric("assigned_partitions") == 1)  # type: ignore[misc]
    team.stream.publish(event(n) for n in range(1, 101))
    team.stream.wait_for_no_lag(team.group("notes"))
    # Then no event was repeated on the way
    assert sorted(team.notes("notes")) == list(range(1, 101))
    # And when one is killed, the other takes its partition over
    first.process.kill()
    team.stream.publish(event(n) for n in range(101, 201))
    team.stream.wait_for_no_lag(team.group("notes"))
    assert sorted(team.notes("notes")) == list(range(1, 201))
    assert second.metric("assigned_partitions") == 2
    assert second.process.terminate() == 0
