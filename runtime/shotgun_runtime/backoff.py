"""Waiting between tries, and saying no more than needed meanwhile."""

from __future__ import annotations

import logging
import math
import random
import time
from collections.abc import Callable

from shotgun_runtime.duration import format_duration


class Backoff:
    """Growing pauses with jitter. Pure: it neither sleeps nor reads a clock.

    Pauses grow from ``initial`` by ``factor`` to ``maximum`` seconds; each is shortened by up to half at random, so
    that many processes which lost the same server do not come back in step.
    """

    def __init__(
        self,
        *,
        initial: float = 0.5,
        maximum: float = 30.0,
        factor: float = 2.0,
        uniform: Callable[[], float] = random.random,
    ) -> None:
        self._initial = initial
        self._maximum = maximum
        self._factor = factor
        self._uniform = uniform
        self._next = initial

    def pause(self) -> float:
        """Return the seconds to wait before the next try."""
        whole = min(self._next, self._maximum)
        self._next = min(whole * self._factor, self._maximum)
        return whole * (0.5 + 0.5 * self._uniform())

    def reset(self) -> None:
        """Begin again at the shortest pause, after a success."""
        self._next = self._initial


class OutageLog:
    """Says once that something is gone and once that it is back, with how long it took.

    One owner; not thread-safe. ``what`` begins the line: ``Kafka at broker:9092``. The first ``tolerated`` failures in
    a row are no outage and only a line at DEBUG, unless one of them took ``slow`` seconds or more.
    """

    def __init__(
        self,
        what: str,
        logger: logging.Logger,
        *,
        tolerated: int = 0,
        slow: float = math.inf,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._what = what
        self._logger = logger
        self._tolerated = tolerated
        self._slow = slow
        self._clock = clock
        self._since = 0.0
        self._attempts = 0
        self._broken = False

    @property
    def broken(self) -> bool:
        """Whether there is an outage."""
        return self._broken

    def failed(self, reason: str, took: float = 0.0) -> None:
        """Note a failure that took so many seconds; what begins an outage is a warning, the rest a line at DEBUG."""
        if self._attempts == 0:
            self._since = self._clock() - took
        self._attempts += 1
        if self._broken:
            self._logger.debug("%s is still not available: %s", self._what, reason)
        elif self._attempts > self._tolerated or took >= self._slow:
            self._broken = True
            self._logger.warning("%s is not available: %s. Trying again until it is back", self._what, reason)
        else:
            self._logger.debug("%s failed: %s. Trying again", self._what, reason)

    def recovered(self) -> None:
        """Note a success; the first after an outage is logged."""
        if self._broken:
            lasted = format_duration(round(self._clock() - self._since, 1))
            self._logger.info(
                "%s is back after %s and %d failed attempts", self._what, lasted, self._attempts
            )
        self._broken = False
        self._attempts = 0
