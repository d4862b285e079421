"""The site's own time: it flows like real time, and a test may step it or set it anywhere."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime, timezone


def iso(epoch: float) -> str:
    """Return ``epoch`` seconds as the site writes dates: ``YYYY-MM-DDTHH:MM:SSZ``, whole seconds."""
    return datetime.fromtimestamp(int(epoch), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def ruby_utc(epoch: float) -> str:
    """Return ``epoch`` seconds in the form that retirement dates have inside ``meta``."""
    return datetime.fromtimestamp(int(epoch), timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")


def parse_iso(text: str) -> float:
    """Return the epoch seconds of an ISO date or date and time; UTC where no zone is given.

    Raises ValueError for anything else.
    """
    moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace(" UTC", "+00:00"))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()


class SiteClock:
    """Epoch seconds by the site's own reckoning. Safe to use from any thread."""

    def __init__(self, start: float | None = None, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._origin = (time.time() if start is None else start) - monotonic()
        self._listeners: list[Callable[[], None]] = []

    def now(self) -> float:
        """Return the site's present time in epoch seconds."""
        return self._origin + self._monotonic()

    def iso(self) -> str:
        """Return the present time as the site writes it."""
        return iso(self.now())

    def advance(self, seconds: float) -> float:
        """Step the clock by ``seconds`` (backwards when negative) and return the new time."""
        with self._lock:
            self._origin += seconds
        for listener in tuple(self._listeners):
            listener()
        return self.now()

    def set(self, epoch: float) -> float:
        """Set the clock to ``epoch`` seconds and return the new time."""
        return self.advance(epoch - self.now())

    def on_step(self, listener: Callable[[], None]) -> None:
        """Have ``listener`` called after every step."""
        self._listeners.append(listener)
