"""The version of a plugin that a group runs, and the one that is to take over."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from .delivery import Delivery, Result

LATE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Version:
    """What a group runs: `wants` tells from an event's headers whether it must be run, `runs` run it.

    Each of `runs` belongs to one worker thread of the group.
    """

    wants: Callable[[Delivery], bool]
    runs: Sequence[Callable[[Delivery], Result]]


class Succession:
    """Hands a group from one version to the next, which runs as many events at once.

    `offer` is for any thread. Only the group's thread calls `is_late`, and `take_over`, when nothing runs; from then on
    the new version is asked and run. Of several that were offered meanwhile, the last one takes over.
    """

    def __init__(self, first: Version) -> None:
        self._current = first
        self._next: Version | None = None
        self._waits_since: float | None = None
        self._lock = threading.Lock()
        self.runs = [partial(self._run, worker) for worker in range(len(first.runs))]
        """For each worker what it calls to run an event with the version that runs then."""

    def fits(self, version: Version) -> bool:
        """Whether this version can take over: it is made for as many workers."""
        return len(version.runs) == len(self.runs)

    def offer(self, version: Version) -> None:
        """Have this version take over. It must fit."""
        with self._lock:
            self._next = version

    @property
    def awaited(self) -> bool:
        """Whether a version waits to take over."""
        return self._next is not None

    def is_late(self, now: float) -> bool:
        """Whether a version has waited for long at `now`, in seconds. True once for each, then False."""
        if self._waits_since is None:
            self._waits_since = now
        if now - self._waits_since < LATE_SECONDS:
            return False
        self._waits_since = math.inf
        return True

    def take_over(self) -> None:
        """Let the version that waits take over; nothing changes when none does."""
        self._waits_since = None
        with self._lock:
            if self._next is not None:
                self._current, self._next = self._next, None

    @property
    def wants(self) -> Callable[[Delivery], bool]:
        """The filter of the version that runs now."""
        return self._current.wants

    def _run(self, worker: int, delivery: Delivery) -> Result:
        return self._current.runs[worker](delivery)
