"""The event loop that runs a plugin's events, hundreds at once."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import logging
import threading
from collections import deque
from collections.abc import Callable, Collection

from shotgun_runtime.shutdown import Deadline

from .awaiting import bounded
from .completions import Completions
from .delivery import Delivery, Result
from .plugin_loop import PluginLoop
from .steps import Blocking, Steps, Way
from .stopped_lanes import StoppedLanes
from .threads import Threads
from .worker import defect, stop_lane, take_back

log = logging.getLogger(__name__)

WAITING_THREADS = 16
"""For what must not block the loop and belongs to no callback: dead letters, and events that are read from the site."""

FLUSH_SECONDS = 0.002
"""How long what has ended may wait for more that ends, before the owner is woken."""
OBJECTS_OF_AN_EVENT = 50
"""So many objects of an event in flight Python's garbage collector counts, roughly."""


class AsyncWorker:
    """As `Worker`, with an event loop in place of the threads: up to `at_once` events run in it, each as a task.

    They begin in the order in which they were handed over, each with context variables of its own. The loop begins with
    the first event. `end` cancels what still runs, without a result: its events have not ended. `release` is called
    then, to give back what the callbacks hold.
    """

    def __init__(
        self,
        name: str,
        way: Way,
        at_once: int,
        plugin_log: logging.Logger,
        release: Callable[[], None] = lambda: None,
    ) -> None:
        self._name = name
        self._way = way
        self.at_once = at_once
        self._plugin_log = plugin_log
        self._release = release
        self._lock = threading.Lock()
        self._none_runs = threading.Condition(self._lock)
        self._waiting: deque[tuple[Delivery, Completions]] = deque()
        self._stopped = StoppedLanes()
        self._running: dict[int, tuple[Delivery, asyncio.Task[None]]] = {}
        self._threads = Threads(f"{name} waits", WAITING_THREADS)
        self._loop: PluginLoop | None = None
        self._context = contextvars.copy_context()
        self._to_flush: Completions | None = None
        self._closing = False
        self._ending = False

    def hand_over(self, deliveries: Collection[Delivery], completions: Completions) -> None:
        """See `Worker`."""
        with self._lock:
            if self._closing:
                return
            self._waiting.extend(
                (delivery, completions) for delivery in deliveries if not self._stopped.keep(delivery)
            )
            if self._loop is None:
                _spare_the_collector(self.at_once)
                self._loop = PluginLoop(self._name, self._plugin_log)
        self._loop.call(self._start)

    def withdraw(self, partitions: Collection[int] | None = None) -> list[Delivery]:
        """See `Worker`."""
        with self._lock:
            return take_back(
                self._waiting, lambda delivery: partitions is None or delivery.partition in partitions
            )

    @property
    def running(self) -> list[Delivery]:
        """See `Worker`."""
        with self._lock:
            return [delivery for delivery, _ in self._running.values()]

    def close(self) -> None:
        """Start nothing more."""
        with self._lock:
            self._closing = True
            self._waiting.clear()

    def join(self, seconds: float) -> bool:
        """Wait until nothing runs. False when something still does."""
        deadline = Deadline.after(max(0.0, seconds))
        with self._none_runs:
            return self._none_runs.wait_for(lambda: not self._running, deadline.remaining())

    def end(self) -> None:
        """Cancel what still runs, wait for that for a moment, and give everything back. Nothing is started after it."""
        self.close()
        self._ending = True
        cancelled = self.running
        if self._loop is not None:
            self._loop.close()
        if cancelled:
            self._plugin_log.warning(
                "%d events were cancelled where they stood, and will be run again: %s",
                len(cancelled),
                ", ".join(str(delivery.event_id) for delivery in cancelled[:10])
                + " and more" * (len(cancelled) > 10),
            )
        with self._none_runs:
            # What goes on although it was cancelled is not waited for.
            self._running.clear()
            self._none_runs.notify_all()
        self._threads.close()
        self._release()

    # In the loop's thread

    def _start(self) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            while self._waiting and len(self._running) < self.at_once:
                delivery, completions = self._waiting.popleft()
                # A task inherits the context variables of who makes it, which may be the event before.
                task = self._context.run(loop.create_task, self._run(delivery, completions))
                self._running[id(delivery)] = (delivery, task)

    async def _run(self, delivery: Delivery, completions: Completions) -> None:
        try:
            result = await self._take(self._way(delivery))
        except BaseException as error:
            if self._ending or isinstance(error, GeneratorExit):
                self._ended(delivery)
                raise
            result = defect(log, delivery)
        if result.outcome is None and self.at_once == 1:
            result = self._stop_lane(result)
        self._ended(delivery)
        self._hand_back(result, completions)
        if self._waiting:
            self._start()

    async def _take(self, steps: Steps) -> Result:
        """Take the steps of one event, each to its end, and let other events go on meanwhile."""
        try:
            step = next(steps)
            while True:
                try:
                    if isinstance(step, Blocking):
                        done = await (step.threads or self._threads).run(step.work)
                    elif step.timeout is None:
                        done = await step.begin()
                    else:
                        done = await bounded(step.begin, step.timeout)
                    if self._ending:
                        raise asyncio.CancelledError
                except BaseException as error:  # noqa: PERF203 - the steps decide what follows
                    if self._ending or isinstance(error, GeneratorExit):
                        steps.close()
                        raise
                    step = steps.throw(error)
                else:
                    step = steps.send(done)
        except StopIteration as end:
            result: Result = end.value
            return result

    def _ended(self, delivery: Delivery) -> None:
        with self._none_runs:
            self._running.pop(id(delivery), None)
            if not self._running:
                self._none_runs.notify_all()

    def _hand_back(self, result: Result, completions: Completions) -> None:
        completions.put(result)
        # What is put without waking the owner must not wait for the next event's end.
        if self._to_flush is not completions:
            self._to_flush = completions
            asyncio.get_running_loop().call_later(FLUSH_SECONDS, self._flush, completions)

    def _flush(self, completions: Completions) -> None:
        if self._to_flush is completions:
            self._to_flush = None
        completions.flush()

    def _stop_lane(self, result: Result) -> Result:
        with self._lock:
            return stop_lane(result, self._waiting, self._stopped)


def _spare_the_collector(at_once: int) -> None:
    """Have the garbage collector of the process run only when there is more than what so many events in flight hold.

    It runs after a number of new objects that live on, 700 by default, and looks through all young ones then. Those of
    a thousand events in flight are no garbage, and looking through them again and again takes a quarter of the time.
    """
    first, *others = gc.get_threshold()
    if 0 < first < at_once * OBJECTS_OF_AN_EVENT:
        gc.set_threshold(at_once * OBJECTS_OF_AN_EVENT, *others)
