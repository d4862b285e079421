"""The owner of a partition takes back what was ordered or told about its events when it is over, not before."""

from __future__ import annotations

from typing import Any

import pytest
from failing_plugin import GROUP, Board
from owning import acknowledge

from shotgun_consumer.orders.orders import GroupOrders, Replay
from shotgun_consumer.partitions.assignment import Assignment
from shotgun_consumer.partitions.member import Member
from shotgun_consumer.partitions.order_follower import OrderFollower
from shotgun_consumer.positions.marks import Marks
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_consumer.running.succession import Succession, Version
from shotgun_consumer.running.worker import Worker
from shotgun_schemas import control

NO_KAFKA: Any = None


class Owner:
    """A member that owns partitions, with everything but Kafka."""

    def __init__(self, concurrency: int = 1, board: Board | None = None) -> None:
        self.board = board or Board()
        self.orders = GroupOrders(GROUP, self.board)
        self.assignment = Assignment(50, concurrency=concurrency)
        succession = Succession(Version(lambda delivery: True, []))
        member = Member(GROUP, "shotgun.events", succession, self.orders, 50, 30.0, concurrency)
        worker = Worker("nobody", [])
        self.follower = OrderFollower(member, NO_KAFKA, worker, self.assignment, NO_KAFKA)

    def read(self, *offsets: int, partition: int = 0) -> None:
        """Events of different entities arrive."""
        state = self.assignment.get(partition)
        assert state is not None
        for offset in offsets:
            entity = {"entity": f"Task:{offset}".encode()}
            assert state.progress.deliver(offset)
            state.waiting.push(Delivery(partition, offset, state.progress.epoch, b"1", b"", entity, 0.0))

    def start(self) -> dict[int, Delivery]:
        """What the workers get, by offset."""
        deliveries = self.assignment.startable(0.0)
        if not deliveries:
            acknowledge(self.assignment)
            deliveries = self.assignment.startable(0.0)
        return {delivery.offset: delivery for delivery in deliveries}

    def end(self, delivery: Delivery, outcome: Outcome = Outcome.SUCCEEDED) -> None:
        self.assignment.settle(Result(delivery, outcome), 0.0)

    def stay(self, delivery: Delivery) -> None:
        """The event fails for good: the worker tells of it, and the partition stays there."""
        self.orders.stop(delivery.partition, delivery.offset, 1, "no")
        self.assignment.settle(Result(delivery, None, "no"), 0.0)

    def commit(self) -> None:
        acknowledge(self.assignment)

    def left(self) -> list[str]:
        """The records that are left when the owner has looked."""
        self.follower.follow()
        return sorted(self.board.records)


STOP = control.stop_key(GROUP, 0)


def skip(owner: Owner, offset: int, partition: int = 0) -> str:
    key = control.skip_key(GROUP, partition, offset)
    owner.board.offer(key, "a test asset", {})
    return key


@pytest.mark.parametrize("concurrency", [1, 4])
def test_a_skip_is_taken_back_when_its_commit_is_acknowledged_though_nothing_ends_after_it(
    concurrency: int,
) -> None:
    owner = Owner(concurrency)
    owner.assignment.add(0, 55)
    owner.read(55)
    key = skip(owner, 55)
    event = owner.start()[55]
    assert owner.left() == [key]
    owner.end(event, Outcome.SKIPPED)
    # A crash would bring the event again
    assert owner.left() == [key]
    owner.commit()
    assert owner.left() == []


def test_a_skip_waits_for_the_events_before_it() -> None:
    owner = Owner(concurrency=4)
    owner.assignment.add(0, 55)
    owner.read(55, 56)
    key = skip(owner, 56)
    started = owner.start()
    owner.end(started[56], Outcome.SKIPPED)
    owner.commit()
    assert owner.left() == [key]
    owner.end(started[55])
    owner.commit()
    assert owner.left() == []


def test_a_stop_is_told_of_while_the_partition_stays_there_whatever_ends_beside_it() -> None:
    owner = Owner(concurrency=4)
    owner.assignment.add(0, 55)
    owner.read(55, 56)
    started = owner.start()
    owner.stay(started[55])
    owner.end(started[56])
    owner.commit()
    assert owner.left() == [STOP]
    # It goes on, which needs no commit to be told
    owner.board.offer(control.resume_key(GROUP), "", {})
    resumed = control.resume_key(GROUP)
    state = owner.assignment.get(0)
    assert state is not None
    state.stopped = None
    owner.end(owner.start()[55])
    owner.orders.passed(0, 55, state.progress.has_passed)
    assert sorted(owner.board.records) == [resumed]


def test_a_later_stop_that_the_control_topic_does_not_show_yet_is_not_taken_back_with_the_earlier() -> None:
    class SlowBoard(Board):
        """What is offered shows when it is let through."""

        def __init__(self) -> None:
            super().__init__()
            self.later: list[tuple[str, str, Any]] = []

        def offer(self, key: str, reason: str, fields: Any) -> None:
            self.later.append((key, reason, fields))

        def let_through(self) -> None:
            for one in self.later:
                super().offer(*one)
            self.later = []

    board = SlowBoard()
    owner = Owner(board=board)
    owner.assignment.add(0, 55)
    owner.read(55, 56)
    started = owner.start()
    owner.orders.stop(0, 55, 1, "no")
    board.let_through()
    owner.end(started[55])
    owner.stay(started[56])
    assert owner.left() == [STOP]
    board.let_through()
    assert owner.left() == [STOP]
    assert owner.orders.stops[0].fields["offset"] == 56


def test_what_was_left_before_the_position_of_a_new_assignment_is_taken_back() -> None:
    owner = Owner()
    owner.board.offer(STOP, "no", {"offset": 54, "event_id": 7})
    skip(owner, 54)
    kept = [skip(owner, 55), skip(owner, 54, partition=1)]
    assert len(owner.left()) == 4
    owner.assignment.add(0, 55)
    assert owner.left() == sorted(kept)


def test_after_a_rewind_a_skip_ahead_of_the_position_still_holds() -> None:
    owner = Owner()
    owner.assignment.add(0, 60)
    owner.assignment.remove(0)
    key = skip(owner, 55)
    owner.assignment.add(0, 50)
    assert owner.left() == [key]
    owner.read(55)
    owner.end(owner.start()[55], Outcome.SKIPPED)
    owner.commit()
    assert owner.left() == []


def test_a_skip_of_an_event_that_ended_ahead_of_the_position_stays_until_the_position_is_behind_it() -> None:
    owner = Owner(concurrency=4)
    owner.assignment.add(0, 55, Marks(top=57, unfinished=()))
    key = skip(owner, 57)
    assert owner.left() == [key]
    owner.read(55)
    owner.end(owner.start()[55])
    owner.commit()
    assert owner.left() == []


def test_a_skip_takes_back_a_replay_that_must_not_be_run() -> None:
    owner = Owner()
    owner.assignment.add(0, 60)
    replay = control.replay_key(GROUP, 0, 55, "*")
    for key in (replay, control.skip_key(GROUP, 0, 55)):
        owner.board.offer(key, "", {})
    # It would have been fetched from Kafka, which is not there
    assert owner.left() == []


def test_a_replay_that_was_ordered_after_its_event_was_passed_over_is_no_concern_of_the_skip() -> None:
    owner = Owner()
    for key in (control.skip_key(GROUP, 0, 55), control.replay_key(GROUP, 0, 55, "*")):
        owner.board.offer(key, "", {})
    owner.orders.passed(0, 60, lambda offset: True)
    assert owner.orders.replays([0]) == [Replay(0, 55, frozenset())]
