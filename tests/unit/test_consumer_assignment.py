"""The partitions of a member: what is handed out, taken back, dropped when stale, and where a group goes on."""

from __future__ import annotations

from owning import acknowledge, first_startable

from shotgun_consumer.partitions.assignment import Assignment
from shotgun_consumer.partitions.partition_state import MAX_QUEUED_EVENTS
from shotgun_consumer.positions.placement import Hold, Known, Placed, Witness, place
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_runtime.topics import TopicIdentity


def read(assignment: Assignment, partition: int, offset: int) -> Delivery:
    """An event arrives and is queued."""
    state = assignment.get(partition)
    assert state is not None
    delivery = Delivery(partition, offset, state.progress.epoch, str(offset).encode(), b"value", {}, 1.0)
    assert assignment.read(state, offset, delivery.key, delivery.timestamp)
    state.waiting.push(delivery)
    return delivery


def watermark(assignment: Assignment, partition: int = 0) -> int:
    state = assignment.get(partition)
    assert state is not None
    return state.progress.watermark


def with_partition(max_uncommitted: int = 50) -> Assignment:
    assignment = Assignment(max_uncommitted)
    assignment.add(0, 0)
    return assignment


def test_events_are_handed_out_in_order_and_within_the_bound() -> None:
    assignment = with_partition(max_uncommitted=2)
    for offset in range(3):
        read(assignment, 0, offset)
    assert [delivery.offset for delivery in first_startable(assignment)] == [0, 1]
    assert assignment.startable(0.0) == []


def test_partitions_take_turns() -> None:
    assignment = Assignment(1)
    for partition in (0, 1):
        assignment.add(partition, 0)
        read(assignment, partition, 0)
    first = first_startable(assignment)
    assignment.settle(Result(first[0], Outcome.SUCCEEDED), 0.0)
    commit = assignment.commits.take(0.0)
    assert commit is not None
    assignment.commits.settle(commit, (), 0.0)
    second = assignment.startable(0.0)
    assert {first[0].partition, second[0].partition} == {0, 1}


def end(assignment: Assignment, delivery: Delivery) -> None:
    assignment.settle(Result(delivery, Outcome.SUCCEEDED), 0.0)
    acknowledge(assignment)


def test_of_long_events_few_are_handed_over_ahead_so_that_another_partition_is_served_soon() -> None:
    assignment = Assignment(50)
    assignment.add(0, 0)
    assignment.add(1, 0)
    for offset in range(500):
        read(assignment, 0, offset)
    # Given events of one partition that end one at a time
    handed_over = first_startable(assignment)
    while len(handed_over) > 3:
        end(assignment, handed_over.pop(0))
        handed_over += assignment.startable(0.0)
    # When the other partition gets one, it runs after a handful of those
    read(assignment, 1, 0)
    for _ in range(8):
        if handed_over[0].partition == 1:
            break
        end(assignment, handed_over.pop(0))
        # The owner looks twice in a round; the second time there is rarely room.
        handed_over += assignment.startable(0.0)
        handed_over += assignment.startable(0.0)
    assert handed_over[0].partition == 1


def test_of_short_events_as_many_are_handed_over_as_may_be_uncommitted() -> None:
    assignment = with_partition(50)
    for offset in range(500):
        read(assignment, 0, offset)
    handed_over = first_startable(assignment)
    # Given events of which all that were handed over have ended at the next look
    for _ in range(5):
        for delivery in handed_over:
            assignment.settle(Result(delivery, Outcome.SUCCEEDED), 0.0)
        acknowledge(assignment)
        handed_over = assignment.startable(0.0)
    assert len(handed_over) == 50


def test_reading_goes_on_for_a_partition_that_has_nothing_while_another_has_a_backlog() -> None:
    assignment = Assignment(50)
    assignment.add(0, 0)
    assert not assignment.starving
    read(assignment, 0, 0)
    assignment.add(1, 0)
    assert assignment.starving
    read(assignment, 1, 0)
    assert not assignment.starving


def test_a_retry_that_is_due_and_must_wait_for_a_commit_keeps_nobody_awake() -> None:
    # Given as many events that are not committed as there may be, and a retry behind them
    assignment = with_partition(max_uncommitted=1)
    assignment.add(1, 0)
    read(assignment, 0, 0)
    read(assignment, 1, 0)
    failed = first_startable(assignment)[0]
    assignment.settle(Result(failed, None, "not yet", retry_after=2.0), 0.0)
    other = assignment.startable(0.0)[0]
    assert assignment.until_due(10.0, 0.5) == 1.5
    assignment.settle(Result(other, Outcome.SUCCEEDED), 1.0)
    # When it is due, then it does not start, and nobody looks for it all the time
    assert assignment.startable(3.0) == []
    assert assignment.until_due(10.0, 3.0) == 10.0


def test_an_event_that_failed_stays_and_nothing_behind_it_is_handed_out() -> None:
    assignment = with_partition()
    for offset in range(3):
        read(assignment, 0, offset)
    first, second, third = first_startable(assignment)
    assignment.settle(Result(first, Outcome.SUCCEEDED), 0.0)
    state = assignment.settle(Result(second, None, "it raised", [third]), 0.0)
    assert state is not None
    assert state.stopped == "it raised"
    assert assignment.startable(0.0) == []
    assert (watermark(assignment), assignment.started, len(state.waiting)) == (1, 0, 2)


def test_a_result_from_before_a_revoke_changes_nothing_after_the_partition_came_back() -> None:
    assignment = with_partition()
    stale = read(assignment, 0, 0)
    first_startable(assignment)
    assignment.remove(0)
    assignment.add(0, 0)
    assert assignment.settle(Result(stale, Outcome.SUCCEEDED), 0.0) is None
    assert watermark(assignment) == 0
    # And the same offset, read anew, runs
    again = read(assignment, 0, 0)
    assert first_startable(assignment) == [again]
    assignment.settle(Result(again, Outcome.SUCCEEDED), 0.0)
    assert watermark(assignment) == 1


def test_after_many_rebalances_the_bound_is_as_wide_as_at_first() -> None:
    assignment = Assignment(2)
    for _ in range(20):
        assignment.add(0, 0)
        read(assignment, 0, 0)
        read(assignment, 0, 1)
        assert len(first_startable(assignment)) == 2
        assignment.remove(0)
    assert assignment.started == 0


def test_what_was_withdrawn_is_queued_again_in_its_place() -> None:
    assignment = with_partition()
    deliveries = [read(assignment, 0, offset) for offset in range(4)]
    started = first_startable(assignment)
    assignment.give_back(started[1:])
    assert assignment.started == 1
    assert assignment.startable(0.0) == deliveries[1:]


def test_the_event_reached_is_the_oldest_unfinished_one() -> None:
    assignment = with_partition()
    assert assignment.reached() is None
    first = read(assignment, 0, 5)
    read(assignment, 0, 6)
    first_startable(assignment)
    reached = assignment.reached()
    assert reached is not None
    assert reached.event_id == 5
    assignment.settle(Result(first, Outcome.SUCCEEDED), 0.0)
    reached = assignment.reached()
    assert reached is not None
    assert reached.event_id == 6


def test_reading_pauses_when_too_much_is_queued_and_goes_on_below_a_quarter() -> None:
    state = with_partition().get(0)
    assert state is not None
    for offset in range(MAX_QUEUED_EVENTS):
        assert not state.overfull
        state.waiting.push(Delivery(0, offset, 1, None, b"", {}, 0.0))
    assert state.overfull
    state.waiting.take(MAX_QUEUED_EVENTS // 2, 0.0)
    assert not state.roomy
    state.waiting.take(MAX_QUEUED_EVENTS // 3, 0.0)
    assert state.roomy


def test_reading_pauses_for_few_large_events_too() -> None:
    state = with_partition().get(0)
    assert state is not None
    for offset in range(2):
        state.waiting.push(Delivery(0, offset, 1, None, bytes(5 * 1024 * 1024), {}, 0.0))
    assert state.overfull
    state.waiting.take(2, 0.0)
    assert state.roomy


IDENTITY = TopicIdentity("topic-a", 2)


def known(
    committed: dict[int, int | None],
    witness: Witness | None = None,
    bounds: dict[int, tuple[int, int]] | None = None,
) -> Known:
    return Known("anim.notify", "shotgun.events", IDENTITY, witness, committed, bounds)


def test_a_group_goes_on_at_its_committed_offsets() -> None:
    assert place(known({0: 5, 1: 0}), [0, 1]) == Placed({0: 5, 1: 0})


def test_a_group_that_nobody_knows_is_new() -> None:
    assert place(known({0: None, 1: None}), [0, 1]) == Placed({}, new=(0, 1))


def test_a_group_that_had_a_position_and_has_none_holds_with_the_command_to_run() -> None:
    decision = place(known({0: None, 1: 3}, Witness("topic-a", 2, 77, "2026-01-21T19:47:33Z")), [0, 1])
    assert isinstance(decision, Hold)
    assert "no longer has its position in shotgun.events[0]" in decision.reason
    assert "event 77 of 2026-01-21T19:47:33Z" in decision.reason
    assert "'shotgun-consumer rewind anim.notify --to-event 77'" in decision.reason


def test_a_partition_that_was_added_later_is_read_from_its_beginning() -> None:
    assert place(known({0: 5, 1: None}, Witness("topic-a", 1)), [0, 1]) == Placed({0: 5}, added=(1,))


def test_another_topic_under_the_same_name_holds() -> None:
    decision = place(known({0: 5, 1: 5}, Witness("topic-b", 2)), [0, 1])
    assert isinstance(decision, Hold)
    assert "was deleted and made anew" in decision.reason


def test_a_position_outside_of_the_log_holds() -> None:
    for bounds in ({0: (6, 9), 1: (0, 9)}, {0: (0, 4), 1: (0, 9)}):
        decision = place(known({0: 5, 1: 5}, None, bounds), [0, 1])
        assert isinstance(decision, Hold)
        assert "its position 5 in shotgun.events[0] is outside of the log" in decision.reason
