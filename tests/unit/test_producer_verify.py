"""What counts as missing, doubled or still to come when site and topic are compared."""

from __future__ import annotations

from dataclasses import replace

from shotgun_producer.commands.comparison import (
    SHOWN_IDS,
    Comparison,
    Seen,
    Shown,
    as_json,
    as_text,
    compare,
    expected_ids,
    lies_in,
)
from shotgun_schemas.checkpoint import Checkpoint, Filter, Hole


def checkpoint(*holes: tuple[int, int]) -> Checkpoint:
    return Checkpoint(
        installation="i",
        site="https://studio",
        topic="events",
        topic_id="abc",
        partitions=1,
        head=100,
        holes=tuple(Hole(first, last, 0, 0) for first, last in holes),
        start_head=10,
        initial_holes=((4, 5), (8, 8)),
        end_offsets=(7,),
        written_at=0,
    )


def seen(*ids: int, first: int = 1, last: int = 100) -> Seen:
    found = Seen(first, last)
    for number in ids:
        found.add(str(number).encode())
    return found


def compared(shown: set[int], found: Seen, *holes: tuple[int, int]) -> Comparison:
    return compare(Shown(1, 100, shown), found, checkpoint(*holes))


def test_what_is_on_both_sides_once_is_equal() -> None:
    found = compared({11, 12, 30}, seen(30, 11, 12))
    assert found.is_equal
    assert (found.expected, found.published) == (3, 3)


def test_an_event_that_only_the_site_has_is_missing() -> None:
    found = compared({11, 12, 30}, seen(11))
    assert (found.missing, found.is_equal) == ((12, 30), False)


def test_an_event_that_the_topic_has_twice_is_doubled() -> None:
    found = compared({11, 12}, seen(11, 12, 11, 11))
    assert (found.doubled, found.missing, found.is_equal) == ((11,), (), False)


def test_what_the_producer_still_asks_for_is_awaited_and_not_missing() -> None:
    found = compared({11, 20, 21, 30}, seen(11, 20), (20, 25), (90, 95))
    assert (found.awaited, found.missing) == ((21,), (30,))


def test_ids_visible_before_the_stream_began_are_not_expected() -> None:
    assert expected_ids({1, 4, 6, 8, 10, 11}, 10, ((4, 5), (8, 8))) == {4, 8, 11}
    assert compared({1, 2, 11}, seen(11)).is_equal


def test_an_event_that_the_site_no_longer_shows_is_no_difference() -> None:
    found = compared({12}, seen(11, 12))
    assert (found.not_shown, found.is_equal) == ((11,), True)


def test_what_the_filter_leaves_out_is_not_expected_and_no_difference_when_it_is_there() -> None:
    found = compare(Shown(1, 100, {11, 12}, {13, 14}), seen(11, 12, 14), checkpoint())
    assert (found.expected, found.left_out, found.is_equal) == (2, 2, True)
    assert found.not_shown == ()
    assert as_json(found)["left_out"] == 2
    assert "2 by exclude_event_types and projects" in as_text(found)


def test_what_an_earlier_filter_may_have_left_out_is_told_and_no_difference() -> None:
    later = replace(checkpoint(), filter=Filter(rule="", since=50))
    found = compare(Shown(1, 100, {12, 50, 51}), seen(11), later)
    assert (found.unjudged, found.missing, found.is_equal) == ((12, 50), (51,), False)
    assert "unjudged:  2: 12, 50; older than the filter; an earlier one" in as_text(found)
    assert compare(Shown(1, 100, {12, 50}), seen(11), later).is_equal


def test_without_a_filter_nothing_is_said_of_one() -> None:
    assert "left out" not in as_text(compared({11}, seen(11)))


def test_records_outside_the_range_and_odd_keys_count_for_nothing() -> None:
    found = Seen(10, 20)
    for key in (b"9", b"21", b"x", b"", None, b"15"):
        found.add(key)
    assert found.ids == {15}


def test_ranges_include_both_ends() -> None:
    assert [number for number in range(1, 10) if lies_in(((2, 3), (7, 7)), number)] == [2, 3, 7]
    assert not lies_in((), 1)


def test_of_many_ids_the_first_are_named_and_all_are_counted() -> None:
    found = compared(set(range(11, 61)), seen())
    assert as_json(found)["missing"] == {"count": 50, "first": tuple(range(11, 11 + SHOWN_IDS))}
    assert "50: 11, 12," in as_text(found)
    assert "30, ..." in as_text(found)
    assert "31" not in as_text(found)
