"""Callbacks that run longer than they may. A thread cannot be stopped from outside, so this tells of them, no more."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from shotgun_runtime.duration import format_duration

from ..context import Position
from ..plugins.policy import OnTimeout
from ..plugins.registrar import CallbackSpec

_STATE = {
    False: "it cannot be stopped",
    True: "it goes on although it was cancelled, or something blocks the plugin's event loop",
}
CANCELLED_SECONDS = 5.0
"""So long after its timeout an async callback, which was cancelled then, counts as stuck."""
MOST_NAMED = 5
"""So many calls of a callback are named at once: a blocked event loop holds up hundreds."""


@dataclass(frozen=True, eq=False, slots=True)
class Limit:
    """How long the calls of one callback may take, in seconds."""

    watch: CallWatch
    group: str
    spec: CallbackSpec
    timeout: float
    on_timeout: OnTimeout

    def begin(self, event_id: int | None, position: Position) -> RunningCall:
        """Note that a call begins. Its `end` must follow, in whatever thread."""
        return self.watch.begin(self, event_id, position)


@dataclass(eq=False, slots=True)
class RunningCall:
    """One call that runs now. `since` is a time of the watch's clock."""

    limit: Limit
    event_id: int | None
    position: Position
    since: float
    told: bool = field(default=False)
    """Whether `look` has seen that it is overdue."""
    named: bool = field(default=False)
    """Whether `look` has named it."""

    def end(self) -> None:
        """Note that the call has ended."""
        self.limit.watch.end(self)

    def __str__(self) -> str:
        callback = f"callback {self.limit.spec.name!r} of group {self.limit.group!r}"
        return f"{callback} on event {self.event_id} at {self.position}"


class CallWatch:
    """Knows the calls that run under a limit. Any thread begins and ends calls; one thread looks.

    Which calls are overdue, and how many of a group's, is found out by `look` and `stuck`; `look` tells of each once,
    and of many at once in one line.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._calls: set[RunningCall] = set()

    def begin(self, limit: Limit, event_id: int | None, position: Position) -> RunningCall:
        """Note that a call begins."""
        call = RunningCall(limit, event_id, position, self._clock())
        with self._lock:
            self._calls.add(call)
        return call

    def end(self, call: RunningCall) -> None:
        """Note that a call has ended. One that had been told of is told to be over."""
        with self._lock:
            self._calls.discard(call)
        if call.named:
            call.limit.spec.logger.warning(
                "%s has ended, after %s", call, format_duration(round(self._clock() - call.since, 1))
            )

    def look(self) -> list[RunningCall]:
        """Log the calls that have become overdue since the last look, each once; returns those that end the process."""
        news = [call for call in self._overdue() if not call.told]
        calls: dict[Limit, int] = {}
        for call in news:
            call.told = True
            limit = call.limit
            calls[limit] = calls.get(limit, 0) + 1
            if calls[limit] > MOST_NAMED:
                continue
            call.named = True
            call.limit.spec.logger.error(
                "%s has run for more than %s; %s",
                call,
                format_duration(limit.timeout),
                f"{_STATE[limit.spec.is_async]}, so the process ends and the event is run again after its restart"
                if limit.on_timeout == "restart_process"
                else f"{_STATE[limit.spec.is_async]}, and nothing behind it in its lane runs until it returns",
            )
        for limit, count in calls.items():
            if count > MOST_NAMED:
                limit.spec.logger.error(
                    "%d more calls of callback %r of group %r have run for as long",
                    count - MOST_NAMED,
                    limit.spec.name,
                    limit.group,
                )
        return [call for call in news if call.limit.on_timeout == "restart_process"]

    def stuck(self) -> Mapping[str, int]:
        """How many calls are overdue now, by group; a group without any is left out."""
        return Counter(call.limit.group for call in self._overdue())

    def _overdue(self) -> list[RunningCall]:
        now = self._clock()
        with self._lock:
            return [call for call in self._calls if now - call.since > call.limit.timeout]
