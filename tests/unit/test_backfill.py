"""What `Backfills` promises, one promise a test."""

from __future__ import annotations

import pytest

from shotgun_producer.backfill.backfills import Backfills, Reconciled, Taken
from shotgun_producer.holes import Missing, Sighting
from shotgun_producer.id_ranges import IdRanges, size_of
from shotgun_schemas.checkpoint import Backfill

HEAD = 1_000
INITIAL = ((950, 959), (990, 990))


def begun(first: int = 1, last: int = HEAD, *before: Backfill) -> Backfills:
    state = Backfills(HEAD, INITIAL, before)
    state.begin("job", first, last)
    return state


def rows(*ids: int) -> list[Sighting]:
    return [Sighting(number, float(number)) for number in ids]


def over(job: str, first: int, last: int) -> Backfill:
    return Backfill(job, first, last, last + 1)


def test_a_job_ends_where_the_stream_began() -> None:
    assert begun(0, 5_000).running == Backfill("job", 1, HEAD, 1)


@pytest.mark.parametrize(
    ("first", "last"), [(HEAD + 1, HEAD + 9), (300, 400), (9, 3)], ids=["in the stream", "done", "empty"]
)
def test_a_job_with_nothing_left_is_over_at_once(first: int, last: int) -> None:
    state = begun(first, last, over("old", 200, 500))
    assert state.running is None
    assert list(state.segments()) == []
    assert state.left == 0
    state.begin("next", 1, 9)
    assert state.running == Backfill("next", 1, 9, 1)


def test_what_earlier_jobs_covered_is_not_looked_at_again() -> None:
    state = begun(100, 400, over("a", 150, 199), over("b", 120, 160), over("c", 390, 700))
    assert list(state.segments()) == [(100, 119), (200, 389)]
    assert state.left == 20 + 190
    state.take(100, 119, [])
    assert state.running == Backfill("job", 100, 400, 200)
    state.take(200, 389, [])
    assert state.running is None
    assert state.find("job") == over("job", 100, 400)


def test_rows_are_taken_and_ids_between_them_are_missing_with_the_date_behind_them() -> None:
    taken = begun().take(1, 10, rows(3, 4, 8), behind=12.0)
    assert taken.ids == (3, 4, 8)
    assert taken.missing == (Missing(1, 2, 3.0), Missing(5, 7, 8.0), Missing(9, 10, 12.0))


def test_ids_that_were_missing_at_the_start_belong_to_the_live_stream() -> None:
    taken = begun(940).take(940, 961, rows(940, 952, 961))
    assert taken.ids == (940, 961)
    assert taken.missing == (Missing(941, 949, 952.0), Missing(960, 960, 961.0))


def test_parts_are_taken_one_after_the_other() -> None:
    state = begun()
    state.take(1, 10, [])
    for first, last in ((5, 20), (12, 20), (11, HEAD + 1), (11, 10)):
        with pytest.raises(ValueError, match="are not the next of job, which is at 11"):
            state.take(first, last, [])
    with pytest.raises(ValueError, match="rows 10 to 10 were not asked for"):
        state.take(11, 20, rows(10))
    state.take(11, HEAD, [])
    with pytest.raises(ValueError, match="none is running"):
        state.take(11, 20, [])


def test_one_job_runs_at_a_time_and_a_name_is_used_once() -> None:
    state = begun(1, 10)
    with pytest.raises(ValueError, match="job is running"):
        state.begin("second", 11, 20)
    state.take(1, 10, [])
    with pytest.raises(ValueError, match="there was a backfill job before"):
        state.begin("job", 11, 20)
    state.begin("second", 11, 20)
    assert [job.job for job in state.snapshot()] == ["job", "second"]


def test_a_cancelled_job_ends_where_it_is_and_the_next_one_takes_the_rest() -> None:
    state = begun(1, 100)
    state.take(1, 40, rows(7))
    state.cancel("another")
    state.cancel("job")
    assert state.snapshot() == (Backfill("job", 1, 40, 41),)
    state.begin("next", 1, 100)
    assert list(state.segments()) == [(41, 100)]


def test_a_job_cancelled_before_its_first_page_has_covered_nothing() -> None:
    state = begun(500, 600)
    state.cancel("job")
    assert (state.running, state.job_of(500)) == (None, None)
    state.begin("next", 500, 600)
    assert list(state.segments()) == [(500, 600)]


def test_a_hole_that_fills_later_knows_its_job() -> None:
    state = begun(100, HEAD, over("old", 100, 199))
    state.take(200, 970, [])
    assert {number: state.job_of(number) for number in (99, 150, 200, 951, 970, 971, 990, 1_001)} == {
        99: None,
        150: "old",
        200: "job",
        951: None,  # missing at the start: the live stream's
        970: "job",
        971: None,
        990: None,
        1_001: None,
    }


def test_a_torn_page_counts_as_published_and_what_lies_between_is_missing() -> None:
    state = begun(1, 500, over("old", 20, 29))
    state.take(1, 10, [])
    found = state.reconcile([33, 952, 13, 1_004, 5, 33])
    assert found == Reconciled(Taken((13, 33), (Missing(11, 12), Missing(14, 19), Missing(30, 32))), ())
    assert state.running == Backfill("job", 1, 500, 34)


def test_the_last_page_may_be_torn() -> None:
    state = begun(1, 500)
    assert state.reconcile([500]).taken == Taken((500,), (Missing(1, 499),))
    assert state.running is None


def test_nothing_torn_moves_nothing() -> None:
    state = begun(1, 500)
    state.take(1, 10, [])
    # The live stream's: above the start, missing at the start; and a hole of this job that had filled.
    assert state.reconcile([1_004, 955, 7]) == Reconciled(Taken((), ()), ())
    assert state.running == Backfill("job", 1, 500, 11)


def test_events_of_no_known_job_are_told() -> None:
    state = begun(100, 200)
    assert state.reconcile([50, 700, 150]).strays == (50, 700)
    assert Backfills(HEAD).reconcile([50]).strays == (50,)


def test_a_restored_state_goes_on_where_it_was() -> None:
    state = begun(1, 900, over("old", 20, 29))
    state.take(1, 19, [])
    again = Backfills(HEAD, INITIAL, state.snapshot())
    assert again.snapshot() == state.snapshot()
    assert list(again.segments()) == list(state.segments()) == [(30, 900)]


def test_ranges_are_one_set_however_they_are_given() -> None:
    ranges = IdRanges([(30, 40), (1, 5), (6, 8), (35, 50), (9, 3)])
    assert list(ranges) == [(1, 8), (30, 50)]
    assert list(ranges.within(4, 33)) == [(4, 8), (30, 33)]
    assert list(ranges.outside(4, 60)) == [(9, 29), (51, 60)]
    assert list(ranges.outside(31, 40)) == []
    assert [number for number in (0, 1, 8, 9, 29, 30, 50, 51) if number in ranges] == [1, 8, 30, 50]
    assert size_of(ranges) == 8 + 21
