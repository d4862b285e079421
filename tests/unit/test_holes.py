"""What `Holes` promises, one promise a test."""

from __future__ import annotations

from itertools import pairwise

import pytest

from shotgun_producer.holes import (
    EXPIRY_SECONDS,
    FIRST_INTERVAL,
    HOT_SECONDS,
    LAST_INTERVAL,
    NEAR_IDS,
    Holes,
    Missing,
    Observation,
    Plan,
    Sighting,
    missing_ranges,
)
from shotgun_schemas.checkpoint import Hole

NOW = 1_700_000_000


def rows(*ids: int, created_at: float | None = None) -> list[Sighting]:
    return [Sighting(number, created_at) for number in ids]


def look(holes: Holes, now: float, *ids: int, reach: int | None = None) -> Observation:
    """One poll whose answer holds the rows `ids`."""
    return holes.observe(rows(*ids), holes.plan(now), now=now, reach=reach)


def found_ids(observation: Observation) -> list[int]:
    return [found.id for found in observation.found]


def with_deep_hole(now: float, age: float = 0.0) -> Holes:
    """A head at 20,000 and the dead id 5, first seen `age` seconds ago."""
    return Holes(20_000, [Hole(5, 5, int(now - age), int(now - age))])


def test_an_empty_log_is_asked_for_everything() -> None:
    holes = Holes()
    assert holes.plan(NOW) == Plan(0)
    assert look(holes, NOW).found == ()
    assert holes.head == 0


def test_rows_above_the_head_are_found_in_id_order_and_leave_holes() -> None:
    holes = Holes(10)
    assert found_ids(look(holes, NOW, 15, 11, 14)) == [11, 14, 15]
    assert [(hole.first, hole.last) for hole in holes.snapshot()] == [(12, 13)]
    assert holes.plan(NOW) == Plan(15, ((12, 13),))


def test_a_late_row_is_found_with_the_age_of_its_hole() -> None:
    holes = Holes(10)
    look(holes, NOW, 12)
    (late,) = look(holes, NOW + 40, 11).found
    assert (late.id, late.late) == (11, 40.0)
    assert holes.snapshot() == ()


def test_a_row_is_found_once_however_often_the_site_shows_it() -> None:
    holes = Holes(10)
    assert found_ids(look(holes, NOW, 12, 12, 11, 11)) == [11, 12]
    assert found_ids(look(holes, NOW, 11, 12)) == []


def test_the_head_never_goes_down() -> None:
    holes = Holes(10)
    look(holes, NOW, 20)
    look(holes, NOW + 1, 15)
    assert holes.head == 20


def test_a_row_in_the_middle_of_a_hole_splits_it() -> None:
    holes = Holes(0)
    look(holes, NOW, 100)
    look(holes, NOW + 1, 50)
    assert [(hole.first, hole.last) for hole in holes.snapshot()] == [(1, 49), (51, 99)]


def test_what_lies_beyond_the_last_row_of_a_full_page_was_not_probed() -> None:
    holes = Holes(100, [Hole(10, 20, NOW, NOW), Hole(30, 40, NOW, NOW)])
    look(holes, NOW + 5, 11, 12, reach=12)
    assert {(hole.first, hole.last): hole.probed for hole in holes.snapshot()} == {
        (10, 10): NOW + 5,
        (13, 20): NOW,
        (30, 40): NOW,
    }


def test_a_hole_near_the_head_is_asked_for_with_every_poll_however_old() -> None:
    holes = Holes(10_000, [Hole(5, 5, NOW - 30 * EXPIRY_SECONDS, NOW)])
    for second in range(3):
        assert holes.plan(NOW + second).ranges == ((5, 5),)
        look(holes, NOW + second)


def test_a_deep_hole_is_asked_for_with_every_poll_while_it_is_young() -> None:
    holes = with_deep_hole(NOW)
    assert holes.plan(NOW + HOT_SECONDS - 1).ranges == ((5, 5),)
    look(holes, NOW + HOT_SECONDS - 1)
    assert holes.plan(NOW + HOT_SECONDS).ranges == ()
    assert (holes.hot, holes.cold) == (0, 1)


def test_a_cold_hole_is_probed_at_doubling_intervals() -> None:
    holes = with_deep_hole(NOW, HOT_SECONDS)
    probes = []
    second = NOW
    while len(probes) < 10:
        if holes.plan(second).ranges:
            probes.append(second)
            look(holes, second)
        second += FIRST_INTERVAL // 2
    waits = [later - earlier for earlier, later in pairwise(probes)]
    doubling = [FIRST_INTERVAL * 2 ** (step + 1) for step in range(9)]
    # The last time is kept to the quarter of an hour.
    assert waits == [pytest.approx(min(wait, LAST_INTERVAL), abs=900) for wait in doubling]


def test_an_old_and_deep_hole_is_given_up_after_a_last_look() -> None:
    holes = with_deep_hole(NOW, EXPIRY_SECONDS + 1)
    assert holes.plan(NOW).ranges == ((5, 5),)
    assert look(holes, NOW).expired == ((5, 5),)
    assert holes.snapshot() == ()


def test_the_last_look_still_finds_the_row() -> None:
    holes = with_deep_hole(NOW, EXPIRY_SECONDS + 1)
    observation = look(holes, NOW, 5)
    assert (found_ids(observation), observation.expired) == ([5], ())


def test_a_hole_that_is_old_when_first_seen_and_deep_expires_at_once() -> None:
    holes = Holes(0)
    old = NOW - EXPIRY_SECONDS - 1
    observation = holes.observe(rows(1, 5, created_at=old), Plan(0), now=NOW, newest=100_000)
    assert (found_ids(observation), observation.expired, observation.old) == ([1, 5], (), ((2, 4),))
    assert holes.snapshot() == ()


@pytest.mark.parametrize(
    ("created_at", "newest"),
    [(NOW - EXPIRY_SECONDS - 1, 4 + NEAR_IDS), (NOW - EXPIRY_SECONDS + 60, 100_000), (None, 100_000)],
    ids=["not deep", "not old", "of unknown age"],
)
def test_a_hole_stays_when_it_is(created_at: float | None, newest: int) -> None:
    holes = Holes(0)
    observation = holes.observe(rows(5, created_at=created_at), Plan(0), now=NOW, newest=newest)
    assert (observation.expired, observation.old) == ((), ())
    assert len(holes.snapshot()) == 1


def test_no_hole_starves_when_there_are_more_than_one_request_takes() -> None:
    holes = Holes(9_000, [Hole(number, number, NOW, NOW) for number in range(2, 2_002, 2)])
    asked: set[tuple[int, int]] = set()
    for second in range(9):
        plan = holes.plan(NOW + 1 + second)
        assert len(plan.ranges) == 200
        asked.update(plan.ranges)
        look(holes, NOW + 1 + second)
    assert len(asked) == 1_000


def test_the_holes_nearest_the_head_are_asked_for_with_every_poll_however_many_there_are() -> None:
    holes = Holes(9_000, [Hole(number, number, NOW, NOW) for number in range(2, 2_002, 2)])
    for second in range(3):
        asked = holes.plan(NOW + 1 + second).ranges
        assert set(asked) >= {(number, number) for number in range(1_802, 2_002, 2)}
        look(holes, NOW + 1 + second)


def test_many_due_cold_holes_leave_room_for_the_hot_ones() -> None:
    cold = [Hole(number, number, NOW - 10_000, NOW - 5_000, FIRST_INTERVAL) for number in range(1, 2_000, 2)]
    hot = [Hole(number, number, NOW, NOW) for number in range(49_000, 49_300, 2)]
    holes = Holes(50_000, [*cold, *hot])
    ranges = holes.plan(NOW).ranges
    assert sum(first >= 49_000 for first, _ in ranges) == 150
    assert sum(first < 49_000 for first, _ in ranges) == 50


def test_dead_holes_cost_nothing_until_their_probe_is_due() -> None:
    dead = [Hole(n, n, NOW - 10_000, NOW, LAST_INTERVAL) for n in range(1, 20_000, 2)]
    holes = Holes(50_000, dead)
    assert holes.plan(NOW + LAST_INTERVAL - 1) == Plan(50_000)
    assert len(holes.plan(NOW + LAST_INTERVAL).ranges) == 200


def test_ids_below_the_head_that_a_backfill_misses_are_found_once_when_they_appear() -> None:
    holes = Holes(100)
    assert holes.miss([Missing(10, 12)], now=NOW) == ()
    assert holes.head == 100
    assert holes.plan(NOW).ranges == ((10, 12),)
    (late,) = look(holes, NOW + 5, 11).found
    assert (late.id, late.late) == (11, 5.0)
    assert found_ids(look(holes, NOW + 6, 11)) == []


def test_missing_ids_that_lie_in_a_hole_keep_its_age() -> None:
    known = [Hole(5, 10, NOW - 60, NOW - 60), Hole(14, 15, NOW - 60, NOW - 60)]
    holes = Holes(100, known)
    holes.miss([Missing(8, 20), Missing(8, 20), Missing(1, 4)], now=NOW)
    assert [(hole.first, hole.last, hole.first_seen) for hole in holes.snapshot()] == [
        (1, 4, NOW),
        (5, 10, NOW - 60),
        (11, 13, NOW),
        (14, 15, NOW - 60),
        (16, 20, NOW),
    ]


def test_missing_ids_above_the_head_are_refused() -> None:
    with pytest.raises(ValueError, match="ids 90 to 101 reach above the head 100"):
        Holes(100).miss([Missing(90, 101)], now=NOW)


def test_missing_ids_that_are_old_and_deep_are_given_up_at_once() -> None:
    old, young = NOW - EXPIRY_SECONDS - 1, NOW - EXPIRY_SECONDS + 60
    holes = Holes(20_000)
    missing = [
        Missing(1, 4, old),
        Missing(6, 7, young),
        Missing(9, 9, None),
        Missing(15_000, 15_001, old),
    ]
    assert holes.miss(missing, now=NOW) == ((1, 4),)
    assert [hole.first for hole in holes.snapshot()] == [6, 9, 15_000]
    assert Holes(100).miss([Missing(1, 4, old)], now=NOW, newest=100_000) == ((1, 4),)


def test_missing_ids_that_are_deep_and_not_young_begin_cold() -> None:
    # Given the holes of a backfill: some near the head, some behind a young row, some of unknown age, some neither
    holes = Holes(20_000)
    before = NOW - HOT_SECONDS - 1
    deep = [Missing(number, number, before) for number in range(1, 2_000, 2)]
    holes.miss(
        [*deep, Missing(3_000, 3_000, NOW), Missing(4_000, 4_000), Missing(15_000, 15_000, before)], now=NOW
    )

    # Then those that are neither wait for their turn, and the next poll has room for the others
    assert holes.plan(NOW).ranges == ((3_000, 3_000), (4_000, 4_000), (15_000, 15_000))
    assert (holes.hot, holes.cold) == (3, 1_000)
    assert len(holes.plan(NOW + FIRST_INTERVAL).ranges) == 200
    assert found_ids(look(holes, NOW + FIRST_INTERVAL, 1, 3)) == [1, 3]


def test_missing_ranges_of_a_window() -> None:
    assert list(missing_ranges(1, 10, [3, 4, 9, 3])) == [(1, 2), (5, 8), (10, 10)]
    assert list(missing_ranges(1, 3, [])) == [(1, 3)]
    assert list(missing_ranges(1, 2, [2, 1])) == []
