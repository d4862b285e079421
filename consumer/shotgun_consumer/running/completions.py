"""Results on their way from a worker back to the owner."""

from __future__ import annotations

import threading
import time
from collections import deque

from .delivery import Result

WAKE_SECONDS = 0.01
GIVE_WAY_SECONDS = 0.01


class Completions:
    """A queue that wakes the owner for slow events at once and for fast ones many at a time.

    Waking the owner for each of thousands of short events costs more than running them: both threads then wait for
    the interpreter's lock in turn, and each fetches anew what the other had in its processor's cache. So the owner
    is woken after `WAKE_SECONDS`, or when `many` results are there; what is put without waking is found by its next
    look, and `flush` wakes it.
    """

    def __init__(self, many: int = 1_000) -> None:
        self._results: deque[Result] = deque()
        # Not a SimpleQueue: its get() waits for ever when it comes too late to a short timeout (CPython 3.11).
        self._wake = threading.Event()
        self._woken = 0.0
        self._many = many
        self._looked = threading.Lock()
        """Free after the owner has worked off what it was woken for."""
        self._looks = True

    def put(self, result: Result) -> bool:
        """Hand a result back. Wakes the owner unless it was woken a moment ago; tells whether it did."""
        self._results.append(result)
        if len(self._results) < self._many and time.monotonic() - self._woken < WAKE_SECONDS:
            return False
        self.flush()
        return True

    def flush(self) -> None:
        """Wake the owner if there is anything to take."""
        if self._results:
            self._woken = time.monotonic()
            self._wake.set()

    def give_way(self) -> None:
        """Wait a moment until the owner, which was woken, has worked off what is there. For one thread alone.

        Otherwise the owner would ask for the interpreter's lock and get it after a millisecond, each time it needs it.
        One that does not come, because it waits for Kafka, is not waited for again before it has looked.
        """
        if self._looks:
            self._looked.acquire(blocking=False)
            self._looks = self._looked.acquire(timeout=GIVE_WAY_SECONDS)

    def take(self, seconds: float) -> list[Result]:
        """All results that are there, once the owner is woken, or after so many seconds."""
        if self._looked.locked():
            self._looked.release()
        self._looks = True
        if seconds > 0:
            self._wake.wait(seconds)
        # Before the results are taken, so that whoever puts one meanwhile wakes the owner once more.
        self._wake.clear()
        taken = []
        while self._results:
            taken.append(self._results.popleft())
        return taken
