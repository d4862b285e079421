"""Where a group goes on in another topic, and whether that topic reaches far enough."""

from __future__ import annotations

import json
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotgun_consumer.positions.group_move import Move
from shotgun_consumer.positions.marks import Marks
from shotgun_consumer.positions.placing import Placing, forgotten
from shotgun_consumer.positions.position import Position
from shotgun_consumer.positions.positions_file import (
    LATE_IDS,
    Export,
    FirstUnfinished,
    GroupExport,
    decode,
    encode,
)
from shotgun_consumer.positions.reach import Reach
from shotgun_consumer.positions.topic_reader import Record
from shotgun_schemas.checkpoint import Backfill, Checkpoint


def records(ids: Sequence[int | None], partition: int = 0) -> list[Record]:
    """Records with these ids; each lies two offsets behind the other, as with a marker between them."""
    return [Record(partition, 2 * index, number, 0.0) for index, number in enumerate(ids)]


def placed(ids: Sequence[int | None], done: set[int]) -> Position:
    placing = Placing(lambda number: number in done, {0: (0, 2 * len(ids))})
    for record in records(ids):
        placing.add(record)
    return placing.positions()[0]


def test_with_everything_done_a_group_goes_on_at_the_end() -> None:
    assert placed([10, 20], {10, 20}) == Position(4)
    assert placed([], set()) == Position(0)


def test_the_position_is_the_first_event_not_done_and_what_was_done_behind_it_is_marked() -> None:
    assert placed([10, 30, 20, 40, 50], {10, 20, 40}) == Position(2, Marks(top=6, unfinished=()))
    assert placed([10, 30, 25, 20, 50], {10, 20}) == Position(2, Marks(top=6, unfinished=(4,)))
    assert placed([10, 30, 50], {10}) == Position(2)


def test_a_foreign_record_stands_in_nobodys_way() -> None:
    assert placed([None, 10, None], {10}) == Position(6)


ids_and_done = st.lists(st.integers(1, 60), unique=True, max_size=40).flatmap(
    lambda ids: st.tuples(st.just(ids), st.sets(st.sampled_from(ids)) if ids else st.just(set()))
)


@given(ids_and_done)
def test_nothing_is_left_out_and_nothing_is_repeated(found: tuple[list[int], set[int]]) -> None:
    ids, done = found
    position = placed(ids, done)
    assert {one.event_id for one in records(ids) if position.is_finished(one.offset)} == done


@given(ids_and_done, st.permutations(range(1, 61)))
def test_a_group_has_the_same_events_to_run_in_a_topic_of_another_order(
    found: tuple[list[int], set[int]], order: list[int]
) -> None:
    # Given a group's position in the old topic, exported by ids
    ids, done = found
    positions = {"g": {0: placed(ids, done)}}
    first = FirstUnfinished(positions)
    for record in records(ids):
        first.add(record)
    export = Export(positions, first)
    for record in records(ids):
        export.add(record)
    (group,) = decode(encode("t", "id", export.groups()), "the file")
    # When it is placed in a topic with the same events, and others, in another order
    placing = Placing(group.is_done, {0: (0, 2 * len(order))})
    for record in records(order):
        placing.add(record)
    position = placing.positions()[0]
    # Then what is finished there is what was finished here
    assert {one.event_id for one in records(order) if position.is_finished(one.offset)} == done
    assert group.first_unfinished == min(set(ids) - done, default=None)


def test_far_below_the_newest_id_the_rest_counts_as_done() -> None:
    positions = {"g": {0: Position(6)}}
    ids = [5, 7, LATE_IDS + 100]
    first = FirstUnfinished(positions)
    for record in records(ids):
        first.add(record)
    export = Export(positions, first)
    for record in records(ids):
        export.add(record)
    (group,) = export.groups()
    assert group == GroupExport("g", None, LATE_IDS + 100, 100, ((LATE_IDS + 100, LATE_IDS + 100),))
    assert group.is_done(6)
    assert not group.is_done(101)
    assert group.first_needed == LATE_IDS + 101


def test_a_map_that_is_too_long_is_said() -> None:
    assert not forgotten({0: Position(0, Marks(top=3_000, unfinished=tuple(range(1, 1_000))))})
    assert forgotten({0: Position(0, Marks(top=30_000, unfinished=tuple(range(1, 29_000, 2))))})


def move(old: dict[int, Position], new: dict[int, int]) -> Move:
    return Move("g", "t", "event 5", old, new, {0: 100, 1: 100})


def test_a_move_says_how_many_events_are_run_again_or_never() -> None:
    # Finished are 0 to 9, and of 10 to 20 all but 10, 12 and 13
    wide = Position(10, Marks(top=20, unfinished=(12, 13)))
    assert move({0: wide}, {0: 0}).repeated == 10 + 8
    assert move({0: wide}, {0: 12}).repeated == 7
    assert move({0: wide}, {0: 12}).passed_over == 1
    assert move({0: wide}, {0: 30}).passed_over == 3 + 9
    assert move({0: wide}, {0: 30}).repeated == 0
    assert "where it is already" in move({0: Position(10)}, {0: 10}).as_text()
    both = move({0: Position(10), 1: Position(10)}, {0: 4, 1: 15}).as_text()
    assert both == (
        "Group 'g' goes on at event 5: up to 6 events are run again; "
        "up to 5 events are passed over and never run by this group."
    )


def test_a_lost_position_is_not_counted_from() -> None:
    lost = move({}, {0: 4})
    assert "its old position is lost" in lost.as_text()
    assert lost.as_json()["repeated_at_most"] is None
    assert lost.as_json()["partitions"] == [{"partition": 0, "old_offset": None, "new_offset": 4}]


# Reach


def checkpoint(
    start_head: int,
    holes: Sequence[tuple[int, int]] = (),
    backfills: Sequence[Backfill] = (),
    head: int = 200,
) -> Checkpoint:
    return Checkpoint(
        "i", "site", "t", "id", 1, head, (), start_head, tuple(holes), (0,), 0.0, None, tuple(backfills)
    )


@pytest.mark.parametrize(
    ("reach", "missing"),
    [
        (Reach(checkpoint(100), 101), (50, 100)),
        (Reach(checkpoint(49), 50), None),
        (Reach(checkpoint(100, holes=[(50, 60)]), 50), (61, 100)),
        (Reach(checkpoint(100, holes=[(50, 60), (90, 100)]), 50), (61, 89)),
        (Reach(checkpoint(100, backfills=[Backfill("a", 1, 100, 101)]), 1), None),
        (Reach(checkpoint(100, backfills=[Backfill("a", 1, 100, 71)]), 1), (71, 100)),
        (
            Reach(checkpoint(100, backfills=[Backfill("a", 1, 60, 61), Backfill("b", 61, 100, 101)]), 1),
            None,
        ),
        # A late id from before the start is no proof where the checkpoint is known, and all there is where it is not
        (Reach(checkpoint(100), 40), (50, 100)),
        (Reach(None, 40), None),
        (Reach(None, 80), (50, 79)),
        (Reach(None, None), (50, 50)),
    ],
)
def test_a_topic_reaches_back_if_it_lacks_nothing_from_the_first_event_on(
    reach: Reach, missing: tuple[int, int] | None
) -> None:
    assert reach.missing(50) == missing
    assert (reach.refusal(50) is None) == (missing is None)


def test_a_refusal_names_the_command_that_helps() -> None:
    assert "'shotgun-producer backfill --from 50 --to 100'" in (Reach(checkpoint(100), 101).refusal(50) or "")
    assert "'start: 50'" in (Reach(None, None).refusal(50) or "")


def test_a_topic_that_has_not_come_as_far_would_bring_done_events_again() -> None:
    assert "has only come to event 90" in (Reach(None, 10, 90).refusal(50, last_done=95) or "")
    assert Reach(None, 10, 95).refusal(50, last_done=95) is None
    assert Reach(checkpoint(10, head=95), 10, 90).refusal(50, last_done=95) is None


@pytest.mark.parametrize("done", [[[5, 3]], [[5, 6], [1, 2]], [["x", 1]], [[1]]])
def test_a_file_with_odd_ranges_is_refused(done: list[object]) -> None:
    good = encode("t", "id", [GroupExport("g", 5, 4, 0, ((1, 2),))])
    content = json.loads(good)
    content["groups"][0]["done"] = done
    with pytest.raises(Exception, match="is damaged"):
        decode(json.dumps(content), "the file")
