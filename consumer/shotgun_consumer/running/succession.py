"""The version of a plugin that a group runs, and the one that is to take over."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import partial

from .async_worker import AsyncWorker
from .completions import Completions
from .delivery import Delivery, Result
from .worker import AnyWorker, Worker

LATE_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Version:
    """What a group runs: `wants` tells from an event's headers whether it must be run.

    Each of `runs` runs events in one worker thread of the group. A version with async callbacks has none of them, but a
    `worker` of its own with an event loop.
    """

    wants: Callable[[Delivery], bool]
    runs: Sequence[Callable[[Delivery], Result]] = ()
    worker: AsyncWorker | None = None

    @property
    def at_once(self) -> int:
        """How many events it runs at once."""
        return len(self.runs) if self.worker is None else self.worker.at_once

    def close(self) -> None:
        """Cancel what still runs in its event loop, wait for that for a moment, and give back what it holds.

        What runs in a thread cannot be cancelled.
        """
        if self.worker is not None:
            self.worker.end()


class Succession:
    """Hands a group from one version to the next, which runs as many events at once, and in the same way.

    `offer` is for any thread. Only the group's thread calls `is_late`, and `take_over`, when nothing runs; from then on
    the new version is asked and run, and the old one is closed. Of several that were offered meanwhile, the last one
    takes over. `close`, when the group ends, closes the one that runs then.
    """

    def __init__(self, first: Version) -> None:
        self._current = first
        self._next: Version | None = None
        self._waits_since: float | None = None
        self._lock = threading.Lock()
        self.runs = [partial(self._run, worker) for worker in range(len(first.runs))]
        """For each worker what it calls to run an event with the version that runs then."""

    def fits(self, version: Version) -> bool:
        """Whether this version can take over: it runs as many events at once, also in threads or also in a loop."""
        return version.at_once == self._current.at_once and self.is_async == (version.worker is not None)

    @property
    def is_async(self) -> bool:
        """Whether its versions run events in an event loop."""
        return self._current.worker is not None

    def make_worker(self, name: str) -> AnyWorker:
        """What runs the events, over all versions."""
        return _VersionsWorker(self) if self.is_async else Worker(name, self.runs)

    @property
    def current(self) -> Version:
        """The version that runs now."""
        return self._current

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
        before = self._current
        with self._lock:
            if self._next is not None:
                self._current, self._next = self._next, None
        if before is not self._current:
            before.close()

    def close(self) -> None:
        """Close the version that runs. Those that were only offered hold nothing."""
        self._current.close()

    @property
    def wants(self) -> Callable[[Delivery], bool]:
        """The filter of the version that runs now."""
        return self._current.wants

    def _run(self, worker: int, delivery: Delivery) -> Result:
        return self._current.runs[worker](delivery)


class _VersionsWorker:
    """The worker of the version that runs now."""

    def __init__(self, succession: Succession) -> None:
        self._succession = succession

    @property
    def _worker(self) -> AsyncWorker:
        worker = self._succession.current.worker
        assert worker is not None
        return worker

    def hand_over(self, deliveries: Collection[Delivery], completions: Completions) -> None:
        self._worker.hand_over(deliveries, completions)

    def withdraw(self, partitions: Collection[int] | None = None) -> list[Delivery]:
        return self._worker.withdraw(partitions)

    @property
    def running(self) -> list[Delivery]:
        return self._worker.running

    def close(self) -> None:
        self._worker.close()

    def join(self, seconds: float) -> bool:
        return self._worker.join(seconds)
