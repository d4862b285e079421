"""Whether this process is alive and whether it is doing its work."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable


class Health:
    """State behind ``/healthz`` and ``/readyz``; any thread may write and read it.

    Alive means that the process's own beat is young; it never depends on a callback, on Kafka or on the site. With
    ``beat_within`` (seconds) None, a process that answers is alive. It starts out not ready.
    """

    def __init__(
        self, *, beat_within: float | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._lock = threading.Lock()
        self._clock = clock
        self._beat_within = beat_within
        self._last_beat = clock()
        self._reason: str | None = "starting"
        self._note = ""

    def set_ready(self, note: str = "") -> None:
        """Say that the work is being done; the note is shown to whoever asks."""
        with self._lock:
            self._reason = None
            self._note = note

    def set_not_ready(self, reason: str) -> None:
        """Say why the work is not being done; the reason is shown to whoever asks."""
        with self._lock:
            self._reason = reason

    def beat(self) -> None:
        """Say that the main loop has come round."""
        with self._lock:
            self._last_beat = self._clock()

    @property
    def ready(self) -> tuple[bool, str]:
        """Whether the process does its work, and the reason when not, else what is noteworthy."""
        with self._lock:
            if self._reason is not None:
                return False, self._reason
            return True, f"ready; {self._note}" if self._note else "ready"

    @property
    def alive(self) -> tuple[bool, str]:
        """Whether the process's own loop still turns, and what is wrong when not."""
        with self._lock:
            age = self._clock() - self._last_beat
        if self._beat_within is not None and age > self._beat_within:
            return False, f"the main loop has not come round for {age:.0f} s"
        return True, "alive"
