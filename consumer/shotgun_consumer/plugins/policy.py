"""What becomes of an event when a callback fails: another try, and what follows the last one."""

from __future__ import annotations

import builtins
import enum
import random
from collections.abc import Callable
from dataclasses import dataclass, fields
from typing import Literal

OnFailure = Literal["pause", "dead_letter", "skip"]
OnTimeout = Literal["alarm", "restart_process"]

DEFAULT_BACKOFF = 1.0
DEFAULT_BACKOFF_MAX = 60.0
_MOST_DOUBLINGS = 32


class Verdict(enum.Enum):
    """What to do after a failure."""

    RETRY = enum.auto()
    """The event is run again in a while, from this callback on; nothing behind it in its lane runs before."""
    PAUSE = enum.auto()
    """The event stays unfinished and its partition stops here; later callbacks are not called."""
    DEAD_LETTER = enum.auto()
    """The event is put aside for this callback; the later callbacks are called."""
    SKIP = enum.auto()
    """The event is passed over for this callback; the later callbacks are called."""


@dataclass(frozen=True, slots=True)
class FailureOptions:
    """What the configuration, or a plugin, says about failures of a callback. None is not said. Times in seconds.

    `retry_on` holds names of exceptions, with or without their module.
    """

    max_attempts: int | None = None
    retry_backoff: float | None = None
    retry_backoff_max: float | None = None
    retry_on: tuple[str, ...] | None = None
    on_failure: OnFailure | None = None
    timeout: float | None = None
    on_timeout: OnTimeout | None = None

    def over(self, weaker: FailureOptions) -> FailureOptions:
        """These options, and those of `weaker` where nothing is said here."""
        chosen = {
            field.name: getattr(weaker if getattr(self, field.name) is None else self, field.name)
            for field in fields(self)
        }
        return FailureOptions(**chosen)


@dataclass(frozen=True, slots=True)
class FailureRules:
    """What follows when one callback fails, nothing left open. Times in seconds; `timeout` None is no limit.

    Without `retry_on` every exception is worth another try.
    """

    max_attempts: int = 1
    retry_backoff: float = DEFAULT_BACKOFF
    retry_backoff_max: float = DEFAULT_BACKOFF_MAX
    retry_on: tuple[str, ...] = ()
    on_failure: OnFailure = "pause"
    timeout: float | None = None
    on_timeout: OnTimeout = "alarm"

    def decide(self, attempt: int, error: BaseException) -> Verdict:
        """The verdict on what the callback raised at this try, the first being 1."""
        if attempt < self.max_attempts and self._is_worth_a_try(error):
            return Verdict.RETRY
        return self.final

    @property
    def final(self) -> Verdict:
        """The verdict when no more tries are made."""
        return {"pause": Verdict.PAUSE, "dead_letter": Verdict.DEAD_LETTER, "skip": Verdict.SKIP}[
            self.on_failure
        ]

    def pause_after(self, attempt: int, uniform: Callable[[], float] = random.random) -> float:
        """Seconds to wait after this try: doubled with each, up to the longest, less up to half of it at random."""
        whole = min(self.retry_backoff * 2.0 ** min(attempt - 1, _MOST_DOUBLINGS), self.retry_backoff_max)
        return whole * (0.5 + 0.5 * uniform())

    def _is_worth_a_try(self, error: BaseException) -> bool:
        return not self.retry_on or any(is_called(error, name) for name in self.retry_on)


def failure_rules(options: FailureOptions, *, stop_on_error: bool) -> FailureRules:
    """The rules that these options amount to. What they leave open is as the classic daemon had it.

    That is one try, and then what `stopOnError` says: True pauses, False passes the event over.
    """
    backoff = options.retry_backoff or DEFAULT_BACKOFF
    return FailureRules(
        max_attempts=options.max_attempts or 1,
        retry_backoff=backoff,
        retry_backoff_max=options.retry_backoff_max or max(DEFAULT_BACKOFF_MAX, backoff),
        retry_on=options.retry_on or (),
        on_failure=options.on_failure or ("pause" if stop_on_error else "skip"),
        timeout=options.timeout,
        on_timeout=options.on_timeout or "alarm",
    )


def is_called(error: BaseException, name: str) -> bool:
    """Whether the exception's class, or one of its bases, is called `name`.

    The module may be left out, or be the package through which the class is known: `requests.Timeout` is found
    although the class lives in `requests.exceptions`. An old name of Python's own, such as `IOError`, is as good.
    """
    package, _, last = name.rpartition(".")
    built_in = getattr(builtins, last, None) if package in ("", "builtins") else None
    for kind in type(error).__mro__:
        if kind is built_in:
            return True
        if last == kind.__name__ and f"{kind.__module__}.".startswith(f"{package}." if package else ""):
            return True
    return False
