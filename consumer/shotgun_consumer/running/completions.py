"""Results on their way from a worker back to the owner."""

from __future__ import annotations

import threading
import time
from collections import deque

from .delivery import Result

WAKE_SECONDS = 0.002


class Completions:
    """A queue that wakes the owner for slow events at once and for fast ones a few at a time.

    Waking the owner for each of thousands of short events costs more than running them: both threads then wait for
    the interpreter's lock in turn. What is put without waking is found by the owner's next look, and `flush` wakes it.
    """

    def __init__(self) -> None:
        self._results: deque[Result] = deque()
        # Not a SimpleQueue: its get() waits for ever when it comes too late to a short timeout (CPython 3.11).
        self._wake = threading.Event()
        self._woken = 0.0

    def put(self, result: Result) -> None:
        """Hand a result back. Wakes the owner unless it was woken a moment ago."""
        self._results.append(result)
        if time.monotonic() - self._woken >= WAKE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Wake the owner if there is anything to take."""
        if self._results:
            self._woken = time.monotonic()
            self._wake.set()

    def take(self, seconds: float) -> list[Result]:
        """All results that are there, once the owner is woken, or after so many seconds."""
        if seconds > 0:
            self._wake.wait(seconds)
        # Before the results are taken, so that whoever puts one meanwhile wakes the owner once more.
        self._wake.clear()
        taken = []
        while self._results:
            taken.append(self._results.popleft())
        return taken
