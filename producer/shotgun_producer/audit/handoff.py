"""What the session's thread and the auditor's give each other. Neither waits for the other in a lock."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ..errors import HaltedError
from .judgment import Snapshot

T = TypeVar("T")

_LOOK_SECONDS = 0.2


class Handoff(Generic[T]):
    """Snapshots in one direction, results in the other. A snapshot holds what became of every result before it."""

    def __init__(self, halt: threading.Event) -> None:
        self._halt = halt
        self._changed = threading.Condition()
        self._is_wanted = False
        self._snapshot: Snapshot | None = None
        self._results: list[T] = []

    def ask(self) -> Snapshot:
        """For the auditor: a snapshot that is taken from now on. Raises HaltedError once it is told to stop."""
        with self._changed:
            self._snapshot, self._is_wanted = None, True
            while not self._halt.is_set():
                if self._snapshot is not None:
                    return self._snapshot
                self._changed.wait(_LOOK_SECONDS)
        raise HaltedError

    def put(self, result: T) -> None:
        """For the auditor: gives a result away."""
        with self._changed:
            self._results.append(result)

    def take(self) -> list[T]:
        """For the session: the results since last time, oldest first."""
        with self._changed:
            results, self._results = self._results, []
            return results

    def offer(self, make: Callable[[], Snapshot]) -> None:
        """For the session: makes a snapshot if one is wanted."""
        with self._changed:
            if self._is_wanted and not self._results:
                self._snapshot, self._is_wanted = make(), False
                self._changed.notify_all()
