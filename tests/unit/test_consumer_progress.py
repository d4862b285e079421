"""The watermark never passes an unfinished event, and nothing but an unfinished event holds it."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from shotgun_consumer.progress import Progress


def test_an_event_that_was_only_read_is_read_again_after_a_revoke() -> None:
    progress = Progress(epoch=1, start=10)
    progress.deliver(10)
    assert progress.watermark == 10


def test_an_unfinished_event_holds_the_watermark_whatever_finishes_behind_it() -> None:
    progress = Progress(epoch=1, start=0)
    for offset in range(4):
        progress.deliver(offset)
    for offset in (3, 1, 2):
        progress.finish(offset, 1)
    assert progress.watermark == 0
    assert progress.finished_ahead == {1, 2, 3}
    progress.finish(0, 1)
    assert progress.watermark == 4
    assert progress.unfinished == 0


def test_holes_in_the_log_never_hold_the_watermark() -> None:
    progress = Progress(epoch=1, start=0)
    for offset in (0, 1, 3, 4, 9):  # 2 was compacted away, 5 to 8 are transaction markers
        progress.deliver(offset)
        progress.finish(offset, 1)
    assert progress.watermark == 10


def test_the_end_of_the_log_is_reached_behind_a_transaction_marker() -> None:
    progress = Progress(epoch=1, start=0)
    progress.deliver(0)
    progress.reach_end(2)
    assert progress.watermark == 0
    progress.finish(0, 1)
    assert progress.watermark == 2


def test_a_result_of_an_earlier_assignment_changes_nothing() -> None:
    stale, current = 1, 2
    progress = Progress(current, start=5)
    progress.deliver(5)
    assert not progress.finish(5, stale)
    assert progress.watermark == 5
    assert progress.finish(5, current)


def test_a_record_that_is_read_twice_is_taken_once() -> None:
    progress = Progress(epoch=1, start=0)
    assert progress.deliver(0)
    assert not progress.deliver(0)
    progress.finish(0, 1)
    assert not progress.deliver(0)
    assert not progress.finish(0, 1)
    assert progress.watermark == 1


@given(st.data())
def test_everything_below_the_watermark_has_finished(data: st.DataObject) -> None:
    start = data.draw(st.integers(0, 5))
    gaps = data.draw(st.lists(st.integers(1, 4), max_size=30))
    progress = Progress(epoch=1, start=start)
    offset, delivered = start, []
    for gap in gaps:
        delivered.append(offset)
        progress.deliver(offset)
        offset += gap
    done = set()
    for offset in data.draw(st.permutations(delivered))[: data.draw(st.integers(0, len(delivered)))]:
        progress.finish(offset, 1)
        done.add(offset)
        unfinished = set(delivered) - done
        assert progress.watermark == (min(unfinished) if unfinished else delivered[-1] + 1)
        assert progress.finished_ahead == {o for o in done if o > progress.watermark}
        assert progress.unfinished == len(unfinished)
