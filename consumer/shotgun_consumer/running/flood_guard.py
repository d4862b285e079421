"""Notices when nearly everything fails, so that a broken plugin does not turn its whole backlog into dead letters."""

from __future__ import annotations

import threading
from collections import deque

WINDOW = 50
SHARE = 0.9
FLOOR = 20
"""So many calls must be known before a share says anything."""


class FloodGuard:
    """Counts, over the last `window` ended calls, those that would be put aside. Does no I/O and reads no clock.

    Trips when at least `floor` calls are known and at least `share` of them were put aside; then it forgets them, so
    that after somebody has mended and resumed, as many must fail again. May be used by several threads.
    """

    def __init__(self, window: int = WINDOW, share: float = SHARE, floor: int = FLOOR) -> None:
        if not (1 <= floor <= window and 0 < share <= 1):
            raise ValueError(f"needs 1 <= floor <= window and 0 < share <= 1, got {floor}, {window}, {share}")
        self._share = share
        self._floor = floor
        self._lock = threading.Lock()
        self._calls: deque[bool] = deque(maxlen=window)
        self._aside = 0

    def succeeded(self) -> None:
        """Take note of a call that needed no dead letter."""
        if not self._aside and len(self._calls) == self._calls.maxlen:
            return  # One more changes nothing; and if another thread is just adding one, this came before it.
        with self._lock:
            self._note(False)

    def put_aside(self) -> str | None:
        """Take note of a call whose event is about to be put aside. Returns why it must not be: the share, in words."""
        with self._lock:
            self._note(True)
            known = len(self._calls)
            if known < self._floor or self._aside < self._share * known:
                return None
            text = f"{self._aside} of the last {known} calls have failed for good"
            self._calls.clear()
            self._aside = 0
            return text

    def withdraw(self) -> None:
        """Take the newest `put_aside` back: the event was not put aside after all and comes again."""
        with self._lock:
            if self._aside and self._calls and self._calls[-1]:
                self._calls.pop()
                self._aside -= 1

    def _note(self, aside: bool) -> None:
        if len(self._calls) == self._calls.maxlen and self._calls[0]:
            self._aside -= 1
        self._calls.append(aside)
        self._aside += aside


class NoGuard(FloodGuard):
    """For whoever keeps no dead letters: nothing is flooded, however many events fail."""

    def put_aside(self) -> str | None:
        """Never too many."""
        return None
