"""Lets an event run alone in a whole process, so that nothing else can be what ends the process."""

from __future__ import annotations

import threading

Place = tuple[str, int]
"""Group and partition."""


class Turn:
    """One for a process. For the groups' threads, which ask again and again; nothing blocks.

    A group's thread that sees that a partition has the turn starts nothing in others, and calls `stand_aside` when
    nothing of them runs any more. The owner's event may run when `is_alone`. Whoever is not in the way, because it
    runs no events at all, is not waited for: groups `join` when they begin to work and `leave` when they end.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: set[str] = set()
        self._aside: set[str] = set()
        self.owner: Place | None = None
        """The partition that has the turn, for a look without a lock."""

    def join(self, group: str) -> None:
        """Count this group as one whose events must not run beside others' that run alone."""
        with self._lock:
            self._groups.add(group)
            self._aside.discard(group)

    def leave(self, group: str) -> None:
        """End what `join` began. A turn of the group ends with it."""
        with self._lock:
            self._groups.discard(group)
            self._aside.discard(group)
            if self.owner is not None and self.owner[0] == group:
                self._end()

    def take(self, place: Place) -> bool:
        """Whether the turn is this partition's now. It stays so until `give_back`."""
        with self._lock:
            if self.owner is None:
                self.owner = place
            return self.owner == place

    def stand_aside(self, group: str) -> None:
        """Say that the group runs nothing but what the owner of the turn lets run, and starts nothing."""
        with self._lock:
            if self.owner is not None:
                self._aside.add(group)

    def is_alone(self, place: Place) -> bool:
        """Whether the turn is this partition's, and everybody has stood aside."""
        with self._lock:
            return self.owner == place and self._groups <= self._aside

    def give_back(self, place: Place) -> None:
        """End the partition's turn; nothing happens when it is another's."""
        with self._lock:
            if self.owner == place:
                self._end()

    def _end(self) -> None:
        self.owner = None
        self._aside.clear()
