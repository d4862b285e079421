"""What becomes of an event when a callback fails."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Literal, Protocol

OnFailure = Literal["pause", "skip"]


class Verdict(enum.Enum):
    """What to do after a failure."""

    PAUSE = enum.auto()
    """The event stays unfinished and its partition stops here; later callbacks are not called."""
    CONTINUE = enum.auto()
    """The later callbacks are called; the event ends as skipped."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A callback that raised, or an event that could not be read (`callback` is None)."""

    callback: str | None
    stop_on_error: bool
    error: str


class FailurePolicy(Protocol):
    """Decides what follows a failure. Called in the worker thread, once for each failure; must not block."""

    def decide(self, failure: Failure) -> Verdict:
        """The verdict for this failure."""


@dataclass(frozen=True, slots=True)
class StopOnErrorPolicy:
    """The meaning of `stopOnError`: True pauses, False goes on. `on_failure: skip` lets every failure go on.

    An event that cannot be read always pauses: nobody has seen it, so nobody can say that it may be passed over.
    """

    on_failure: OnFailure = "pause"

    def decide(self, failure: Failure) -> Verdict:
        """The verdict for this failure."""
        if failure.callback is None:
            return Verdict.PAUSE
        if failure.stop_on_error and self.on_failure == "pause":
            return Verdict.PAUSE
        return Verdict.CONTINUE
