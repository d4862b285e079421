"""Commits: one in flight, always the newest state, never past unfinished work, repeats bounded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotgun_consumer.partitions.commits import GATHER_SECONDS, QUIET_SECONDS, CommitPipeline
from shotgun_consumer.partitions.progress import Progress, Snapshot


class Member:
    """A pipeline with partitions, as the owner thread drives it."""

    def __init__(self, max_uncommitted: int = 50, partitions: int = 1) -> None:
        self.pipeline = CommitPipeline(max_uncommitted)
        self.progress = {p: Progress(epoch=p + 1, start=0) for p in range(partitions)}
        for partition, progress in self.progress.items():
            self.pipeline.assign(partition, progress, committed=True)

    def run(self, offset: int, partition: int = 0) -> None:
        progress = self.progress[partition]
        progress.deliver(offset)
        progress.finish(offset, progress.epoch)
        self.pipeline.finished(partition)

    def end(self, offset: int) -> None:
        """An event that was delivered before has run."""
        assert self.progress[0].finish(offset, 1)
        self.pipeline.finished(0)

    def filter(self, offset: int) -> None:
        self.progress[0].deliver(offset)
        self.progress[0].finish(offset, 1)


def offsets(commit: object) -> dict[int, int]:
    assert commit is not None
    return {point.partition: point.snapshot.watermark for point in commit.points}  # type: ignore[attr-defined]


def test_every_finished_event_asks_for_a_commit() -> None:
    member = Member()
    member.run(0)
    assert offsets(member.pipeline.take(0.0)) == {0: 1}


def test_nothing_is_sent_when_nothing_has_changed() -> None:
    assert Member().pipeline.take(0.0) is None


def test_one_commit_is_in_flight_and_the_next_carries_the_newest_state() -> None:
    member = Member()
    member.run(0)
    first = member.pipeline.take(0.0)
    member.run(1)
    member.run(2)
    assert member.pipeline.take(0.1) is None
    assert first is not None
    member.pipeline.settle(first, (), 0.2)
    assert offsets(member.pipeline.take(0.2)) == {0: 3}


def test_what_finished_during_a_commit_is_not_taken_for_acknowledged() -> None:
    member = Member()
    member.run(0)
    first = member.pipeline.take(0.0)
    member.run(1)
    assert first is not None
    member.pipeline.settle(first, (), 0.1)
    assert member.pipeline.unacknowledged == 1
    assert offsets(first) == {0: 1}


def test_two_states_with_one_watermark_are_two_states() -> None:
    """Behind a stuck event only the map changes: what ends there is committed, too, and counts as such."""
    member = Member()
    progress, pipeline = member.progress[0], member.pipeline
    progress.deliver(0)
    member.run(1)
    first = pipeline.take(0.0)
    member.run(2)
    assert first is not None
    pipeline.settle(first, (), 0.1)
    assert pipeline.unacknowledged == 1
    second = pipeline.take(0.1)
    assert offsets(first) == offsets(second) == {0: 0}
    assert second is not None
    assert second != first
    pipeline.settle(second, (), 0.2)
    assert pipeline.unacknowledged == 0
    assert pipeline.take(0.3) is None


def test_a_failed_commit_is_tried_again_later_with_the_newest_state() -> None:
    member = Member()
    member.run(0)
    first = member.pipeline.take(0.0)
    assert first is not None
    member.pipeline.settle(first, {0}, 0.0)
    member.run(1)
    assert member.pipeline.take(0.0) is None
    assert offsets(member.pipeline.take(1.0)) == {0: 2}


def test_one_refused_partition_does_not_undo_the_others() -> None:
    member = Member(partitions=2)
    member.run(0, 0)
    member.run(0, 1)
    first = member.pipeline.take(0.0)
    assert first is not None
    member.pipeline.settle(first, {1}, 0.0)
    assert offsets(member.pipeline.take(1.0)) == {1: 1}


def test_at_most_max_uncommitted_events_run_or_are_unacknowledged() -> None:
    member = Member(max_uncommitted=3)
    assert member.pipeline.room(running=0) == 3
    member.run(0)
    assert member.pipeline.room(running=2) == 0
    commit = member.pipeline.take(0.0)
    assert member.pipeline.room(running=1) == 1
    assert commit is not None
    member.pipeline.settle(commit, (), 0.1)
    assert member.pipeline.room(running=1) == 2


def test_with_one_uncommitted_event_each_commit_is_awaited() -> None:
    member = Member(max_uncommitted=1)
    assert member.pipeline.room(running=0) == 1
    assert member.pipeline.room(running=1) == 0
    member.run(0)
    assert member.pipeline.room(running=0) == 0
    commit = member.pipeline.take(0.0)
    assert commit is not None
    member.pipeline.settle(commit, (), 0.1)
    assert member.pipeline.room(running=0) == 1


def test_filtered_events_are_committed_once_in_a_while_and_hold_nothing_up() -> None:
    member = Member(max_uncommitted=1)
    member.filter(0)
    commit = member.pipeline.take(10.0)
    assert commit is not None
    member.pipeline.settle(commit, (), 10.0)
    member.filter(1)
    assert member.pipeline.room(running=0) == 1
    assert member.pipeline.take(10.1) is None
    assert offsets(member.pipeline.take(10.0 + QUIET_SECONDS)) == {0: 2}


def test_nothing_commits_a_partition_after_it_was_given_up() -> None:
    member = Member(partitions=2)
    member.run(0, 0)
    member.run(0, 1)
    final = member.pipeline.final([0])
    assert offsets(final) == {0: 1}
    member.pipeline.forget(0)
    assert offsets(member.pipeline.take(0.0)) == {1: 1}


def test_an_answer_for_an_earlier_assignment_says_nothing_about_the_new_one() -> None:
    member = Member()
    member.run(0)
    first = member.pipeline.take(0.0)
    member.pipeline.forget(0)
    again = Progress(epoch=9, start=0)
    member.pipeline.assign(0, again, committed=True)
    again.deliver(0)
    again.finish(0, 9)
    member.pipeline.finished(0)
    assert first is not None
    member.pipeline.settle(first, (), 0.1)
    assert member.pipeline.unacknowledged == 1
    assert offsets(member.pipeline.take(0.2)) == {0: 1}


def test_work_of_a_lost_partition_does_not_count_against_the_window() -> None:
    member = Member(max_uncommitted=2, partitions=2)
    member.run(0, 0)
    member.run(1, 0)
    assert member.pipeline.room(running=0) == 0
    member.pipeline.forget(0)
    assert member.pipeline.room(running=0) == 2


def test_a_final_commit_leaves_the_open_one_open() -> None:
    member = Member(partitions=2)
    member.run(0, 1)
    first = member.pipeline.take(0.0)
    member.run(0, 0)
    final = member.pipeline.final([0])
    assert final is not None
    member.pipeline.settle_final(final, ())
    assert member.pipeline.open
    assert first is not None
    member.pipeline.settle(first, (), 0.1)
    assert member.pipeline.take(5.0) is None


def test_less_than_one_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1, got 0"):
        CommitPipeline(0)


@given(st.lists(st.sampled_from(["run", "take", "ack", "fail"]), max_size=60), st.integers(1, 5))
def test_no_commit_covers_an_unfinished_event_and_repeats_stay_bounded(steps: list[str], bound: int) -> None:
    member = Member(max_uncommitted=bound)
    progress, pipeline = member.progress[0], member.pipeline
    offset, committed, commit, now = 0, 0, None, 0.0
    for step in steps:
        now += 20.0
        if step == "run" and pipeline.room(running=0):
            member.run(offset)
            offset += 1
        elif step == "take":
            taken = pipeline.take(now)
            if taken is not None:
                assert commit is None
                assert offsets(taken) == {0: progress.watermark}
                commit = taken
        elif commit is not None and step in ("ack", "fail"):
            if step == "ack":
                committed = offsets(commit)[0]
            pipeline.settle(commit, () if step == "ack" else {0}, now)
            commit = None
        assert offset - committed <= bound


def test_an_answer_for_the_same_watermark_does_not_make_what_ended_ahead_since_then_known() -> None:
    member = Member()
    for offset in range(4):
        member.progress[0].deliver(offset)
    member.end(1)
    first = member.pipeline.take(0.0)
    member.end(2)
    assert first is not None
    member.pipeline.settle(first, (), 0.0)
    second = member.pipeline.take(0.0)
    assert offsets(first) == offsets(second) == {0: 0}
    assert member.pipeline.unacknowledged == 1


def test_where_kafka_takes_no_metadata_the_watermark_is_committed_alone_until_the_next_assignment() -> None:
    member = Member()
    for offset in range(3):
        member.progress[0].deliver(offset)
    member.end(1)
    first = member.pipeline.take(0.0)
    assert first is not None
    assert first.points[0].snapshot.metadata
    member.pipeline.bare(0)
    member.pipeline.settle(first, {0}, 0.0)
    member.end(0)
    second = member.pipeline.take(1.0)
    assert second is not None
    assert second.points[0].snapshot == Snapshot(2)
    member.pipeline.settle(second, (), 1.0)
    assert member.pipeline.unacknowledged == 0
    assert member.pipeline.take(9.0) is None
    member.pipeline.assign(0, Progress(2, 2), committed=True)
    assert not member.pipeline.is_bare(0)


def test_commits_are_gathered_as_ever_where_kafka_takes_no_word_of_unclean_ends() -> None:
    member = Member()
    member.progress[0].mark(3, None)
    member.pipeline.bare(0)
    member.run(0)
    first = member.pipeline.take(0.0, running=1)
    assert first is not None
    member.pipeline.settle(first, (), 0.0)
    member.run(1)
    assert member.pipeline.take(GATHER_SECONDS / 2, running=1) is None
    assert offsets(member.pipeline.take(GATHER_SECONDS * 1.1, running=1)) == {0: 2}


def test_what_kafka_holds_is_not_known_after_a_commit_that_it_may_have_taken_all_the_same() -> None:
    member = Member()
    assert member.pipeline.known(0) == Snapshot(0)
    member.progress[0].mark(1, None)
    commit = member.pipeline.take(0.0)
    assert commit is not None
    assert member.pipeline.known(0) is None
    member.pipeline.settle(commit, {0}, 0.0)
    # Taken back meanwhile; Kafka must be told, for it may have the other
    member.progress[0].mark(0, None)
    assert member.pipeline.known(0) is None
    again = member.pipeline.take(1.0)
    assert again is not None
    member.pipeline.settle(again, (), 1.0)
    assert member.pipeline.known(0) == Snapshot(0)


def test_marks_are_sent_at_once_though_only_filtered_events_were_committed_a_moment_ago() -> None:
    member = Member()
    member.filter(0)
    first = member.pipeline.take(0.0)
    assert first is not None
    member.pipeline.settle(first, (), 0.0)
    member.progress[0].mark(1, None)
    assert member.pipeline.take(0.1) is not None


def test_an_event_that_fails_for_ever_is_not_committed_by_those_of_another_partition() -> None:
    member = Member(partitions=2)
    member.progress[1].deliver(0)
    for offset in range(5):
        member.run(offset)
        commit = member.pipeline.take(0.0)
        assert offsets(commit) == {0: offset + 1}
        assert commit is not None
        member.pipeline.settle(commit, (), 0.0)
