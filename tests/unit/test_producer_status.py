"""What `status` and `holes` print, from the values alone."""

from __future__ import annotations

from dataclasses import replace

from shotgun_producer.commands.holes import as_table, described
from shotgun_producer.commands.status_report import Chosen, Newest, Status, as_json, as_text
from shotgun_producer.commands.stream import Member
from shotgun_schemas.checkpoint import Checkpoint, Hole

NOW = 1_800_000_000.0
HOT = Hole(90, 94, int(NOW) - 30, int(NOW) - 1, 0)
COLD = Hole(40, 40, int(NOW) - 7200, int(NOW) - 60, 600)
ACTIVE = Member("a-1", "shotgun-stream", "10.0.0.1", active=True)
STANDBY = Member("b-2", "shotgun-stream", "10.0.0.2", active=False)


def checkpoint(head: int = 100) -> Checkpoint:
    return Checkpoint(
        installation="i",
        site="https://studio",
        topic="events",
        topic_id="abc",
        partitions=1,
        head=head,
        holes=(COLD, HOT),
        start_head=0,
        initial_holes=(),
        end_offsets=(7,),
        written_at=NOW - 5,
    )


def status(
    *,
    members: tuple[Member, ...] = (),
    known: Checkpoint | None = None,
    newest: Newest | None = None,
    published: Newest | None = None,
) -> Status:
    return Status("https://studio", "events", members, known, newest, published, NOW, None)


def test_lag_is_the_distance_to_the_newest_event() -> None:
    found = status(known=checkpoint(), newest=Newest(130, NOW - 1), published=Newest(99, NOW - 61))
    assert (found.lag_ids, found.lag_seconds) == (30, 60.0)
    assert "30 ids, 1m" in as_text(found)


def test_a_level_stream_has_no_lag_however_old_its_events_are() -> None:
    found = status(known=checkpoint(), newest=Newest(100, NOW - 9999), published=Newest(100, NOW - 9999))
    assert (found.lag_ids, found.lag_seconds) == (0, 0.0)


def test_a_lag_that_cannot_be_told_is_said_to_be_unknown() -> None:
    found = status(known=checkpoint(), newest=Newest(130, NOW), published=None)
    assert (found.lag_ids, found.lag_seconds) == (30, None)
    assert "30 ids, an unknown time" in as_text(found)


def test_who_is_active_and_who_stands_by() -> None:
    found = as_json(status(members=(ACTIVE, STANDBY)))
    assert found["active"]["host"] == "10.0.0.1"
    assert [member["host"] for member in found["standby"]] == ["10.0.0.2"]
    assert "start one with: shotgun-producer run" in as_text(status(members=(STANDBY,)))


def test_holes_are_counted_by_tier() -> None:
    found = as_json(status(known=checkpoint()))
    assert found["holes"] == {"hot": {"ranges": 1, "ids": 5}, "cold": {"ranges": 1, "ids": 1}}
    assert found["checkpoint_age_seconds"] == 5


def test_the_oldest_hole_says_how_long_something_is_missing() -> None:
    found = status(known=checkpoint())
    assert as_json(found)["oldest_hole_age_seconds"] == 7200
    assert "the oldest is 2h old" in as_text(found)
    assert as_json(status())["oldest_hole_age_seconds"] is None


def test_readers_that_are_held_up_are_told_by_how_much() -> None:
    assert "can read to the end" in as_text(status(known=checkpoint()))
    found = replace(status(known=checkpoint()), open_records=12)
    assert "do not see the last 12 records yet" in as_text(found)
    assert as_json(found)["open_records"] == 12


def test_what_is_left_out_on_purpose_is_told() -> None:
    found = replace(status(known=checkpoint()), chosen=Chosen(2.0, ("*_View",), (70, 71)))
    assert "*_View" in as_text(found)
    assert "70, 71" in as_text(found)
    assert (as_json(found)["hold_seconds"], as_json(found)["projects"]) == (2.0, (70, 71))
    assert "excluded" not in as_text(status(known=checkpoint()))


def test_a_stream_that_never_began_has_nothing_to_compare() -> None:
    found = as_json(status(newest=Newest(5, NOW)))
    assert (found["head"], found["lag_ids"], found["checkpoint_age_seconds"]) == (None, None, None)


def test_each_hole_has_a_line_with_its_next_probe() -> None:
    lines = as_table((COLD, HOT), NOW).splitlines()
    assert lines[1].split() == ["40", "1", "2h", "cold", "2027-01-15T08:09:00+00:00"]
    assert lines[2].split() == ["90", "to", "94", "5", "30s", "hot", "each", "poll"]
    assert as_table((COLD,), NOW + 600).endswith("due")
    assert as_table((), NOW) == "no ids are missing"


def test_a_program_gets_the_same_as_numbers() -> None:
    assert described(COLD, NOW) == {
        "first": 40,
        "last": 40,
        "size": 1,
        "age_seconds": 7200,
        "tier": "cold",
        "next_probe": NOW + 540,
    }
    assert described(HOT, NOW)["next_probe"] is None
