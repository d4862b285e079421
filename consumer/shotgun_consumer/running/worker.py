"""The threads that run a plugin's callbacks, fed by the owner of the partitions."""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Protocol

from shotgun_runtime.shutdown import Deadline

from .completions import Completions
from .delivery import Delivery, Result
from .stopped_lanes import StoppedLanes

log = logging.getLogger(__name__)

Handed = tuple[Delivery, Completions]


class AnyWorker(Protocol):
    """What runs a group's events, in whatever way. See `Worker` for what each method promises."""

    def hand_over(self, deliveries: Collection[Delivery], completions: Completions) -> None:
        """Have these events run, behind those handed over before."""

    def withdraw(self, partitions: Collection[int] | None = None) -> list[Delivery]:
        """Take back what has not been started, of these partitions or of all."""

    @property
    def running(self) -> list[Delivery]:
        """The events whose callbacks run now."""

    def close(self) -> None:
        """Start nothing more."""

    def join(self, seconds: float) -> bool:
        """Wait for the end of what runs. False when something still runs."""


class Worker:
    """Runs events in the order in which they were handed over: one after the other, or as many at once as `runs` are.

    Each of `runs` belongs to a thread of its own and never raises for a plugin's failure. Results go to the completion
    queue of the hand-over. With one thread, an unfinished event stops its partition: the events behind it come back
    in its result, unstarted, also those that are handed over before the owner has taken that in. With several, whoever
    hands over keeps back what must not overtake.
    """

    def __init__(self, name: str, runs: Sequence[Callable[[Delivery], Result]]) -> None:
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._waiting: deque[Handed] = deque()
        self._stopped = StoppedLanes()
        self._running: list[Delivery | None] = [None] * len(runs)
        self._closing = False
        # A callback that never returns must not keep the process from ending.
        self._threads = [
            threading.Thread(target=self._loop, args=(number, run), name=f"{name} {number + 1}", daemon=True)
            for number, run in enumerate(runs)
        ]
        for thread in self._threads:
            thread.start()

    def hand_over(self, deliveries: Collection[Delivery], completions: Completions) -> None:
        """Have these events run, behind those handed over before."""
        with self._ready:
            self._waiting.extend(
                (delivery, completions) for delivery in deliveries if not self._stopped.keep(delivery)
            )
            self._ready.notify(len(deliveries))

    def withdraw(self, partitions: Collection[int] | None = None) -> list[Delivery]:
        """Take back what has not been started, of these partitions or of all.

        After this returns, at most the events that `running` names are still being run.
        """
        with self._lock:
            return take_back(
                self._waiting, lambda delivery: partitions is None or delivery.partition in partitions
            )

    @property
    def running(self) -> list[Delivery]:
        """The events whose callbacks run now."""
        return [delivery for delivery in self._running if delivery is not None]

    def close(self) -> None:
        """Start nothing more; the threads end after the events that run now."""
        with self._ready:
            self._closing = True
            self._waiting.clear()
            self._ready.notify_all()

    def join(self, seconds: float) -> bool:
        """Wait for the threads to end. False when one still runs."""
        deadline = Deadline.after(max(0.0, seconds))
        for thread in self._threads:
            thread.join(deadline.remaining())
        return not any(thread.is_alive() for thread in self._threads)

    def _loop(self, number: int, run: Callable[[Delivery], Result]) -> None:
        alone = len(self._running) == 1
        while True:
            with self._lock:  # it is the condition's, and quicker so
                self._running[number] = None
                while not self._waiting:
                    if self._closing:
                        return
                    self._ready.wait()
                delivery, completions = self._waiting.popleft()
                self._running[number] = delivery
            try:
                result = run(delivery)
            except BaseException:  # noqa: BLE001 - it is logged
                result = defect(log, delivery)
            if result.outcome is None and alone:
                result = self._stop_lane(result)
            woken = completions.put(result)
            if not self._waiting:
                completions.flush()
            elif woken and alone:
                completions.give_way()

    def _stop_lane(self, result: Result) -> Result:
        with self._lock:
            return stop_lane(result, self._waiting, self._stopped)


def stop_lane(result: Result, waiting: deque[Handed], lanes: StoppedLanes) -> Result:
    """The result of an unfinished event, with what waits behind it. Whoever calls it holds the worker's lock."""
    stopped = result.delivery
    withheld = take_back(
        waiting, lambda delivery: (delivery.partition, delivery.epoch) == (stopped.partition, stopped.epoch)
    )
    lanes.stop(stopped, withheld)
    return replace(result, withheld=withheld)


def take_back(waiting: deque[Handed], chosen: Callable[[Delivery], bool]) -> list[Delivery]:
    """Take the chosen events out of those that wait. Whoever calls it holds the worker's lock."""
    withdrawn = [delivery for delivery, _ in waiting if chosen(delivery)]
    kept = [entry for entry in waiting if not chosen(entry[0])]
    waiting.clear()
    waiting.extend(kept)
    return withdrawn


def defect(log: logging.Logger, delivery: Delivery) -> Result:
    """What is said of an event when running it has raised, which is a fault of ours, not of the plugin.

    To be called where the error is handled. The event must not count as done.
    """
    log.exception("running the event at partition %d, offset %d failed", delivery.partition, delivery.offset)
    return Result(delivery, None, "an unexpected error of the consumer, see its log")
