"""The watermark never passes an unfinished event, and nothing but an unfinished event holds it."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotgun_consumer.partitions.progress import Progress
from shotgun_consumer.positions.marks import MAX_CHARACTERS, Marks, decode_marks, encode_marks


def ahead(progress: Progress, offsets: Iterable[int]) -> set[int]:
    """Which of these offsets, above the watermark, a restart from the snapshot would not deliver."""
    snapshot = progress.snapshot()
    marks = decode_marks(snapshot.watermark, snapshot.metadata)
    assert marks is not None
    again = Progress(2, snapshot.watermark, marks)
    return {offset for offset in offsets if offset > snapshot.watermark and not again.deliver(offset)}


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
    assert ahead(progress, range(4)) == {1, 2, 3}
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
        assert ahead(progress, delivered) == {o for o in done if o > progress.watermark}
        assert progress.unfinished == len(unfinished)


@given(st.sets(st.integers(0, 60), max_size=40), st.integers())
def test_what_a_commit_says_has_ended_is_never_delivered_again_and_all_else_is(
    offsets: set[int], seed: int
) -> None:
    """Lives of a member, each ended by a crash some time behind its last commit."""
    rng, log = random.Random(seed), sorted(offsets)
    unwanted = {offset for offset in log if rng.random() < 0.3}
    committed, said = Progress(0, 0).snapshot(), set[int]()
    for life in range(1, 5):
        marks = decode_marks(committed.watermark, committed.metadata)
        assert marks is not None
        progress, running, ended = Progress(life, committed.watermark, marks), list[int](), set(said)
        for offset in (offset for offset in log if offset >= committed.watermark):
            if rng.random() < 0.1:
                break
            if not progress.deliver(offset):
                assert offset in said | unwanted
                continue
            assert offset not in said
            if offset in unwanted:
                progress.pass_over(offset, life)
            else:
                running.append(offset)
            while running and rng.random() < 0.5:
                done = running.pop(rng.randrange(len(running)))
                assert progress.finish(done, life)
                ended.add(done)
            if rng.random() < 0.5:
                committed, said = progress.snapshot(), set(ended)
                below = {offset for offset in log if offset < committed.watermark}
                assert (below | ahead(progress, log)) - unwanted == said - unwanted


def test_a_filtered_event_ahead_makes_no_commit_longer() -> None:
    progress = Progress(epoch=1, start=0)
    for offset in range(1_000):
        progress.deliver(offset)
    for offset in range(1, 1_000):
        progress.pass_over(offset, 1)
    assert progress.snapshot().metadata == ""


def test_a_thousand_unfinished_events_among_a_million_fit_into_a_commit() -> None:
    progress = Progress(epoch=1, start=0)
    for offset in range(0, 1_000_000, 1_000):
        progress.deliver(offset)
        progress.deliver(offset + 1)
        progress.finish(offset + 1, 1)
    assert 0 < len(progress.snapshot().metadata) <= MAX_CHARACTERS
    assert 999_001 in ahead(progress, [999_001])


def test_the_callbacks_that_have_ended_are_known_after_a_restart_for_the_event_at_the_watermark() -> None:
    progress = Progress(epoch=1, start=7)
    progress.deliver(7)
    progress.deliver(8)
    progress.note_ended(7, {"first", "zweiter"})
    progress.note_ended(8, {"other"})
    snapshot = progress.snapshot()
    marks = decode_marks(snapshot.watermark, snapshot.metadata)
    assert marks is not None
    again = Progress(2, snapshot.watermark, marks)
    assert again.deliver(7)
    assert again.ended(7) == {"first", "zweiter"}
    progress.finish(7, 1)
    assert again.finish(7, 2)
    assert again.ended(7) == frozenset()


@given(
    st.integers(0, 2**40),
    st.lists(st.integers(1, 2**20), max_size=50),
    st.lists(st.text(max_size=10), max_size=3),
    st.integers(0, 5),
    st.none() | st.integers(0, 1_000),
)
def test_marks_come_back_as_they_were(
    watermark: int, gaps: list[int], callbacks: list[str], unclean: int, running: int | None
) -> None:
    unfinished, last = [], watermark
    for gap in gaps:
        last += gap
        unfinished.append(last)
    marks = Marks(
        last + 1 if gaps else -1,
        tuple(unfinished),
        tuple(callbacks),
        unclean,
        None if running is None else watermark + running,
    )
    assert decode_marks(watermark, encode_marks(watermark, marks)) == marks


@given(st.text(max_size=200))
def test_what_others_have_committed_is_no_map_of_ours(text: str) -> None:
    assert decode_marks(5, text) in (None, Marks())


@given(st.data())
def test_a_map_that_was_cut_off_or_changed_is_not_believed(data: st.DataObject) -> None:
    marks = Marks(90, (20, 30), ("callback",), 2, 20)
    metadata = encode_marks(10, marks)
    place = data.draw(st.integers(0, len(metadata) - 1))
    assert decode_marks(10, metadata[:place]) in (None, Marks())
    other = data.draw(
        st.characters(min_codepoint=33, max_codepoint=126).filter(lambda c: c != metadata[place])
    )
    # The last character has bits that stand for nothing.
    assert decode_marks(10, metadata[:place] + other + metadata[place + 1 :]) in (None, marks)


def test_what_does_not_fit_into_a_commit_is_left_out_and_the_watermark_stays() -> None:
    unfinished = tuple(range(10, 10 + 5_000_000, 1_000))
    assert encode_marks(5, Marks(10_000_000, unfinished, (), 2)) == encode_marks(5, Marks(unclean=2))
    long = tuple(f"callback number {number}" for number in range(500))
    assert encode_marks(5, Marks(8, (6,), long)) == encode_marks(5, Marks(8, (6,)))


@pytest.mark.parametrize("late", [0, 3], ids=["the one at the watermark", "one ahead of all others"])
def test_what_ends_while_a_snapshot_is_written_down_does_not_get_into_half_of_it(
    monkeypatch: pytest.MonkeyPatch, late: int
) -> None:
    """The watermark and the map are of one moment, so the map's offsets count from that watermark."""
    progress = Progress(epoch=1, start=0)
    for offset in range(4):
        progress.deliver(offset)
    progress.finish(2, 1)

    def interrupted(watermark: int, marks: Marks) -> str:
        progress.finish(late, 1)
        return encode_marks(watermark, marks)

    monkeypatch.setattr("shotgun_consumer.partitions.progress.encode_marks", interrupted)
    snapshot = progress.snapshot()
    marks = decode_marks(snapshot.watermark, snapshot.metadata)
    assert (snapshot.watermark, marks) == (0, Marks(top=2, unfinished=(1,)))
