"""With several events at once each entity's events run in their order, and nothing waits for a stranger."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st
from owning import first_startable

from shotgun_consumer.partitions.assignment import Assignment
from shotgun_consumer.partitions.lanes import Lanes
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_schemas import headers


def event(offset: int, entity: str | None, epoch: int = 1) -> Delivery:
    head = {} if entity is None else {headers.ENTITY: entity.encode()}
    return Delivery(0, offset, epoch, str(offset).encode(), b"value", head, 1.0)


def offsets(deliveries: list[Delivery]) -> list[int]:
    return [delivery.offset for delivery in deliveries]


def filled(*entities: str | None) -> Lanes:
    lanes = Lanes()
    for offset, entity in enumerate(entities):
        lanes.push(event(offset, entity))
    return lanes


def test_one_event_of_an_entity_runs_at_a_time() -> None:
    lanes = filled("Shot:1", "Shot:1", "Shot:2", "Shot:2")
    first = lanes.take(9, 0.0)
    assert offsets(first) == [0, 2]
    assert lanes.take(9, 0.0) == []
    lanes.end(first[1])
    assert offsets(lanes.take(9, 0.0)) == [3]


def test_events_without_an_entity_keep_their_order() -> None:
    lanes = filled(None, None)
    assert offsets(lanes.take(9, 0.0)) == [0]


def test_the_oldest_event_that_may_start_comes_first() -> None:
    lanes = filled("A:1", "A:1", "B:1", "C:1")
    (head,) = lanes.take(1, 0.0)
    lanes.end(head)
    assert offsets(lanes.take(2, 0.0)) == [1, 2]


def test_a_retry_holds_up_its_own_entity_alone_and_comes_when_it_is_due() -> None:
    lanes = filled("A:1", "A:1", "B:1", "B:1")
    first, other = lanes.take(2, 0.0)
    lanes.retry(first, 10.0)
    lanes.end(other)
    assert lanes.due() == 10.0
    assert offsets(lanes.take(9, 9.9)) == [3]
    assert lanes.oldest() == first
    assert offsets(lanes.take(9, 10.0)) == [0]
    assert lanes.due() is None


def test_what_was_handed_over_and_not_started_comes_again_first() -> None:
    lanes = filled("A:1", "A:1", "B:1")
    taken = lanes.take(9, 0.0)
    lanes.give_back(taken)
    assert lanes.started == 0
    assert len(lanes) == 3
    assert lanes.take(9, 0.0) == taken


@given(st.lists(st.sampled_from([None, "A:1", "B:2", "C:3"]), max_size=30), st.integers())
def test_every_event_runs_once_to_its_end_and_each_entity_keeps_its_order(
    entities: list[str | None], seed: int
) -> None:
    rng = random.Random(seed)
    lanes, waiting = Lanes(), list(enumerate(entities))
    running: list[Delivery] = []
    ended: list[Delivery] = []
    now = 0.0
    while len(ended) < len(entities):
        now += 1.0
        while waiting and rng.random() < 0.5:
            lanes.push(event(*waiting.pop(0)))
        running += lanes.take(rng.randint(0, 3), now)
        held = [delivery.headers.get(headers.ENTITY) for delivery in running]
        assert len(held) == len(set(held))
        assert lanes.started == len(running)
        if running and rng.random() < 0.5:
            delivery = running.pop(rng.randrange(len(running)))
            step = rng.choice(["end", "end", "retry", "give back"])
            if step == "end":
                lanes.end(delivery)
                ended.append(delivery)
            elif step == "retry":
                lanes.retry(delivery, now + rng.randint(0, 5))
            else:
                lanes.give_back([delivery])
    for entity in set(entities):
        mine = [delivery.offset for delivery in ended if event(0, entity).headers == delivery.headers]
        assert mine == sorted(mine)
    assert len(lanes) == lanes.bytes == lanes.started == 0
    assert lanes.oldest() is None


def assigned(concurrency: int, max_uncommitted: int, entities: list[str]) -> Assignment:
    assignment = Assignment(max_uncommitted, concurrency=concurrency)
    assignment.add(0, 0)
    state = assignment.get(0)
    assert state is not None
    for offset, entity in enumerate(entities):
        delivery = event(offset, entity, state.progress.epoch)
        assert assignment.read(state, offset, delivery.key, 1.0)
        state.waiting.push(delivery)
    return assignment


def test_as_many_events_run_as_there_are_workers_and_each_awaits_its_commit_when_that_is_asked_for() -> None:
    assignment = assigned(3, 1, ["A:1", "B:1", "C:1", "D:1", "A:1"])
    first = first_startable(assignment)
    assert offsets(first) == [0, 1, 2]
    assert assignment.startable(0.0) == []
    assignment.settle(Result(first[0], Outcome.SUCCEEDED), 0.0)
    assert assignment.startable(0.0) == []
    commit = assignment.commits.take(0.0)
    assert commit is not None
    assignment.commits.settle(commit, (), 0.0)
    assert offsets(assignment.startable(0.0)) == [3]


def test_an_event_that_fails_is_run_again_with_what_has_ended_of_it() -> None:
    assignment = assigned(2, 50, ["A:1", "A:1", "B:1"])
    first, _ = first_startable(assignment)
    failed = Result(first, None, "it raised", retry_after=5.0, ended=frozenset({"one"}))
    assignment.settle(failed, 100.0)
    assert assignment.due() == 105.0
    assert assignment.startable(104.0) == []
    (again,) = assignment.startable(105.0)
    assert (again.offset, again.attempt, again.ended) == (0, 2, {"one"})


def test_without_concurrency_a_retry_holds_up_what_lies_behind_it() -> None:
    assignment = assigned(1, 50, ["A:1", "B:1", "C:1"])
    first, *behind = first_startable(assignment)
    assignment.settle(Result(first, None, "it raised", behind, retry_after=1.0), 0.0)
    assert assignment.startable(0.5) == []
    again = assignment.startable(1.0)
    assert offsets(again) == [0, 1, 2]
    assert [delivery.attempt for delivery in again] == [2, 1, 1]


def test_an_entity_is_known_by_its_name_in_each_partition_for_itself() -> None:
    """Names are compared as they read, not as objects; and a stuck event holds up nothing in another partition."""
    assignment = Assignment(50, concurrency=4)
    for partition in (0, 1):
        assignment.add(partition, 0)
        state = assignment.get(partition)
        assert state is not None
        for offset in (0, 1):
            name = bytes(bytearray(b"Shot:1"))
            one = Delivery(partition, offset, state.progress.epoch, None, b"", {headers.ENTITY: name}, 1.0)
            assert assignment.read(state, offset, None, 1.0)
            state.waiting.push(one)
    stuck, other = first_startable(assignment)
    assert {(one.partition, one.offset) for one in (stuck, other)} == {(0, 0), (1, 0)}
    assignment.settle(Result(other, Outcome.SUCCEEDED), 0.0)
    assert [(one.partition, one.offset) for one in assignment.startable(0.0)] == [(other.partition, 1)]
