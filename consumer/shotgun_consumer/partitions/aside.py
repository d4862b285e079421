"""Makes room for an event that must run alone in the whole process."""

from __future__ import annotations

import logging

from ..running.worker import AnyWorker
from .assignment import Assignment
from .member import Member
from .turn import Place

log = logging.getLogger(__name__)


class Aside:
    """Holds one session's events back while a partition, its own or another group's, has the turn of the process.

    Belongs to the group's thread.
    """

    def __init__(self, member: Member, worker: AnyWorker, assignment: Assignment) -> None:
        self._group = member.group
        self._turn = member.turn
        self._worker = worker
        self._assignment = assignment
        self._said: Place | None = None

    def join(self) -> None:
        """Begin to take part."""
        self._turn.join(self._group)

    def leave(self) -> None:
        """Take part no more: nothing is started any longer."""
        self._turn.leave(self._group)

    def make_room(self) -> None:
        """Take back what others than the turn's owner have not started, and say so when nothing of them runs."""
        owner = self._turn.owner
        if owner is None:
            return
        others = [state for state in self._assignment if (self._group, state.partition) != owner]
        numbers = [state.partition for state in others]
        if self._said != owner and self._assignment.queued:
            self._said = owner
            log.info(
                "Group %s waits while the next event of group %s, partition %d, runs alone in the process",
                self._group,
                *owner,
            )
        if numbers:
            self._assignment.give_back(self._worker.withdraw(numbers), numbers)
        runs = any(state.waiting.started for state in others)
        # What still runs of an assignment that has ended is in the way, too.
        strays = any((self._group, delivery.partition) != owner for delivery in self._worker.running)
        if not runs and not strays:
            self._turn.stand_aside(self._group)
