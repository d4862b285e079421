"""Starts the events of one partition in such a way that one that ends the process is found, and no other is blamed."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from ..positions.marks import Marks
from ..running.delivery import Delivery, Result
from ..running.history import POISON
from ..running.poison import POISON_FROM, Suspicion
from .commits import CommitPipeline
from .progress import Progress
from .turn import Place, Turn
from .waiting import Waiting

ALONE_SECONDS = 30.0
"""How long an event waits to be alone, and how long it then runs alone; the latter doubles with further ends."""


class Gate:
    """One partition during one assignment. Synchronous, single owner: the group's thread; does no I/O.

    Until the first event of the assignment has returned, events are started through `start`, which holds them back
    until Kafka has the marks that they need; then the gate `is_open`, and nobody needs to ask it any more. When earlier
    memberships have ended without progress, the first event is run alone in the whole process, under its mark, for a
    limited time: what others do must not be blamed on it, and the others must not wait for it for ever.
    """

    def __init__(
        self, place: Place, progress: Progress, marks: Marks, turn: Turn, commits: CommitPipeline
    ) -> None:
        self.is_open = False
        self._place = place
        self._progress = progress
        self._start_at = progress.watermark
        self._turn = turn
        self._commits = commits
        self._suspicion = Suspicion(marks.unclean, marks.running)
        self._held: Delivery | None = None
        self._alone: int | None = None
        """The offset of the event that has the turn, or waits for it."""
        self._since = 0.0
        self._given_up = False
        """Whether the held event is to be run although it could not be alone."""

    @property
    def careful(self) -> bool:
        """Whether the next event is to be run alone."""
        return self._suspicion.careful

    @property
    def held(self) -> int:
        """How many events were taken and are not handed to a worker yet: 0 or 1."""
        return int(self._held is not None)

    def start(self, waiting: Waiting, count: int, now: float) -> list[Delivery]:
        """At most `count` of the waiting events, to be handed to a worker."""
        suspicion = self._suspicion
        if self._held is None and not len(waiting):
            return []
        if not suspicion.lifted:
            self._count()
        self._learn()
        if not suspicion.settled:
            return []
        if suspicion.careful:
            return self._start_alone(waiting, now)
        self._alone = None
        return [*self._release(), *waiting.take(count - self.held, now)]

    def tend(self, now: float) -> None:
        """Look what Kafka has acknowledged, and end what has lasted long enough. To be called often while shut."""
        suspicion = self._suspicion
        self._learn()
        if self._alone is not None and self._held is None and now - self._since > self._patience():
            # It goes on, but the others do so, too, and an end of the process proves nothing from here on.
            self._alone = None
            self._unmark()
        elif self._alone is None and suspicion.settled and suspicion.marks[1] == suspicion.poison:
            self._turn.give_back(self._place)
            self.is_open = suspicion.lifted

    def returned(self, result: Result, waiting: Waiting) -> None:
        """Take note that an event came back from its worker, after that was taken in."""
        delivery = result.delivery
        if self._alone == delivery.offset:
            self._alone = None
        if self._suspicion.is_poison(delivery.offset) and result.outcome is None:
            return
        if delivery.replayed:
            moved = not waiting.started
        else:
            moved = self._progress.watermark >= delivery.offset or self._suspicion.marks[1] == delivery.offset
        if moved and not self._suspicion.lifted:
            self._suspicion.progressed()
            self._mark()

    def give_back(self, waiting: Waiting, deliveries: Collection[Delivery]) -> None:
        """Take note that these events were not started after all. What is held goes back to the waiting ones."""
        offsets = {delivery.offset for delivery in deliveries}
        if self._held is not None:
            offsets.add(self._held.offset)
            waiting.give_back([self._held])
            self._held = None
        if self._alone in offsets:
            self._alone = None
            self._unmark()

    def absolve(self) -> None:
        """Have all events run, whatever was suspected, because somebody wants that."""
        if not self._suspicion.lifted:
            self._suspicion.absolved()
            self._mark()

    def hand_on(self) -> None:
        """The partition is given up, and nothing of it runs."""
        self._suspicion.handed_on()
        self._mark()

    def stop(self) -> None:
        """The process stops in good order, and nothing of the partition runs."""
        self._suspicion.stopped()
        self._mark()

    def close(self) -> None:
        """The assignment has ended, in whatever way."""
        self._turn.give_back(self._place)

    def _start_alone(self, waiting: Waiting, now: float) -> list[Delivery]:
        suspicion = self._suspicion
        if waiting.started > self.held:
            return []
        if self._held is None:
            due = waiting.due()
            if suspicion.poison is not None and due is not None and now < due:
                # Nothing overtakes the poison, whose dead letter was not written.
                return []
            taken = waiting.take(1, now)
            if not taken:
                return []
            if suspicion.is_poison(taken[0].offset) and not taken[0].replayed:
                return [replace(taken[0], ended=taken[0].ended | {POISON})]
            self._held, self._alone, self._since = taken[0], taken[0].offset, now
            self._given_up = False
        if self._given_up:
            return self._release()
        if not (self._turn.take(self._place) and self._turn.is_alone(self._place)):
            if now - self._since <= ALONE_SECONDS:
                return []
            # What is in the way may be stuck. Beside it, nothing can be proved.
            self._given_up, self._alone = True, None
            self._unmark()
            return self._release() if suspicion.settled else []
        if not self._held.replayed and suspicion.poison is None:
            suspicion.begin(self._held.offset)
            self._mark()
        if not suspicion.settled:
            return []
        self._since = now
        return self._release()

    def _release(self) -> list[Delivery]:
        held, self._held = self._held, None
        return [] if held is None else [held]

    def _patience(self) -> float:
        # One that brings the process down slowly is found when it is given long enough.
        return ALONE_SECONDS * 2.0 ** min(6, max(0, self._suspicion.marks[0] - POISON_FROM))

    def _count(self) -> None:
        if not self._suspicion.counted and self._progress.watermark > self._start_at:
            # What was suspected lies behind: nobody wants it any more.
            self._suspicion.progressed()
        self._suspicion.count()
        self._mark()

    def _learn(self) -> None:
        """Look what Kafka holds."""
        if self._commits.is_bare(self._place[1]):
            # It takes no marks, so nothing can be proved, and nothing must wait for them.
            self._suspicion.count()
            self._suspicion.absolved()
            self._suspicion.acknowledged(0, None)
            self._mark()
            return
        known = self._commits.known(self._place[1])
        if known is None:
            self._suspicion.unknown()
        else:
            self._suspicion.acknowledged(known.unclean, known.running)

    def _unmark(self) -> None:
        self._suspicion.unmark()
        self._mark()

    def _mark(self) -> None:
        """Have commits say what is so now. An event that has returned is not marked any more."""
        self._progress.mark(*self._suspicion.marks)
