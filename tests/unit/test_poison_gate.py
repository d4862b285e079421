"""What may be started when earlier memberships have ended uncleanly, and what Kafka must know before."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from owning import acknowledge

from shotgun_consumer.partitions.assignment import Assignment
from shotgun_consumer.partitions.gate import ALONE_SECONDS
from shotgun_consumer.partitions.partition_state import PartitionState
from shotgun_consumer.partitions.turn import Turn
from shotgun_consumer.positions.marks import NO_MARKS, Marks, decode_marks
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_consumer.running.history import POISON

GROUP, OTHER = "anim.notify", "anim.other"
SUSPECTED = Marks(unclean=2)
KNOWN = Marks(unclean=3, running=5)


class Owner:
    """A member that has partition 0 at offset 5, with as many events as are asked for."""

    def __init__(
        self,
        marks: Marks = NO_MARKS,
        events: int = 3,
        concurrency: int = 1,
        max_uncommitted: int = 50,
    ) -> None:
        self.started: list[Delivery] = []
        self.turn = Turn()
        self.turn.join(GROUP)
        self.turn.join(OTHER)
        self.assignment = Assignment(max_uncommitted, concurrency=concurrency, group=GROUP, turn=self.turn)
        self.assignment.add(0, 5, marks)
        for offset in range(5, 5 + events):
            self.push(offset)

    @property
    def state(self) -> PartitionState:
        state = self.assignment.get(0)
        assert state is not None
        return state

    def push(self, offset: int, replayed: bool = False) -> None:
        entity = {"entity": f"Task:{offset}".encode()}
        if not replayed:
            assert self.state.progress.deliver(offset)
        epoch = self.state.progress.epoch
        self.state.waiting.push(Delivery(0, offset, epoch, b"1", b"", entity, 0.0, replayed=replayed))

    def start(self, now: float = 0.0) -> list[int]:
        """The offsets that are handed to the workers now."""
        self.assignment.tend(now)
        deliveries = self.assignment.startable(now)
        self.started = deliveries or self.started
        return [delivery.offset for delivery in deliveries]

    def end(self, result: Result | None = None, now: float = 0.0) -> None:
        """The first of those started last comes back."""
        self.assignment.settle(result or Result(self.started[0], Outcome.SUCCEEDED), now)

    def stand_aside(self) -> None:
        for group in (GROUP, OTHER):
            self.turn.stand_aside(group)

    @property
    def to_commit(self) -> Marks:
        """What a commit would say now."""
        snapshot = self.state.progress.snapshot()
        marks = decode_marks(snapshot.watermark, snapshot.metadata)
        assert marks is not None
        return marks

    def start_alone(self) -> None:
        """Go as far as to have the first event run alone."""
        assert self.start() == []
        acknowledge(self.assignment)
        assert self.start() == []
        self.stand_aside()
        assert self.start() == []
        assert self.to_commit.running == 5
        acknowledge(self.assignment)
        assert self.start() == [5]


def test_events_start_when_kafka_knows_of_it_and_from_the_first_that_returns_on_nothing_is_asked() -> None:
    owner = Owner()
    assert owner.start() == []
    assert owner.to_commit == Marks(unclean=1)
    acknowledge(owner.assignment)
    assert owner.start() == [5, 6, 7]
    assert not owner.state.gate.is_open
    owner.end()
    assert owner.to_commit == NO_MARKS
    owner.start()
    assert owner.state.gate.is_open


def test_an_assignment_without_events_commits_nothing() -> None:
    owner = Owner(Marks(unclean=2), events=0)
    for now in range(100):
        assert owner.start(float(now)) == []
        assert owner.assignment.commits.take(float(now)) is None


def test_a_commit_that_is_refused_lets_nothing_start_and_is_tried_again() -> None:
    owner = Owner()
    owner.start()
    commit = owner.assignment.commits.take(0.0)
    assert commit is not None
    owner.assignment.commits.settle(commit, {0}, 0.0)
    assert owner.start() == []
    acknowledge(owner.assignment, 1.0)
    assert owner.start(1.0) == [5, 6, 7]


def test_where_kafka_takes_no_marks_nothing_waits_for_them_or_is_suspected() -> None:
    for marks in (NO_MARKS, SUSPECTED, KNOWN):
        owner = Owner(marks)
        owner.start()
        commit = owner.assignment.commits.take(0.0)
        if commit is not None:
            owner.assignment.commits.bare(0)
            owner.assignment.commits.settle(commit, {0}, 0.0)
        assert owner.start(1.0) == [5, 6, 7]
        assert owner.started[0].ended == frozenset()
        owner.end()
        owner.start(2.0)
        assert owner.state.gate.is_open


def test_a_suspected_event_runs_alone_under_its_mark_and_the_others_when_kafka_knows_that_it_is_over() -> (
    None
):
    owner = Owner(SUSPECTED, concurrency=3)
    owner.start_alone()
    assert owner.start() == []
    owner.end()
    # Kafka still has the mark, so neither this group nor another one may start anything
    assert owner.start() == []
    assert owner.turn.owner == (GROUP, 0)
    acknowledge(owner.assignment)
    assert owner.turn.owner is None
    assert owner.start() == [6, 7]
    assert owner.state.gate.is_open


def test_with_each_commit_awaited_a_suspected_event_runs_too() -> None:
    owner = Owner(SUSPECTED, max_uncommitted=1)
    owner.start_alone()
    assert len(owner.started) == 1


def test_a_suspected_event_that_fails_has_returned_as_well() -> None:
    owner = Owner(SUSPECTED)
    owner.start_alone()
    owner.end(Result(owner.started[0], None, "it raised", retry_after=5.0))
    assert owner.to_commit == NO_MARKS


def test_known_poison_is_handed_over_as_such_and_only_what_its_policy_ends_is_over() -> None:
    owner = Owner(KNOWN)
    owner.start()
    assert owner.to_commit == Marks(unclean=4, running=5)
    acknowledge(owner.assignment)
    assert owner.start() == [5]
    assert POISON in owner.started[0].ended
    # Its dead letter was not written, so it is tried again, as poison, and nothing overtakes it
    owner.end(Result(owner.started[0], None, "Kafka is away", retry_after=2.0, ended=frozenset({POISON})))
    assert owner.to_commit == Marks(unclean=4, running=5)
    assert owner.start(1.0) == []
    assert owner.start(2.0) == [5]
    assert POISON in owner.started[0].ended
    owner.end(Result(owner.started[0], Outcome.DEAD_LETTERED))
    assert owner.to_commit == NO_MARKS
    acknowledge(owner.assignment)
    assert owner.start(3.0) == [6, 7]


@pytest.mark.parametrize("concurrency", [1, 3])
def test_poison_that_its_partition_stays_at_is_run_when_somebody_wants_it_and_not_before(
    concurrency: int,
) -> None:
    owner = Owner(KNOWN, concurrency=concurrency)
    owner.start()
    acknowledge(owner.assignment)
    owner.start()
    owner.end(Result(owner.started[0], None, "poison"))
    assert owner.start() == []
    assert owner.to_commit == Marks(unclean=4, running=5)
    # Skipping another one is no wish to run this one
    owner.state.stopped = None
    assert owner.start() == [5]
    assert POISON in owner.started[0].ended
    owner.end(Result(owner.started[0], None, "poison"))
    owner.state.gate.absolve()
    owner.state.stopped = None
    acknowledge(owner.assignment)
    assert owner.start()[0] == 5
    assert POISON not in owner.started[0].ended


def test_poison_stays_known_when_its_partition_is_handed_on_and_not_when_the_process_is_stopped() -> None:
    owner = Owner(KNOWN)
    owner.state.gate.hand_on()
    assert owner.to_commit == KNOWN
    owner.state.gate.stop()
    assert owner.to_commit == NO_MARKS


@pytest.mark.parametrize("steps", range(4))
def test_a_partition_given_up_before_its_event_was_started_leaves_no_mark_and_no_turn(steps: int) -> None:
    owner = Owner(SUSPECTED)
    for step in range(steps):
        owner.start()
        if owner.assignment.commits.take(0.0) is not None and step:
            owner.stand_aside()
    owner.assignment.give_back([], [0])
    assert owner.assignment.started == 0
    assert owner.to_commit.running is None
    owner.state.gate.hand_on()
    assert owner.to_commit == NO_MARKS
    owner.assignment.remove(0)
    assert owner.turn.owner is None


def test_a_marked_event_that_its_worker_gives_back_unstarted_is_not_marked_any_more() -> None:
    owner = Owner(SUSPECTED)
    owner.start_alone()
    owner.assignment.give_back(owner.started, [0])
    assert owner.to_commit == Marks(unclean=3)
    owner.start()
    assert owner.turn.owner == (GROUP, 0)
    acknowledge(owner.assignment)
    assert owner.turn.owner is None


def test_a_mark_that_is_on_its_way_to_kafka_when_it_is_taken_back_keeps_the_turn_until_it_is_cleared() -> (
    None
):
    owner = Owner(SUSPECTED)
    owner.start()
    acknowledge(owner.assignment)
    owner.start()
    owner.stand_aside()
    owner.start()
    commit = owner.assignment.commits.take(0.0)
    assert commit is not None
    assert commit.points[0].snapshot.running == 5
    owner.assignment.give_back([], [0])
    owner.assignment.tend(0.0)
    assert owner.turn.owner == (GROUP, 0)
    # The answer never comes, so Kafka may have it or not
    owner.assignment.commits.settle(commit, {0}, 0.0)
    owner.assignment.tend(0.0)
    assert owner.turn.owner == (GROUP, 0)
    acknowledge(owner.assignment, 1.0)
    assert owner.turn.owner is None


def test_a_partition_that_is_taken_over_anew_without_having_been_given_up_has_no_turn() -> None:
    owner = Owner(SUSPECTED)
    owner.start()
    acknowledge(owner.assignment)
    owner.start()
    assert owner.turn.owner == (GROUP, 0)
    owner.assignment.add(0, 5)
    assert owner.turn.owner is None


def test_an_event_that_cannot_be_alone_runs_unmarked_after_a_while() -> None:
    owner = Owner(SUSPECTED)
    owner.start()
    acknowledge(owner.assignment)
    assert owner.start(1.0) == []
    assert owner.start(1.0 + ALONE_SECONDS) == []
    assert owner.start(1.1 + ALONE_SECONDS) == [5]
    assert owner.to_commit.running is None
    owner.start(1.2 + ALONE_SECONDS)
    assert owner.turn.owner is None


def test_an_event_that_runs_for_long_is_no_longer_alone_and_no_longer_marked() -> None:
    for unclean, patience in ((2, ALONE_SECONDS), (4, 4 * ALONE_SECONDS)):
        owner = Owner(Marks(unclean=unclean))
        owner.start_alone()
        owner.start(patience)
        assert owner.to_commit.running == 5
        owner.start(patience + 1)
        assert owner.to_commit.running is None
        assert owner.turn.owner == (GROUP, 0)
        acknowledge(owner.assignment, patience + 1)
        assert owner.turn.owner is None
        # And it still counts when it returns
        owner.end()
        owner.start(patience + 2)
        assert owner.state.gate.is_open


def test_a_replay_runs_alone_too_and_is_never_marked() -> None:
    owner = Owner(SUSPECTED, events=0)
    owner.push(2, replayed=True)
    owner.start()
    acknowledge(owner.assignment)
    owner.start()
    owner.stand_aside()
    assert owner.start() == [2]
    assert owner.to_commit == Marks(unclean=3)
    assert owner.turn.owner == (GROUP, 0)
    owner.end()
    assert owner.to_commit == NO_MARKS
    owner.start()
    assert owner.turn.owner is None


def test_what_lay_before_a_position_that_has_moved_is_not_held_against_what_comes_next() -> None:
    owner = Owner(Marks(unclean=3, running=5), events=2)
    # The event is not wanted any more
    owner.assignment.filter(owner.state, 5)
    owner.state.waiting.take(1, 0.0)
    owner.state.waiting.end(Delivery(0, 5, owner.state.progress.epoch, b"1", b"", {}, 0.0))
    owner.start()
    assert owner.to_commit == Marks(unclean=1)
    acknowledge(owner.assignment)
    assert owner.start() == [6]


@given(unclean=st.integers(0, 50), running=st.none() | st.integers(0, 10), start=st.integers(0, 10))
def test_marks_of_whatever_kind_can_be_committed_again(unclean: int, running: int | None, start: int) -> None:
    assignment = Assignment(50)
    assignment.add(0, start, Marks(unclean=unclean, running=running))
    state = assignment.get(0)
    assert state is not None
    snapshot = state.progress.snapshot()
    assert decode_marks(snapshot.watermark, snapshot.metadata) is not None
