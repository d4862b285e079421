"""The thread that runs a plugin's callbacks, fed by the owner of the partitions."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection
from dataclasses import replace

from .completions import Completions
from .delivery import Delivery, Result

log = logging.getLogger(__name__)


class Worker:
    """Runs events one after the other, in the order in which they were handed over.

    Results go to the completion queue of the hand-over. An unfinished event stops its lane (here: its partition):
    the events behind it come back in its result, unstarted. `run` never raises for a plugin's failure.
    """

    def __init__(self, name: str, run: Callable[[Delivery], Result]) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._waiting: deque[tuple[Delivery, Completions]] = deque()
        self._running: Delivery | None = None
        self._closing = False
        # A callback that never returns must not keep the process from ending.
        self._thread = threading.Thread(target=self._loop, name=name, daemon=True)
        self._thread.start()

    def hand_over(self, deliveries: Collection[Delivery], completions: Completions) -> None:
        """Have these events run, behind those handed over before."""
        with self._ready:
            self._waiting.extend((delivery, completions) for delivery in deliveries)
            self._ready.notify()

    def withdraw(self, partitions: Collection[int] | None = None) -> list[Delivery]:
        """Take back what has not been started, of these partitions or of all.

        After this returns, at most the event `running` names is still being run.
        """
        with self._lock:
            return self._withdraw(lambda delivery: partitions is None or delivery.partition in partitions)

    @property
    def running(self) -> Delivery | None:
        """The event whose callbacks run now."""
        return self._running

    def close(self) -> None:
        """Start nothing more; the thread ends after the event that runs now."""
        with self._ready:
            self._closing = True
            self._waiting.clear()
            self._ready.notify()

    def join(self, seconds: float) -> bool:
        """Wait for the thread to end. False when it still runs."""
        self._thread.join(max(0.0, seconds))
        return not self._thread.is_alive()

    def _loop(self) -> None:
        while True:
            with self._ready:
                self._running = None
                while not self._waiting:
                    if self._closing:
                        return
                    self._ready.wait()
                delivery, completions = self._waiting.popleft()
                self._running = delivery
            try:
                result = self._run(delivery)
            except BaseException:
                # A defect of ours, not of the plugin: the event must not count as done.
                log.exception(
                    "running the event at partition %d, offset %d failed", delivery.partition, delivery.offset
                )
                result = Result(delivery, None, "an unexpected error of the consumer, see its log")
            if result.outcome is None:
                result = self._stop_lane(result)
            completions.put(result)
            if not self._waiting:
                completions.flush()

    def _stop_lane(self, result: Result) -> Result:
        stopped = result.delivery
        with self._lock:
            withheld = self._withdraw(
                lambda delivery: (delivery.partition, delivery.epoch) == (stopped.partition, stopped.epoch)
            )
        return replace(result, withheld=withheld)

    def _withdraw(self, chosen: Callable[[Delivery], bool]) -> list[Delivery]:
        withdrawn = [delivery for delivery, _ in self._waiting if chosen(delivery)]
        kept = [entry for entry in self._waiting if not chosen(entry[0])]
        self._waiting.clear()
        self._waiting.extend(kept)
        return withdrawn
