"""A clean stop on SIGTERM and Ctrl-C, within one shared time budget."""

from __future__ import annotations

import contextlib
import logging
import os
import queue
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Deadline:
    """A point in time that several blocking steps share: each takes what the ones before it left."""

    at: float
    clock: Callable[[], float] = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Callable[[], float] = time.monotonic) -> Deadline:
        """Return the deadline so many seconds from now."""
        return cls(clock() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds that are left, never less than zero."""
        return max(0.0, self.at - self.clock())

    @property
    def expired(self) -> bool:
        """Whether no time is left."""
        return self.remaining() <= 0.0


class _Requested(threading.Event):
    """An event that is also true or false by itself."""

    def __bool__(self) -> bool:
        return self.is_set()


class Shutdown:
    """The request to stop, which any thread may make and every loop looks at.

    ``requested`` is an event that can be waited for or used as a truth value. ``timeout`` (seconds) is the time for
    the whole stop; ``deadline`` begins to run with the first request.
    """

    def __init__(self, timeout: float = 30.0, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.requested: threading.Event = _Requested()
        self.timeout = timeout
        self.reason: str | None = None
        self._clock = clock
        self._deadline: Deadline | None = None
        self._lock = threading.Lock()

    def request(self, reason: str) -> None:
        """Ask for a stop. Only the first reason counts."""
        with self._lock:
            if self.reason is not None:
                return
            self.reason = reason
            self._deadline = Deadline.after(self.timeout, self._clock)
        log.info("Stopping: %s; at most %g s", reason, self.timeout)
        self.requested.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Wait until a stop is requested, at most so long; return whether it is."""
        return self.requested.wait(seconds)

    @property
    def deadline(self) -> Deadline:
        """When the stop must be over; a full timeout from now while none is requested."""
        return self._deadline or Deadline.after(self.timeout, self._clock)


def install_signal_handlers(shutdown: Shutdown) -> Callable[[], None]:
    """Turn SIGTERM and SIGINT into a request; return the function that brings the old handlers back.

    A second signal ends the process at once with 128 + its number. To be used in the main thread.
    """
    received: queue.SimpleQueue[int | None] = queue.SimpleQueue()
    seen: list[int] = []

    # The interrupted main thread may hold any lock, the event's and the log's too. A handler therefore only puts the
    # number into a SimpleQueue, whose put is reentrant, and a thread of its own makes the request.
    def handle(number: int, _: FrameType | None) -> None:
        if seen:
            os.write(2, b"second signal: ending at once\n")
            os._exit(128 + number)
        seen.append(number)
        received.put(number)

    def relay() -> None:
        while (number := received.get()) is not None:
            shutdown.request(f"{signal.Signals(number).name} received")

    watcher = threading.Thread(target=relay, name="signals", daemon=True)
    watcher.start()
    old = {number: signal.signal(number, handle) for number in (signal.SIGTERM, signal.SIGINT)}

    def restore() -> None:
        for number, handler in old.items():
            signal.signal(number, handler)
        received.put(None)
        watcher.join()

    return restore


@contextlib.contextmanager
def signal_handlers(shutdown: Shutdown) -> Iterator[None]:
    """As ``install_signal_handlers``, while the block runs."""
    restore = install_signal_handlers(shutdown)
    try:
        yield
    finally:
        restore()
