"""Members that share partitions, lose them, and crash: no event is left out, and repeats are only those promised."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass, field
from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from shotgun_consumer.partitions.assignment import Assignment
from shotgun_consumer.partitions.commits import Commit
from shotgun_consumer.positions.marks import decode_marks
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_schemas import headers

PARTITIONS = 3
Event = tuple[int, int]
"""Partition and offset."""


@dataclass
class World:
    """The log, with an entity for each event and holes where there is none, and what Kafka and the callbacks know."""

    random: random.Random
    log: dict[Event, str]
    kafka: dict[int, tuple[int, str]] = field(default_factory=dict)
    done: set[Event] = field(default_factory=set)
    runs: Counter[Event] = field(default_factory=Counter)
    excused: Counter[Event] = field(default_factory=Counter)
    """How many repeats of each event are within what is promised."""

    def is_covered(self, event: Event) -> bool:
        """Whether Kafka knows that an event has ended."""
        offset, metadata = self.kafka.get(event[0], (0, ""))
        marks = decode_marks(offset, metadata)
        assert marks is not None
        return event[1] < offset or (offset < event[1] <= marks.top and event[1] not in marks.unfinished)

    def check(self) -> None:
        """What Kafka says has ended has, whatever happens next."""
        assert all(event in self.done for event in self.log if self.is_covered(event))


class Member:
    """One member of the group, in one process."""

    def __init__(self, world: World, bound: int, concurrency: int) -> None:
        self.world = world
        self.most = bound + concurrency - 1
        self.assignment = Assignment(bound, count(1), concurrency=concurrency)
        self.running: list[Delivery] = []
        self.open: Commit | None = None
        self.refused: set[int] = set()
        self.finished: set[Event] = set()

    def take_up(self, partition: int) -> None:
        offset, metadata = self.world.kafka.get(partition, (0, ""))
        marks = decode_marks(offset, metadata)
        assert marks is not None
        self.assignment.add(partition, offset, marks)
        state = self.assignment.get(partition)
        assert state is not None
        for (number, at), entity in sorted(self.world.log.items()):
            if number == partition and at >= offset and state.progress.deliver(at):
                about = {headers.ENTITY: entity.encode()}
                state.waiting.push(Delivery(number, at, state.progress.epoch, b"1", b"", about, 0.0))

    def work(self, now: float) -> None:
        """One round of the loop."""
        chance = self.world.random.random
        self.assignment.tend(now)
        for delivery in self.assignment.startable(now):
            self._begin(delivery)
        for delivery in tuple(self.running):
            if chance() < 0.4:
                self._end(delivery, now)
        if self.open is not None and chance() < 0.6:
            # What Kafka has taken may be answered too late, which is an error as well.
            late = {point.partition for point in self.open.points if chance() < 0.1}
            self.assignment.commits.settle(self.open, self.refused | late, now)
            self.open = None
        if self.open is None:
            self.open = self.assignment.commits.take(now)
            points = () if self.open is None else self.open.points
            self.refused = {point.partition for point in points if chance() < 0.2}
            self._apply(self.open)

    def revoke(self, partition: int, now: float) -> None:
        """Wait for what runs, commit, and give the partition up."""
        self.assignment.give_back([], [partition])
        for delivery in [one for one in self.running if one.partition == partition]:
            self._end(delivery, now)
        self.assignment.hand_on([partition])
        self.refused = self.refused - {partition}
        self._apply(self.assignment.commits.final([partition]))
        self.assignment.remove(partition)

    def lose(self, partition: int) -> None:
        """Find the partition gone. What still runs ends later, and counts for nothing."""
        ended = {
            event for event in self.finished if event[0] == partition and not self.world.is_covered(event)
        }
        running = [one for one in self.running if one.partition == partition and self._is_mine(one)]
        for event in [*ended, *map(_event, running)]:
            self.world.excused[event] += 1
        self.finished -= ended
        self.assignment.remove(partition)

    def crash(self) -> None:
        """End at once, with all partitions."""
        uncovered = [event for event in self.finished if not self.world.is_covered(event)]
        running = [one for one in self.running if self._is_mine(one)]
        assert len(uncovered) + len(running) <= self.most
        for state in self.assignment:
            self.lose(state.partition)

    def _begin(self, delivery: Delivery) -> None:
        world, event = self.world, _event(delivery)
        world.runs[event] += 1
        assert world.runs[event] <= 1 + world.excused[event]
        beside = [one for one in self.running if one.partition == delivery.partition]
        current = [one for one in beside if one.epoch == delivery.epoch]
        assert all(one.headers != delivery.headers for one in current)
        before = [at for at in world.log if at[0] == event[0] and at[1] < event[1]]
        assert all(at in world.done for at in before if world.log[at] == world.log[event])
        self.running.append(delivery)

    def _end(self, delivery: Delivery, now: float) -> None:
        self.running.remove(delivery)
        event = _event(delivery)
        is_mine = self._is_mine(delivery)
        if self.world.random.random() < 0.2:
            self.world.excused[event] += is_mine
            self.assignment.settle(Result(delivery, None, "it raised", retry_after=3.0), now)
            return
        self.world.done.add(event)
        if is_mine:
            self.finished.add(event)
        self.assignment.settle(Result(delivery, Outcome.SUCCEEDED), now)

    def _is_mine(self, delivery: Delivery) -> bool:
        state = self.assignment.get(delivery.partition)
        return state is not None and state.progress.epoch == delivery.epoch

    def _apply(self, commit: Commit | None) -> None:
        """Kafka takes a commit, but for what it refuses."""
        for point in () if commit is None else commit.points:
            if point.partition not in self.refused:
                self.world.kafka[point.partition] = (point.snapshot.watermark, point.snapshot.metadata)
        self.world.check()


def _event(delivery: Delivery) -> Event:
    return delivery.partition, delivery.offset


@settings(deadline=None, max_examples=25)
@given(
    seed=st.integers(0, 10**6),
    bound=st.integers(1, 8),
    concurrency=st.integers(2, 5),
    faults=st.floats(0, 0.1),
)
def test_whatever_becomes_of_its_members_a_group_runs_every_event_in_order_and_repeats_what_it_may(
    seed: int, bound: int, concurrency: int, faults: float
) -> None:
    rng = random.Random(seed)
    offsets = [at for at in range(40) if rng.random() < 0.7]
    world = World(rng, {(n, at): f"Task:{rng.randint(1, 6)}" for n in range(PARTITIONS) for at in offsets})
    members = [Member(world, bound, concurrency) for _ in range(2)]
    owners = {partition: rng.choice(members) for partition in range(PARTITIONS)}
    for partition, owner in owners.items():
        owner.take_up(partition)
    for now in range(2_000):
        for member in members:
            member.work(float(now))
        if now > 150 and all(world.is_covered(event) for event in world.log):
            break
        if now > 150 or rng.random() >= faults:
            continue
        kind, partition = rng.choice(["revoke", "lose", "crash"]), rng.randrange(PARTITIONS)
        owner = owners[partition]
        moved = [n for n, one in owners.items() if one is owner] if kind == "crash" else [partition]
        if kind == "revoke":
            owner.revoke(partition, float(now))
        elif kind == "lose":
            owner.lose(partition)
        else:
            owner.crash()
            members[members.index(owner)] = Member(world, bound, concurrency)
        for number in moved:
            owners[number] = rng.choice(members)
            owners[number].take_up(number)
    assert world.done == set(world.log)
    assert all(world.is_covered(event) for event in world.log)
