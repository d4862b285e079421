"""Keeping rows back at a hole for a while, for those who want a stricter order."""

from __future__ import annotations

from collections.abc import Sequence

from .holes import Sighting


class Hold:
    """Decides how far a page may be published when holes are given time to fill.

    A row above the head is kept back while a hole in front of it is younger than `seconds`. A hole is as old as the
    longer of two times: since it was first noticed here, and since the row right behind it was created, so that
    catching up is not held up by what happened long ago. Does no I/O and reads no clock; one owner.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._waiting: list[tuple[int, int, float]] = []

    def release(self, rows: Sequence[Sighting], head: int, now: float) -> Sequence[Sighting]:
        """The rows, in ascending order of ids, that need not wait. Rows up to `head` never wait.

        `now` is in seconds since 1970 by the site's clock.
        """
        if not self._seconds:
            return rows
        waiting: list[tuple[int, int, float]] = []
        free = len(rows)
        before = head
        for at, row in enumerate(rows):
            if row.id > before + 1:
                since = self._noticed(before + 1, now)
                created = since if row.created_at is None else row.created_at
                if now - min(since, created) < self._seconds:
                    free = min(free, at)
                waiting.append((before + 1, row.id - 1, since))
            before = max(before, row.id)
        self._waiting = waiting
        return rows[:free]

    def _noticed(self, first: int, now: float) -> float:
        """When the hole that starts at `first` was first noticed: holes only shrink and split, they never move."""
        for low, high, since in self._waiting:
            if low <= first <= high:
                return since
        return now
