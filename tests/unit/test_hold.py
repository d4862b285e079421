"""What `producer.hold` promises: rows wait at a young hole, never longer than asked for."""

from __future__ import annotations

from shotgun_producer.hold import Hold
from shotgun_producer.holes import Sighting

NOW = 1_700_000_000.0


def rows(*ids: int, created_at: float | None = None) -> list[Sighting]:
    return [Sighting(number, created_at) for number in ids]


def released(hold: Hold, head: int, now: float, *ids: int, created_at: float | None = None) -> list[int]:
    return [row.id for row in hold.release(rows(*ids, created_at=created_at), head, now)]


def test_without_a_hold_nothing_waits() -> None:
    assert released(Hold(0), 10, NOW, 12, 15) == [12, 15]


def test_rows_behind_a_hole_wait_until_it_fills() -> None:
    hold = Hold(30)
    assert released(hold, 10, NOW, 11, 13) == [11]
    assert released(hold, 11, NOW + 5, 12, 13) == [12, 13]


def test_rows_behind_a_hole_wait_no_longer_than_the_hold() -> None:
    hold = Hold(30)
    assert released(hold, 10, NOW, 12, 13) == []
    assert released(hold, 10, NOW + 29, 12, 13) == []
    assert released(hold, 10, NOW + 30, 12, 13) == [12, 13]


def test_each_hole_has_its_own_time_so_that_many_do_not_add_up() -> None:
    hold = Hold(30)
    assert released(hold, 10, NOW, 12, 14, 16) == []
    assert released(hold, 10, NOW + 30, 12, 14, 16) == [12, 14, 16]


def test_a_hole_that_splits_keeps_its_age() -> None:
    hold = Hold(30)
    assert released(hold, 10, NOW, 20) == []
    assert released(hold, 10, NOW + 20, 15, 20) == []
    assert released(hold, 10, NOW + 30, 15, 20) == [15, 20]


def test_rows_at_or_below_the_head_never_wait() -> None:
    assert released(Hold(30), 10, NOW, 4, 7, 12) == [4, 7]


def test_what_was_created_long_ago_does_not_wait() -> None:
    assert released(Hold(30), 10, NOW, 12, 14, created_at=NOW - 60) == [12, 14]
