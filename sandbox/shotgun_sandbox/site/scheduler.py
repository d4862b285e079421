"""Work that falls due at a moment of the site's clock: late commits, thumbnails, the generator."""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
from collections.abc import Callable

from shotgun_sandbox.site.clock import SiteClock

# The thread sleeps on a condition; this only bounds how long a step of the host's clock could go unseen.
LONGEST_SLEEP = 60.0

log = logging.getLogger(__name__)


class Scheduler:
    """One thread that runs jobs in the order in which they fall due.

    A step of the clock makes everything due at once that the step jumped over, so a test never has to wait.
    """

    def __init__(self, clock: SiteClock) -> None:
        self._clock = clock
        self._wake = threading.Condition()
        self._jobs: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._closed = False
        self._running = False
        self._thread: threading.Thread | None = None
        clock.on_step(self._poke)

    def start(self) -> None:
        """Start the thread."""
        self._thread = threading.Thread(target=self._run, name="site-scheduler", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Drop what is still to come and end the thread."""
        with self._wake:
            self._closed = True
            self._jobs.clear()
            self._wake.notify_all()
        if self._thread is not None:
            self._thread.join()

    def after(self, seconds: float, job: Callable[[], None]) -> None:
        """Run ``job`` when ``seconds`` have passed on the site's clock."""
        self.at(self._clock.now() + seconds, job)

    def at(self, epoch: float, job: Callable[[], None]) -> None:
        """Run ``job`` at ``epoch`` seconds of the site's clock; at once when that is past."""
        with self._wake:
            if self._closed:
                return
            heapq.heappush(self._jobs, (epoch, next(self._numbers), job))
            if self._jobs[0][2] is job:
                self._wake.notify_all()

    def settle(self, timeout: float = 10.0) -> bool:
        """Wait until nothing that is due is left undone; false when ``timeout`` seconds were not enough."""
        with self._wake:
            return self._wake.wait_for(self._settled, timeout)

    def _settled(self) -> bool:
        idle = not self._running and (not self._jobs or self._jobs[0][0] > self._clock.now())
        return self._closed or idle

    def _poke(self) -> None:
        with self._wake:
            self._wake.notify_all()

    def _run(self) -> None:
        while True:
            with self._wake:
                self._running = False
                job = self._next_job()
                if job is None:
                    self._wake.notify_all()
                    return
                self._running = True
            try:
                job()
            except Exception:
                log.exception("A scheduled job of the site failed; the others go on")

    def _next_job(self) -> Callable[[], None] | None:
        while not self._closed:
            wait = self._jobs[0][0] - self._clock.now() if self._jobs else LONGEST_SLEEP
            if wait <= 0:
                return heapq.heappop(self._jobs)[2]
            self._wake.notify_all()
            self._wake.wait(min(wait, LONGEST_SLEEP))
        return None
