"""When the next audit is due."""

from __future__ import annotations

import random
from collections.abc import Callable

SOON_SECONDS = 300.0


class AuditSchedule:
    """Pure, one owner; it outlives the sessions of a process. Times are monotonic seconds.

    A new session waits up to five minutes, at most one interval, and is never due earlier than one interval after the
    last audit that this process has finished. So an instance that is elected again and again does not audit again and
    again, and several that take over from each other do not audit at once; and one that starts over every hour still
    does audit.
    """

    def __init__(self, interval: float, uniform: Callable[[], float] = random.random) -> None:
        self._interval = interval
        self._uniform = uniform
        self._not_before = 0.0
        self._due = 0.0

    @property
    def is_on(self) -> bool:
        """Whether there are audits at all."""
        return self._interval > 0

    def begin(self, now: float) -> None:
        """A session begins, or an audit failed."""
        soon = min(SOON_SECONDS, self._interval) * (0.5 + 0.5 * self._uniform())
        self._due = max(self._not_before, now + soon)

    def finish(self, now: float) -> None:
        """An audit is finished."""
        self._due = self._not_before = now + self._interval

    def pause(self, now: float) -> float:
        """Seconds until the next audit."""
        return max(0.0, self._due - now)
