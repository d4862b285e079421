"""The event that kills its process is found, and no other one is taken for it, whatever else goes wrong."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shotgun_consumer.partitions.turn import Turn
from shotgun_consumer.running.poison import CAREFUL_FROM, POISON_FROM, Suspicion

EVENTS = 12


@dataclass
class Committed:
    """What Kafka knows: it outlives the process."""

    finished: set[int] = field(default_factory=set)
    unclean: int = 0
    running: int | None = None

    @property
    def watermark(self) -> int:
        return next(offset for offset in range(EVENTS + 1) if offset not in self.finished)


class CrashedError(Exception):
    """The process is gone, with all that was not committed."""


class Model:
    """A partition, and processes that own it one after the other; poison ends the process that starts it.

    At most so many events run at once. Random choices are those of the seed: which event ends next, whether its commit
    comes through, whether somebody kills the process.
    """

    def __init__(self, poison: set[int], width: int, seed: int, kills: float = 0.0) -> None:
        self.poison = poison
        self.width = width
        self.random = random.Random(seed)
        self.kills = kills
        self.kafka = Committed()
        self.flagged: list[int] = []
        self.alone: int | None = None
        self.crashes = 0

    def membership(self) -> bool:
        """One process from its start to its end. True when all events have ended."""
        try:
            self._work()
        except CrashedError:
            self.crashes += 1
            return False
        return True

    def _work(self) -> None:
        suspicion = Suspicion(self.kafka.unclean, self.kafka.running)
        finished, running = set(self.kafka.finished), list[int]()
        while len(finished) < EVENTS:
            self._maybe_die()
            waiting = [o for o in range(EVENTS) if o not in finished and o not in running]
            width = 1 if suspicion.careful else self.width
            if waiting and len(running) < width and (not running or self.random.random() < 0.7):
                suspicion.count()
                if not suspicion.settled:
                    self._commit(suspicion, finished)
                self._start(waiting[0], suspicion, finished, running)
                continue
            offset = self.random.choice(running)
            running.remove(offset)
            before = min(o for o in range(EVENTS) if o not in finished)
            finished.add(offset)
            if offset == before:
                suspicion.progressed()
            if self.random.random() < 0.5:
                self._commit(suspicion, finished)
        suspicion.stopped()
        self._commit(suspicion, finished)

    def _start(self, offset: int, suspicion: Suspicion, finished: set[int], running: list[int]) -> None:
        if suspicion.is_poison(offset):
            assert offset == self.alone, "flagged although another one was the last to run alone"
            self.flagged.append(offset)
            finished.add(offset)
            suspicion.progressed()
            return
        if suspicion.careful:
            suspicion.begin(offset)
            assert not suspicion.settled
            self._commit(suspicion, finished)
            assert suspicion.settled
            self.alone = offset
            self._maybe_die()
        running.append(offset)
        if offset in self.poison:
            raise CrashedError

    def _maybe_die(self) -> None:
        if self.random.random() < self.kills:
            raise CrashedError

    def _commit(self, suspicion: Suspicion, finished: set[int]) -> None:
        unclean, marked = suspicion.marks
        self.kafka = Committed(set(finished), unclean, marked)
        suspicion.acknowledged(unclean, marked)


@settings(deadline=None)
@given(poison=st.sets(st.integers(0, EVENTS - 1)), width=st.integers(1, 6), seed=st.integers(0, 10**6))
def test_all_poison_is_found_in_few_crashes_and_nothing_else_is(
    poison: set[int], width: int, seed: int
) -> None:
    model = Model(poison, width, seed)
    while not model.membership():
        # A membership without progress counts; each event lost with its commit is progress once.
        assert model.crashes <= (len(poison) + EVENTS) * (POISON_FROM + 1)
    assert set(model.flagged) == poison


@settings(deadline=None)
@given(seed=st.integers(0, 10**6), width=st.integers(1, 6), kills=st.floats(0, 0.2))
def test_whatever_kills_the_process_an_event_is_only_taken_for_poison_after_it_ran_alone(
    seed: int, width: int, kills: float
) -> None:
    # The model itself asserts it, for each event that is flagged.
    model = Model(set(), width, seed, kills)
    for _ in range(200):
        if model.membership():
            break
    assert model.crashes >= POISON_FROM * len(set(model.flagged))


@given(ends=st.lists(st.sampled_from(["clean", "progress", "kill"]), max_size=40))
def test_kills_with_progress_or_a_clean_stop_between_them_flag_nothing(ends: list[str]) -> None:
    unclean, running, in_a_row = 0, None, 0
    for end in ends:
        suspicion = Suspicion(unclean, running)
        assert suspicion.is_poison(7) is (in_a_row >= POISON_FROM)
        assert suspicion.careful is (in_a_row >= CAREFUL_FROM)
        suspicion.count()
        if suspicion.careful and not suspicion.is_poison(7):
            suspicion.begin(7)
        in_a_row += 1
        if end == "clean":
            suspicion.stopped()
            in_a_row = 0
        elif end == "progress":
            suspicion.progressed()
            in_a_row = 0
        unclean, running = suspicion.marks


def test_poison_that_was_not_dealt_with_is_known_to_the_next_membership_too() -> None:
    suspicion = Suspicion(3, running=7)
    assert suspicion.is_poison(7)
    assert not suspicion.is_poison(8)
    # Though it may be another member's: nobody has mended anything
    suspicion.handed_on()
    again = Suspicion(*suspicion.marks)
    assert again.is_poison(7)
    # Until somebody wants it run all the same
    again.absolved()
    assert not again.is_poison(7)
    assert again.marks == (0, None)


def test_a_mark_of_few_ends_proves_nothing() -> None:
    assert Suspicion(2, running=7).marks == (2, None)


def test_memberships_that_started_nothing_do_not_count() -> None:
    marks: tuple[int, int | None] = (0, None)
    for _ in range(10):
        marks = Suspicion(*marks).marks
    assert marks == (0, None)
    started = Suspicion(*marks)
    started.count()
    started.count()
    assert started.marks == (1, None)


def test_a_partition_that_is_handed_on_in_good_order_begins_anew() -> None:
    suspicion = Suspicion(2)
    suspicion.count()
    suspicion.begin(7)
    suspicion.handed_on()
    assert suspicion.marks == (0, None)


def test_only_one_event_is_marked_at_a_time_and_only_under_suspicion() -> None:
    suspicion = Suspicion(2)
    suspicion.begin(7)
    with pytest.raises(ValueError, match="while 7 is"):
        suspicion.begin(8)
    suspicion.unmark()
    suspicion.begin(8)
    with pytest.raises(ValueError, match="needs no mark"):
        Suspicion(1).begin(7)


A, B = ("anim.a", 0), ("anim.b", 0)


def test_an_event_runs_alone_when_all_groups_of_the_process_stand_aside_for_it() -> None:
    turn = Turn()
    for group, _ in (A, B):
        turn.join(group)
    assert turn.take(A)
    assert not turn.is_alone(A)
    turn.stand_aside(A[0])
    assert not turn.is_alone(A)
    turn.stand_aside(B[0])
    assert turn.is_alone(A)
    # And it stays so until it gives the turn back
    assert turn.take(A)
    assert not turn.take(B)
    turn.give_back(B)
    assert turn.owner == A
    turn.give_back(A)
    assert turn.take(B)
    assert not turn.is_alone(B)


def test_a_group_that_comes_later_must_stand_aside_too_and_one_that_leaves_need_not() -> None:
    turn = Turn()
    turn.join(A[0])
    turn.take(A)
    turn.stand_aside(A[0])
    turn.join(B[0])
    assert not turn.is_alone(A)
    turn.leave(B[0])
    assert turn.is_alone(A)
    turn.leave(A[0])
    assert turn.owner is None


def test_who_stands_aside_when_nobody_has_the_turn_is_asked_again() -> None:
    turn = Turn()
    turn.join(B[0])
    turn.stand_aside(B[0])
    turn.take(A)
    assert not turn.is_alone(A)
