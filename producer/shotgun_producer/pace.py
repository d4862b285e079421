"""How long to wait between two polls."""

from __future__ import annotations

QUIET_SHARE = 30.0
"""After a quiet time the pause is at most so small a part of it: a single event waits no longer than in proportion."""


class Pace:
    """Polls at `fast` while events come and ever more slowly, down to `idle`, while none do. Pure; one owner.

    Durations in seconds. `now` is of any clock that only goes forward.
    """

    def __init__(self, fast: float, idle: float, now: float) -> None:
        self._fast = fast
        self._idle = max(fast, idle)
        self._last_event = now

    def saw_events(self, now: float) -> None:
        """Events came with the last poll."""
        self._last_event = now

    def pause(self, now: float) -> float:
        """Seconds to the next poll."""
        return min(max(self._fast, (now - self._last_event) / QUIET_SHARE), self._idle)
