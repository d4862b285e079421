"""What a callback cannot take in is put aside before the position moves on, and commands deal with it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka.admin import AlterConfigOpType, ConfigEntry, ConfigResource, ResourceType
from consumer_support import Commands, EventStream, Team, control_records, event
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_schemas.topics import MAX_RECORD_BYTES

pytestmark = pytest.mark.kafka

BROKEN = """
    import threading
    def registerCallbacks(reg):
        reg.registerCallback(None, None, fail)
        reg.registerCallback(None, None, note)
    def fail(sg, logger, event, args):
        if event["id"] % 3 == 0:
            raise ValueError("a-secret-key does not open event %s" % event["id"])
    def note(sg, logger, event, args):
        with open({path!r}, "a") as notes:
            notes.write("%s\\n" % event["id"])
"""
STUCK = """
    import threading
    def registerCallbacks(reg):
        reg.registerCallback(None, None, wait)
    def wait(sg, logger, event, args):
        if event["id"] == 2:
            threading.Event().wait()
"""
DEAD_LETTER = {"plugins": {"broken": {"on_failure": "dead_letter"}}}


@pytest.fixture
def team(tmp_path: Path, kafka: Kafka, spawn: Callable[..., Process]) -> Team:
    team = Team(tmp_path, EventStream(kafka), spawn)
    team.plugin("broken", BROKEN.format(path=str(team.folder / "broken.notes")))
    return team


@pytest.fixture
def run(team: Team, capsys: pytest.CaptureFixture[str]) -> Commands:
    return Commands(team, capsys)


def test_events_that_fail_for_good_are_put_aside_and_the_plugin_goes_on(team: Team, kafka: Kafka) -> None:
    # Given a callback that fails on some events
    team.stream.publish(event(n) for n in range(1, 11))
    member = team.run(**DEAD_LETTER).wait_ready()
    team.stream.wait_for_no_lag(team.group("broken"))
    # Then the others are called for all, and the outcomes say it
    assert team.notes("broken") == list(range(1, 11))
    wait_until(lambda: member.metric("events_total", plugin="broken", outcome="dead_lettered") == 3)
    assert member.metric("events_total", plugin="broken", outcome="succeeded") == 7
    # And the letters hold the events as they were
    topic = f"{team.stream.dead_letter_topic}.anim"
    originals = {record.key(): record for record in kafka.read(team.stream.topic)}
    found = kafka.read(topic)
    group = team.group("broken")
    assert [record.key() for record in found] == [f"{group}|fail|{n}".encode() for n in (3, 6, 9)]
    for record in found:
        headers = dict(record.headers())
        original = originals[headers["shotgun.errors.key"]]
        assert record.value() == original.value()
        assert record.timestamp() == original.timestamp()
        assert dict(original.headers()).items() <= headers.items()
        assert headers["__connect.errors.offset"] == str(original.offset()).encode()
        assert headers["__connect.errors.exception.class.name"] == b"ValueError"
        assert b"in fail" in headers["__connect.errors.exception.stacktrace"]
        # The secrets of the configuration are in neither log nor letter.
        assert not any(b"a-secret-key" in value for value in headers.values())
    resource = ConfigResource(ResourceType.TOPIC, topic)
    settings = kafka.admin.describe_configs([resource])[resource].result(PATIENCE)
    assert settings["cleanup.policy"].value == "compact"


def test_letters_are_listed_shown_replayed_and_dropped(team: Team, run: Commands, kafka: Kafka) -> None:
    assert run("dead-letters", "list") == (0, "team 'anim' has no dead letters\n", "")
    assert run("dead-letters", "show", "5") == (0, "team 'anim' has no such dead letters\n", "")
    code, _, said = run("dead-letters", "list", "broken")
    assert (code, "'broken' is no event" in said) == (2, True)
    team.stream.publish(
        event(n, "Shotgun_Shot_New" if n == 6 else "Shotgun_Task_Change") for n in range(1, 11)
    )
    member = team.run(**DEAD_LETTER).wait_ready()
    team.stream.wait_for_no_lag(team.group("broken"))
    assert member.process.terminate() == 0
    # Listed, by every filter
    assert run.listed() == [3, 6, 9]
    assert run.listed("9", "3") == [3, 9]
    assert run.listed("--type", "*_New") == [6]
    assert run.listed("--since", "1h", "--callback", "f*") == [3, 6, 9]
    assert run.letters("list", "--since", "2999-01-01") == []
    assert run.letters("list", "--plugin", "other") == []
    table = run("dead-letters", "list")[1].splitlines()
    assert len(table) == 4
    assert "ValueError: ******** does not open event 3" in table[1]
    # Shown whole
    (shown,) = run.letters("show", "6")
    assert shown["content"]["event_type"] == "Shotgun_Shot_New"
    assert "in fail" in shown["stacktrace"]
    assert '"event_type": "Shotgun_Shot_New"' in run("dead-letters", "show", "6")[1]
    # Replayed through the control topic
    run.letters("replay", "6", "--dry-run")
    key = f"replay/{team.group('broken')}/0/{shown['offset']}/fail"
    assert key not in control_records(kafka, team.stream.control_topic)
    run.letters("replay", "6", "--reason", "mended")
    record = control_records(kafka, team.stream.control_topic)[key]
    assert (record["event_id"], record["reason"]) == (6, "mended")
    # And dropped, never all of them by accident
    assert run("dead-letters", "drop")[0] == 2
    run.letters("drop", "3", "--dry-run")
    assert run.listed() == [3, 6, 9]
    run.letters("drop", "3")
    assert run.listed() == [6, 9]
    run.letters("drop", "--all")
    assert run.letters("list") == []


def test_orders_stand_in_the_control_topic_and_name_the_group_that_is_unknown(
    team: Team, run: Commands, kafka: Kafka
) -> None:
    group = team.group("broken")
    # Given a group that stays at its third event
    team.stream.publish(event(n) for n in range(1, 11))
    member = team.run().wait_ready()
    wait_until(lambda: member.metric("paused", plugin="broken") == 1)
    stop_key = f"stop/{group}/0"
    wait_until(lambda: stop_key in control_records(kafka, team.stream.control_topic))
    wait_until(lambda: "partition 0 stays at event 3 (callback 'fail' raised" in member.get("/readyz")[1])
    assert "a-secret-key" not in member.get("/readyz")[1]
    assert "a-secret-key" not in str(control_records(kafka, team.stream.control_topic))
    # When its event is to be passed over
    said = run.json("skip", group, "--reason", "a test asset")
    assert (said["partition"], said["event_id"]) == (0, 3)
    record = control_records(kafka, team.stream.control_topic)[f"skip/{group}/0/{said['offset']}"]
    assert (record["reason"], record["event_id"]) == ("a test asset", 3)
    # And when it is paused and resumed
    paused = run("pause", group, "--reason", "the farm is down")
    assert f"shotgun-consumer resume {group}" in paused[1]
    assert control_records(kafka, team.stream.control_topic)[f"pause/{group}"]["reason"] == "the farm is down"
    wait_until(lambda: member.metric("paused_by_order", plugin="broken") == 1)
    assert "the farm is down" in member.get("/readyz")[1]
    member.process.wait_for_line(r"WARNING.*starts no more events: paused by .*the farm is down")
    assert "was paused by" in run("resume", group)[1]
    records = control_records(kafka, team.stream.control_topic)
    assert records[f"pause/{group}"] is None
    assert f"resume/{group}" in records
    wait_until(lambda: member.metric("paused_by_order", plugin="broken") == 0)
    # A name that nobody knows is refused
    code, _, said = run("pause", "nobody")
    assert code == 2
    assert f"no group 'nobody' has run yet; the known ones are {group}" in said


def test_a_stuck_callback_ends_the_process_when_that_is_wanted(team: Team) -> None:
    team.plugin("stuck", STUCK)
    team.note_taker("everything")
    team.stream.publish(event(n) for n in range(1, 6))
    options = {"stuck": {"timeout": "100ms", "on_timeout": "restart_process"}}
    member = team.run("--set", "shutdown_timeout=2s", plugins={**options, **DEAD_LETTER["plugins"]})
    assert member.process.wait() == 1
    assert "callback 'wait' of group" in member.process.stderr
    assert "has run for more than 100ms" in member.process.stdout
    # Nothing is committed for the event, and the others have ended in good order
    assert team.stream.committed(team.group("stuck")) == {0: 1}
    assert team.notes("everything") == [1, 2, 3, 4, 5]
    assert team.stream.committed(team.group("everything")) == team.stream.ends()


def test_a_stuck_callback_is_an_alarm_otherwise(team: Team) -> None:
    team.plugin("stuck", STUCK)
    team.stream.publish(event(n) for n in range(1, 6))
    member = team.run(
        "--set", "shutdown_timeout=1s", plugins={"stuck": {"timeout": "100ms"}, **DEAD_LETTER["plugins"]}
    )
    member.process.wait_for_line(r"ERROR.*plugin\.stuck\.wait.*event 2 .*has run for more than 100ms")
    wait_until(lambda: member.metric("stuck_callbacks", plugin="stuck") == 1)
    assert member.get("/healthz")[0] == 200
    assert member.process.returncode is None


FLAKY = """
    def registerCallbacks(reg):
        reg.registerCallback(None, None, before)
        reg.registerCallback(None, None, flaky)
    def write(text):
        with open({path!r}, "a") as notes:
            notes.write(text + "\\n")
    def before(sg, logger, event, args):
        write("before %s" % event["id"])
    tries = []
    def flaky(sg, logger, event, args):
        tries.append(event["id"])
        write("flaky %s" % event["id"])
        if tries.count(event["id"]) < 3:
            raise ConnectionError("the farm does not answer")
"""


def test_a_callback_that_fails_for_a_while_is_tried_again_in_order(team: Team) -> None:
    path = team.folder / "flaky.notes"
    team.plugin("flaky", FLAKY.format(path=str(path)))
    team.stream.publish(event(n) for n in range(1, 4))
    again = {"flaky": {"max_attempts": 5, "retry_backoff": "20ms", "retry_on": ["OSError"]}}
    member = team.run(plugins={**again, **DEAD_LETTER["plugins"]}).wait_ready()
    team.stream.wait_for_no_lag(team.group("flaky"))
    lines = [line for n in range(1, 4) for line in (f"before {n}", *[f"flaky {n}"] * 3)]
    assert path.read_text().splitlines() == lines
    wait_until(lambda: member.metric("events_total", plugin="flaky", outcome="succeeded") == 3)
    assert member.metric("retries_total", plugin="flaky") == 6
    assert member.metric("callback_failures_total", plugin="flaky", callback="flaky") == 6


def test_a_paused_group_starts_nothing_and_goes_on_after_a_restart_only_when_resumed(
    team: Team, run: Commands
) -> None:
    team.note_taker("everything")
    group = team.group("everything")
    team.stream.publish([event(1)])
    member = team.run(**DEAD_LETTER).wait_ready()
    team.stream.wait_for_no_lag(group)
    run("pause", group, "--reason", "the farm is down")
    wait_until(lambda: member.metric("paused_by_order", plugin="everything") == 1)
    team.stream.publish(event(n) for n in range(2, 6))
    team.stream.wait_for_no_lag(team.group("broken"))
    assert member.process.terminate() == 0
    second = team.run(**DEAD_LETTER).wait_ready()
    wait_until(lambda: second.metric("unfinished_events", plugin="everything") == 4)
    assert team.notes("everything") == [1]
    run("resume", group)
    team.stream.wait_for_no_lag(group)
    assert team.notes("everything") == [1, 2, 3, 4, 5]


def set_limit(kafka: Kafka, topic: str, size: int) -> None:
    """Let the topic take records of at most so many bytes."""
    entry = ConfigEntry("max.message.bytes", str(size), incremental_operation=AlterConfigOpType.SET)
    resource = ConfigResource(ResourceType.TOPIC, topic, incremental_configs=[entry])
    kafka.admin.incremental_alter_configs([resource])[resource].result(PATIENCE)


def test_the_position_never_moves_past_an_event_whose_dead_letter_was_not_written(
    team: Team, kafka: Kafka
) -> None:
    topic = f"{team.stream.dead_letter_topic}.anim"
    patient = {"plugins": {"broken": {"on_failure": "dead_letter", "retry_backoff": "50ms"}}}
    member = team.run(**patient).wait_ready()
    # Given a topic that takes no letter of ours
    set_limit(kafka, topic, 500)
    team.stream.publish(event(n) for n in range(1, 5))
    member.process.wait_for_line(r"ERROR.*event 3 .*its dead letter was not written \(.*is tried again")
    wait_until(lambda: member.metric("callback_failures_total", plugin="broken") > 2)
    assert member.metric("events_total", plugin="broken", outcome="dead_lettered") == 0
    assert team.notes("broken") == [1, 2]
    wait_until(lambda: team.stream.committed(team.group("broken")) == {0: 2})
    # When it takes them again
    set_limit(kafka, topic, MAX_RECORD_BYTES)
    team.stream.wait_for_no_lag(team.group("broken"))
    assert team.notes("broken") == [1, 2, 3, 4]
    assert [record.key() for record in kafka.read(topic)] == [f"{team.group('broken')}|fail|3".encode()]
