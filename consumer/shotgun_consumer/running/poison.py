"""Finds the event that brings the whole process down, so that it is not run for ever."""

from __future__ import annotations

CAREFUL_FROM = 2
"""After so many memberships in a row that ended uncleanly and without progress, events are run one at a time."""
POISON_FROM = 3
"""After so many, the event that was running alone at the last end is taken for the cause."""


class PoisonError(Exception):
    """An event that was running alone each time the process ended."""

    def __init__(self) -> None:
        super().__init__(
            f"the process ended {POISON_FROM} times in a row without progress, the last time while this event ran alone"
        )


class Suspicion:
    """What the ends of earlier memberships say about the events of one partition. Pure, one owner, one assignment.

    `unclean` and `running` are what the marks in the committed metadata say: how many memberships in a row ended
    without a clean stop and without progress, and which event was marked to be running alone. `marks` is what every
    commit of this assignment is to say; `acknowledged` is told what Kafka holds. The owner calls `count` before it
    starts the first event, because a membership that started none proves nothing, and starts events only while
    `settled`: an end from then on counts, and a mark that Kafka still holds never blames an event that has returned.

    While `careful`, the owner runs one event of the partition at a time, the one with the smallest offset first; it
    calls `begin`, and starts the event when that is settled. An event that returns, failed or not, has not brought the
    process down: `progressed` then lifts all suspicion.
    """

    def __init__(self, unclean: int = 0, running: int | None = None) -> None:
        self._count = max(0, unclean)
        self._counted = False
        self._poison = running if unclean >= POISON_FROM else None
        # A mark that proves nothing yet is gone, because nothing runs.
        self._running = self._poison
        self._known: tuple[int, int | None] | None = None

    def count(self) -> None:
        """Count this membership, because an event is about to be started. Only the first call does."""
        if not self._counted:
            self._counted = True
            self._count += 1

    @property
    def counted(self) -> bool:
        """Whether this membership is counted."""
        return self._counted

    @property
    def marks(self) -> tuple[int, int | None]:
        """`unclean` and `running`, as commits are to say them now."""
        return self._count, self._running

    @property
    def settled(self) -> bool:
        """Whether Kafka knows enough that an event may be started. Otherwise a commit with `marks` comes first."""
        if self._known is None or not self._counted:
            return False
        unclean, running = self._known
        return running == self._running and unclean >= self._count

    def acknowledged(self, unclean: int, running: int | None) -> None:
        """Take note that Kafka has a commit with these marks."""
        self._known = unclean, running

    def unknown(self) -> None:
        """Take note that it is not known which marks Kafka has, because a commit with others is on its way."""
        self._known = None

    @property
    def lifted(self) -> bool:
        """Whether an event of this membership has returned, so that no later one needs to be looked after."""
        return self._counted and self._count == 0

    @property
    def careful(self) -> bool:
        """Whether events are to be run one at a time, each marked before."""
        return self._count + (not self._counted) > CAREFUL_FROM

    @property
    def poison(self) -> int | None:
        """The event that is to get its plugin's policy instead of being run; None when none is known."""
        return self._poison

    def is_poison(self, offset: int) -> bool:
        """Whether this is that event."""
        return offset == self._poison

    def begin(self, offset: int) -> None:
        """Mark the event that is to run alone. Raises ValueError when none is to be marked, or another one is."""
        if not self.careful:
            raise ValueError(f"offset {offset} needs no mark: events may run side by side")
        if self._running not in (None, offset):
            raise ValueError(f"offset {offset} cannot be marked while {self._running} is")
        self._running = offset

    def unmark(self) -> None:
        """Take note that the marked event was not started after all, or that it no longer runs alone."""
        self._running = self._poison

    def progressed(self) -> None:
        """Take note that the event at the watermark, or a marked one, came back from its worker.

        So does the watermark when it moves before anything is started: what was suspected lies behind it. Poison that
        its policy has ended moves the watermark; poison at which the partition stays does not.
        """
        self._count = 0
        self._running = self._poison = None

    def absolved(self) -> None:
        """Take note that somebody wants the poison run all the same: by `resume`, or a new version of the plugin."""
        self.progressed()

    def handed_on(self) -> None:
        """Take note that the partition is given up in good order, for another member: nothing is amiss.

        Nobody has mended anything, though, so what is known to be poison stays known.

        Not when an event still runs and is not waited for any longer: a callback that is stuck is poison too.
        """
        if self._poison is None:
            self.progressed()

    def stopped(self) -> None:
        """Take note that the process stops in good order. Whoever starts it again wants poison tried, too.

        Not when an event still runs, as with `handed_on`.
        """
        self.progressed()
