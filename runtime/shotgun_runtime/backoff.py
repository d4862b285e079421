"""Waiting between tries, and saying no more than needed meanwhile."""

from __future__ import annotations

import logging
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

    One owner; not thread-safe. ``what`` begins the line: ``Kafka at broker:9092``.
    """

    def __init__(
        self, what: str, logger: logging.Logger, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._logger = logger
        self._clock = clock
        self._since: float | None = None
        self._attempts = 0

    @property
    def broken(self) -> bool:
        """Whether the last word was a failure."""
        return self._since is not None

    def failed(self, reason: str) -> None:
        """Note a failure; the first of an outage is logged as a warning, later ones at DEBUG."""
        self._attempts += 1
        if self._since is None:
            self._since = self._clock()
            self._logger.warning("%s is not available: %s. Trying again until it is back", self._what, reason)
        else:
            self._logger.debug("%s is still not available: %s", self._what, reason)

    def recovered(self) -> None:
        """Note a success; the first after an outage is logged."""
        if self._since is None:
            return
        lasted = format_duration(round(self._clock() - self._since, 1))
        self._logger.info("%s is back after %s and %d failed attempts", self._what, lasted, self._attempts)
        self._since = None
        self._attempts = 0
