"""What `checkpoint set` makes of a checkpoint, and what it says of that before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shotgun_producer.commands.checkpoint_consequence import Consequence
from shotgun_producer.commands.checkpoint_move import Situation, moved
from shotgun_producer.commands.comparison import expected_ids
from shotgun_producer.progress import Place, Progress
from shotgun_schemas.checkpoint import (
    Anchor,
    Backfill,
    Checkpoint,
    Filter,
    Hole,
    decode_checkpoint,
    encode_checkpoint,
)

PLACE = Place(site="https://studio", topic="events", topic_id="abc", partitions=1)
NOW = 1_800_000_000.0
HERE = Situation(PLACE, ends=(70,), newest=120, knows_site=None, now=NOW)
DONE = Backfill("done", first=10, last=30, next_id=31)
RUNNING = Backfill("running", first=31, last=50, next_id=41)
HOLES = (Hole(45, 46, 5, 6, 300), Hole(60, 69, 7, 8))
PRESENT = Checkpoint(
    installation="one",
    site="https://studio",
    topic="events",
    topic_id="abc",
    partitions=1,
    head=100,
    holes=HOLES,
    start_head=50,
    initial_holes=((45, 46),),
    end_offsets=(66,),
    written_at=NOW - 5,
    anchor=Anchor(99, "2026-01-21T19:47:33Z"),
    backfills=(DONE, RUNNING),
)
AGAIN = replace(HERE, place=replace(PLACE, topic_id="def"), ends=(0,))
ELSEWHERE = replace(HERE, place=replace(PLACE, site="https://other"))


def jobs(checkpoint: Checkpoint) -> dict[str, tuple[int, int, int]]:
    return {job.job: (job.first, job.last, job.next_id) for job in checkpoint.backfills}


def expected(checkpoint: Checkpoint) -> set[int]:
    """The ids up to 120 that verify expects in the topic."""
    return expected_ids(range(1, 121), checkpoint.start_head, checkpoint.initial_holes)


@pytest.mark.parametrize("head", [0, 20, 48, 65, 100, 110])
@pytest.mark.parametrize("situation", [HERE, AGAIN, ELSEWHERE], ids=["here", "topic again", "other site"])
@pytest.mark.parametrize("present", [PRESENT, None], ids=["present", "none"])
def test_wherever_it_goes_the_stream_goes_on_behind_that_event(
    present: Checkpoint | None, situation: Situation, head: int
) -> None:
    found = moved(present, head, situation)

    assert (found.head, found.start_head) == (head, head)
    assert (found.site, found.topic_id) == (situation.place.site, situation.place.topic_id)
    assert all(hole.last <= head for hole in found.holes)
    assert not Progress(found).has_moved
    assert decode_checkpoint(encode_checkpoint(found)) == found
    # What is still looked for lies below the border, and no backfill is about what lies above it.
    assert all(job.last <= head or job.last == job.first - 1 for job in found.backfills)


def test_the_same_event_only_settles_the_border() -> None:
    found = moved(PRESENT, 100, HERE)
    assert (found.holes, found.anchor, found.backfills) == (HOLES, PRESENT.anchor, PRESENT.backfills)
    assert found.installation == "one"
    assert expected(found) == expected(PRESENT)
    assert moved(found, 100, HERE) == found


def test_what_is_skipped_is_not_expected_and_can_be_backfilled() -> None:
    found = moved(PRESENT, 110, HERE)
    assert expected(found) == expected(PRESENT) - set(range(101, 111))
    assert found.holes == HOLES
    assert jobs(found) == jobs(PRESENT)


def test_going_back_keeps_what_was_published_below_and_reads_the_rest_again() -> None:
    found = moved(PRESENT, 65, HERE)
    assert expected(found) == expected(PRESENT)
    assert found.holes == (HOLES[0], replace(HOLES[1], last=65))
    assert found.anchor is None
    assert found.end_offsets == (70,)


def test_going_back_behind_the_start_cuts_backfills_there() -> None:
    found = moved(PRESENT, 20, HERE)
    assert jobs(found) == {"done": (10, 20, 21), "running": (31, 30, 31)}
    assert all(job.is_over for job in found.backfills)
    assert (found.initial_holes, found.holes) == ((), ())
    assert expected(found) == set(range(21, 121))


def test_a_running_backfill_keeps_its_place_below_the_new_border() -> None:
    assert jobs(moved(PRESENT, 45, HERE))["running"] == (31, 45, 41)
    assert jobs(moved(PRESENT, 35, HERE))["running"] == (31, 35, 36)


@pytest.mark.parametrize(("head", "since"), [(80, 70), (60, 60)])
def test_what_filters_left_out_is_still_known(head: int, since: int) -> None:
    present = replace(PRESENT, filter=Filter("rule", 70))
    assert moved(present, head, HERE).filter == Filter("rule", since)
    assert moved(present, head, ELSEWHERE).filter is None


def test_going_on_still_finds_a_torn_transaction() -> None:
    assert moved(PRESENT, 110, HERE).end_offsets == (66,)
    assert moved(PRESENT, 110, replace(HERE, ends=(60,))).end_offsets == (60,)


def test_more_partitions_begin_at_their_ends() -> None:
    found = moved(PRESENT, 100, replace(HERE, place=replace(PLACE, partitions=2), ends=(70, 3)))
    assert (found.partitions, found.end_offsets) == (2, (70, 3))


def test_a_topic_made_again_holds_nothing_but_what_is_still_to_come() -> None:
    found = moved(PRESENT, 100, AGAIN)
    assert found.holes == HOLES
    assert expected(found) == {45, 46, *range(60, 70), *range(101, 121)}
    assert jobs(found) == {"done": (10, 9, 10), "running": (41, 50, 41)}
    assert found.end_offsets == (0,)


def test_another_site_has_other_ids() -> None:
    found = moved(PRESENT, 100, ELSEWHERE)
    assert (found.holes, found.initial_holes, found.anchor) == ((), (), None)
    assert jobs(found) == {"done": (10, 9, 10), "running": (31, 30, 31)}
    assert found.installation == "one"


def test_the_anchor_tells_a_site_with_a_new_address_from_another_one() -> None:
    assert moved(PRESENT, 100, replace(ELSEWHERE, knows_site=True)).holes == HOLES
    assert moved(PRESENT, 100, replace(HERE, knows_site=False)).holes == ()


def consequence(head: int, situation: Situation = HERE, held: int | None = None) -> Consequence:
    return Consequence(PRESENT, moved(PRESENT, head, situation), situation, held)


def test_what_is_skipped_is_said_with_what_publishes_it_later() -> None:
    found = consequence(110)
    assert "Events 101 to 110 are skipped" in found.as_text()
    assert "shotgun-producer backfill --from 101 --to 110" in found.as_text()
    assert (found.skipped, found.again) == ((101, 110), None)


def test_what_is_published_twice_is_said() -> None:
    found = consequence(65)
    assert "Events 66 to 100 are published a second time" in found.as_text()
    assert "2 ranges of missing ids" in found.as_text()
    assert (found.skipped, found.again) == (None, (66, 100))


def test_where_nothing_changes_that_is_said() -> None:
    assert "No event is skipped, and none is published twice" in consequence(100).as_text()


def test_a_topic_made_again_repeats_nothing_and_says_what_is_not_in_it() -> None:
    found = consequence(65, AGAIN)
    assert found.again is None
    assert "what was published is not in it" in found.as_text()


def test_another_site_is_named_with_the_one_that_was_read() -> None:
    text = consequence(100, ELSEWHERE).as_text()
    assert "https://other" in text
    assert "https://studio" in text
    assert consequence(100, ELSEWHERE).skipped is None


def test_more_partitions_are_said() -> None:
    text = consequence(100, replace(HERE, place=replace(PLACE, partitions=3), ends=(70, 0, 0))).as_text()
    assert "had 1 partitions and has 3" in text


def test_without_a_checkpoint_the_topic_tells_what_would_be_there_twice() -> None:
    found = Consequence(None, moved(None, 90, HERE), HERE, held=100)
    assert "There is no checkpoint that can be read" in found.as_text()
    assert "Events 91 to 100 are published a second time" in found.as_text()
    alone = Consequence(None, moved(None, 100, HERE), HERE, held=100)
    assert alone.again is None
    assert "Events up to 100 are not published" in alone.as_text()


def test_a_program_gets_the_same() -> None:
    assert consequence(65).as_json(written=False) == {
        "head": 65,
        "present_head": 100,
        "newest": 120,
        "skipped": None,
        "again": (66, 100),
        "holes": 2,
        "same_site": True,
        "same_topic": True,
        "written": False,
    }
