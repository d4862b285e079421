"""`positions export` and `import`: a group goes on in another topic where it was in the old one."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import NewTopic
from consumer_support import EventStream, Team, event
from support import PATIENCE, Kafka, Process, wait_until

from shotgun_consumer.positions.marks import Marks, encode_marks
from shotgun_runtime.topics import topic_identity
from shotgun_schemas.checkpoint import CHECKPOINT_KEY, Backfill, Checkpoint, encode_checkpoint

pytestmark = pytest.mark.kafka

IDS = (10, 20, 30, 15, 40, 50, 25, 60)
"""In the order of their publishing."""


@pytest.fixture
def old(kafka: Kafka, tmp_path: Path, spawn: Callable[..., Process]) -> Team:
    """A team in a topic of one partition, with a group that was through with all but 30, 15, 25 and 60."""
    stream = EventStream(kafka)
    stream.publish(event(number) for number in IDS)
    folder = tmp_path / "old"
    folder.mkdir()
    team = Team(folder, stream, spawn)
    stream.set_position(team.group("everything"), 2, encode_marks(2, Marks(top=5, unfinished=(3,))))
    return team


class NewTeam(Team):
    """The same team, in another topic: its groups keep their names."""

    prefix = ""


def new_team(kafka: Kafka, tmp_path: Path, spawn: Callable[..., Process], old: Team, partitions: int) -> Team:
    folder = tmp_path / "new"
    folder.mkdir()
    team = NewTeam(folder, EventStream(kafka, partitions), spawn)
    team.prefix = old.prefix
    team.note_taker("everything")
    return team


def export(team: Team, path: Path) -> Path:
    done = team.command("positions", "export", "--output", str(path))
    assert done.returncode == 0, done.stderr
    return path


def test_a_group_goes_on_in_a_topic_with_more_partitions(
    old: Team, kafka: Kafka, tmp_path: Path, spawn: Callable[..., Process]
) -> None:
    # Given an exported group, and a topic of two partitions with the same events in another order, and one more
    exported = json.loads(export(old, tmp_path / "positions.json").read_text())
    assert exported["groups"] == [
        {
            "group": old.group("everything"),
            "first_unfinished": 15,
            "highest_done": 50,
            "done_up_to": 0,
            "done": [[10, 10], [20, 20], [40, 40], [50, 50]],
        }
    ]
    new = new_team(kafka, tmp_path, spawn, old, partitions=2)
    for number in (10, 15, 20, 25, 30, 40, 50, 60, 71):
        new.stream.publish([event(number)])
    # When it is imported there
    file = str(tmp_path / "positions.json")
    dry = new.command("positions", "import", file, "--dry-run", "--json")
    assert dry.returncode == 0, dry.stderr
    assert [(one["unfinished"], one["moved"]) for one in json.loads(dry.stdout)] == [(5, False)]
    assert new.stream.committed(new.group("everything")) == {0: -1001, 1: -1001}
    done = new.command("positions", "import", file, "--yes")
    assert done.returncode == 0, done.stderr
    # Then it runs what it had not run, and nothing else
    new.run().wait_ready()
    wait_until(lambda: len(new.notes("everything")) >= 5)
    new.stream.wait_for_no_lag(new.group("everything"))
    assert sorted(new.notes("everything")) == [15, 25, 30, 60, 71]
    # And a second import finds everything in its place only until the group has gone on
    again = new.command("positions", "import", file)
    assert again.returncode == 5
    assert "replaces" in again.stdout


def test_import_refuses_while_the_topic_does_not_reach_back(
    old: Team, kafka: Kafka, tmp_path: Path, spawn: Callable[..., Process]
) -> None:
    file = str(export(old, tmp_path / "positions.json"))
    new = new_team(kafka, tmp_path, spawn, old, partitions=1)
    empty = new.command("positions", "import", file, "--yes")
    assert empty.returncode == 5
    assert "'start: 15'" in empty.stderr
    # The producer has begun behind event 45; of what was before it found only 40, late
    for number in (40, 50, 60):
        new.stream.publish([event(number)])
    late = new.command("positions", "import", file, "--yes")
    assert late.returncode == 5
    assert "shotgun-producer backfill --from 15 --to 39" in late.stderr
    # A late id from before does not hide from the checkpoint what is missing
    new.stream.publish([event(12)])
    put_checkpoint(kafka, new, start_head=45, initial_holes=((12, 12), (40, 40)))
    holed = new.command("positions", "import", file, "--yes", *checkpoint_topic(new))
    assert holed.returncode == 5
    assert "shotgun-producer backfill --from 15 --to 45" in holed.stderr
    assert new.stream.committed(new.group("everything")) == {0: -1001}
    # Until it was backfilled
    new.stream.publish((event(number) for number in (15, 20, 25, 30)), backfill="job")
    put_checkpoint(
        kafka, new, start_head=45, initial_holes=((40, 40),), backfills=(Backfill("job", 1, 45, 46),)
    )
    done = new.command("positions", "import", file, "--yes", *checkpoint_topic(new))
    assert done.returncode == 0, done.stderr


def checkpoint_topic(team: Team) -> tuple[str, str]:
    return "--set", f"stream.checkpoint_topic={team.stream.topic}.checkpoint"


def put_checkpoint(
    kafka: Kafka,
    team: Team,
    start_head: int,
    initial_holes: tuple[tuple[int, int], ...],
    backfills: tuple[Backfill, ...] = (),
) -> None:
    identity = topic_identity(kafka.admin, team.stream.topic)
    found = Checkpoint(
        installation="i",
        site="http://127.0.0.1:9",
        topic=team.stream.topic,
        topic_id=identity.topic_id,
        partitions=1,
        head=60,
        holes=(),
        start_head=start_head,
        initial_holes=initial_holes,
        end_offsets=(0,),
        written_at=1.0,
        backfills=backfills,
    )
    topic = checkpoint_topic(team)[1].partition("=")[2]
    if topic not in kafka.admin.list_topics(timeout=PATIENCE).topics:
        kafka.admin.create_topics([NewTopic(topic, 1, 1)])[topic].result(PATIENCE)
    producer = Producer({"bootstrap.servers": kafka.bootstrap_servers, "log_level": 2})
    producer.produce(topic, key=CHECKPOINT_KEY, value=encode_checkpoint(found))
    assert producer.flush(PATIENCE) == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "holds no JSON"),
        ("[]", "was not written by `shotgun-consumer positions export`"),
        ('{"format": "shotgun-consumer positions 9"}', "its format is 'shotgun-consumer positions 9'"),
        ('{"format": "shotgun-consumer positions 1", "groups": [{"group": "a"}]}', "is damaged"),
    ],
)
def test_import_takes_only_what_export_wrote(old: Team, tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "wrong.json").write_text(text)
    done = old.command("positions", "import", str(tmp_path / "wrong.json"), "--yes")
    assert done.returncode == 2
    assert words in done.stderr


def test_export_without_a_group_says_so(old: Team) -> None:
    done = old.command("positions", "export", "--set", "consumer.team=nobody")
    assert done.returncode == 2
    assert "no group with a position" in done.stderr
    unknown = old.command("positions", "export", "anim.misspelt")
    assert unknown.returncode == 2
