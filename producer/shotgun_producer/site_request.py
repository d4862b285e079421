"""One request to the site with an end: it can be given up at any time, whatever the client is doing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from shotgun_runtime.shotgun import SiteTimeoutError
from shotgun_runtime.shutdown import Deadline

from .errors import HaltedError

T = TypeVar("T")

_SLICE_SECONDS = 0.1


class Request(Generic[T]):
    """Runs `work` in a thread of its own. The thread is a daemon: one that hangs for ever holds up nobody."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._work = work
        self._answers: list[T] = []
        self._error: Exception | None = None
        self._done = threading.Event()
        threading.Thread(target=self._run, name="site-request", daemon=True).start()

    def wait(self, seconds: float, halt: threading.Event) -> T:
        """The answer. Raises what `work` raised, SiteTimeoutError after `seconds`, HaltedError once `halt` is set."""
        deadline = Deadline.after(seconds)
        while not self._done.wait(min(_SLICE_SECONDS, deadline.remaining())):
            if halt.is_set():
                raise HaltedError
            if deadline.expired:
                raise SiteTimeoutError(f"no answer within {seconds:g} s")
        if self._error is not None:
            raise self._error
        return self._answers[0]

    def _run(self) -> None:
        try:
            self._answers.append(self._work())
        except Exception as error:  # noqa: BLE001 - the client raises more than a dozen unrelated classes
            self._error = error
        finally:
            self._done.set()
