"""Whole processes with several groups: the events that end them are found, and none that only ran beside them."""

from __future__ import annotations

import random
from dataclasses import dataclass, field
from typing import Any

from failing_plugin import Board
from hypothesis import given, settings
from hypothesis import strategies as st

from shotgun_consumer.orders.orders import GroupOrders
from shotgun_consumer.partitions.aside import Aside
from shotgun_consumer.partitions.assignment import Assignment
from shotgun_consumer.partitions.commits import Commit
from shotgun_consumer.partitions.member import Member
from shotgun_consumer.partitions.turn import Turn
from shotgun_consumer.positions.marks import decode_marks
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_consumer.running.history import POISON
from shotgun_consumer.running.poison import POISON_FROM
from shotgun_consumer.running.succession import Succession, Version

EVENTS = 4
Event = tuple[str, int, int]
"""Group, partition and offset."""


class EndedError(Exception):
    """The process is gone, with all that Kafka does not have."""


@dataclass
class World:
    """What outlives a process, and what is so whatever happens.

    `slow` events take that many rounds; a poisonous one that is slow ends the process only then.
    """

    random: random.Random
    poison: set[Event]
    slow: dict[Event, int]
    kills: float = 0.0
    kafka: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    given_up: list[Event] = field(default_factory=list)
    ran: list[Event] = field(default_factory=list)
    alone: set[Event] = field(default_factory=set)
    """The events that were running, or about to, when a process ended, with nothing else beside them."""
    ends: int = 0


class Workers:
    """Stands for a group's worker threads."""

    def __init__(self, width: int) -> None:
        self.width = width
        self.queue: list[Delivery] = []
        self.begun: list[tuple[Delivery, int]] = []

    @property
    def running(self) -> list[Delivery]:
        return [delivery for delivery, _ in self.begun]

    def withdraw(self, partitions: Any = None) -> list[Delivery]:
        back = [one for one in self.queue if partitions is None or one.partition in partitions]
        self.queue = [one for one in self.queue if one not in back]
        return back


class Group:
    """One group in one process, as a session drives it."""

    def __init__(self, name: str, partitions: int, width: int, world: World, turn: Turn) -> None:
        self.name = name
        self.world = world
        self.workers = Workers(width)
        self.assignment = Assignment(50, concurrency=width, group=name, turn=turn)
        succession = Succession(Version(lambda delivery: True, []))
        member = Member(name, "events", succession, GroupOrders(name, Board()), 50, 30.0, width, turn)
        self.aside = Aside(member, self.workers, self.assignment)  # type: ignore[arg-type]
        self.aside.join()
        self.open: Commit | None = None
        for partition in range(partitions):
            offset, metadata = world.kafka.get((name, partition), (0, ""))
            marks = decode_marks(offset, metadata)
            assert marks is not None
            self.assignment.add(partition, offset, marks)
            state = self.assignment.get(partition)
            assert state is not None
            for number in range(offset, EVENTS):
                if state.progress.deliver(number):
                    entity = {"entity": str(number % 4).encode()}
                    state.waiting.push(
                        Delivery(partition, number, state.progress.epoch, None, b"", entity, 0.0)
                    )

    def round(self, now: float) -> None:
        """One round of the loop, in which threads get as far as chance has it."""
        chance = self.world.random.random
        self.assignment.tend(now)
        if chance() < 0.8:
            self.aside.make_room()
        if chance() < 0.8:
            self.workers.queue += self.assignment.startable(now)
        while self.workers.queue and len(self.workers.begun) < self.workers.width and chance() < 0.7:
            self._begin(self.workers.queue.pop(0))
        self.workers.begun = [(delivery, left - 1) for delivery, left in self.workers.begun]
        for delivery, left in tuple(self.workers.begun):
            if left < 0 and chance() < 0.5:
                self._end(delivery, now)
        self._commit(now)

    def _begin(self, delivery: Delivery) -> None:
        event = (self.name, delivery.partition, delivery.offset)
        if POISON not in delivery.ended:
            self.world.ran.append(event)
        self.workers.begun.append((delivery, self.world.slow.get(event, self.world.random.randint(0, 2))))
        if event in self.world.poison and event not in self.world.slow and POISON not in delivery.ended:
            raise EndedError

    def _end(self, delivery: Delivery, now: float) -> None:
        event = (self.name, delivery.partition, delivery.offset)
        if POISON in delivery.ended:
            self.world.given_up.append(event)
            # A kill from outside may come before a mark is cleared whose event has returned.
            assert event in self.world.alone or self.world.kills
        elif event in self.world.poison:
            raise EndedError
        self.workers.begun = [one for one in self.workers.begun if one[0] is not delivery]
        self.assignment.settle(Result(delivery, Outcome.SUCCEEDED), now)

    def _commit(self, now: float) -> None:
        chance = self.world.random.random
        if self.open is not None and chance() < 0.6:
            self.assignment.commits.settle(self.open, (), now)
            self.open = None
        if self.open is None and chance() < 0.8:
            self.open = self.assignment.commits.take(now)
            if self.open is not None:
                for point in self.open.points:
                    snapshot = point.snapshot
                    self.world.kafka[self.name, point.partition] = (snapshot.watermark, snapshot.metadata)

    def alive(self) -> list[Event]:
        """What runs, and what waits for nothing but to be handed to a worker."""
        waiting = [state.gate._held for state in self.assignment if state.gate._held is not None]
        return [(self.name, one.partition, one.offset) for one in (*self.workers.running, *waiting)]

    @property
    def is_done(self) -> bool:
        return not self.assignment.unfinished and self.open is None


def live(world: World, groups: dict[str, tuple[int, int]]) -> bool:
    """One process from its start to its end. True when there is nothing left to do."""
    turn = Turn()
    members = [Group(name, *shape, world, turn) for name, shape in groups.items()]
    try:
        for now in range(100_000):
            for group in world.random.sample(members, len(members)):
                if world.random.random() < world.kills:
                    raise EndedError
                group.round(float(now))
            if all(group.is_done for group in members):
                return True
    except EndedError:
        world.ends += 1
        alive = {event for group in members for event in group.alive()}
        world.alone |= alive if len(alive) == 1 else set()
        return False
    raise AssertionError("nothing goes on")


GROUPS = {"a": (2, 1), "b": (1, 3), "c": (1, 1)}
PLACES = [(name, number) for name, (partitions, _) in GROUPS.items() for number in range(partitions)]
SOME = st.sets(st.tuples(st.sampled_from(PLACES), st.integers(0, EVENTS - 1)), max_size=3)


def events(places: set[tuple[tuple[str, int], int]]) -> list[Event]:
    return [(name, partition, offset) for (name, partition), offset in sorted(places)]


@settings(deadline=None, max_examples=25)
@given(poison=SOME, slow=SOME, seed=st.integers(0, 10**6))
def test_every_event_that_ends_its_process_is_found_and_nothing_that_ran_beside_it_is_blamed(
    poison: set[tuple[tuple[str, int], int]], slow: set[tuple[tuple[str, int], int]], seed: int
) -> None:
    rng = random.Random(seed)
    world = World(rng, set(events(poison)), {event: rng.choice([10, 40]) for event in events(slow)})
    while not live(world, GROUPS):
        assert world.ends <= (len(poison) * 3 + 2) * (POISON_FROM + 2) + 10
    assert set(world.given_up) == world.poison
    # Each event has run, or was given up
    everything = {(name, partition, n) for name, partition in PLACES for n in range(EVENTS)}
    assert set(world.ran) | set(world.given_up) == everything


@settings(deadline=None, max_examples=25)
@given(slow=SOME, seed=st.integers(0, 10**6), kills=st.floats(0.001, 0.02))
def test_kills_from_outside_let_everything_run_and_blame_nothing_before_the_third(
    slow: set[tuple[tuple[str, int], int]], seed: int, kills: float
) -> None:
    rng = random.Random(seed)
    world = World(rng, set(), {event: rng.choice([10, 40]) for event in events(slow)}, kills)
    for _ in range(60):
        if live(world, GROUPS):
            break
    assert world.ends >= POISON_FROM or not world.given_up
