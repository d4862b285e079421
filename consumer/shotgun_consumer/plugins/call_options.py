"""How a callback wants to be run: what it may say of concurrency, retries, time and failure."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

FailureAction = Literal["pause", "dead_letter", "skip"]
FAILURE_ACTIONS: tuple[FailureAction, ...] = ("pause", "dead_letter", "skip")
MAX_CONCURRENCY = 1_000
"""As many unfinished events fit into the metadata of a commit."""
MAX_THREADS = 256
"""What a plugin without async callbacks runs at once, at most."""

ErrorNames = str | type[BaseException] | Collection[str | type[BaseException]]
"""Exceptions, by name or as classes."""


class OptionError(ValueError):
    """An option has a value that it cannot have. The message names the option, the value and what it may be."""


@dataclass(frozen=True, slots=True)
class CallOptions:
    """What the plugin said; None is not said, and the configuration or the default decides.

    `concurrency` is how many events may run at once; `max_attempts` counts the first try; `retry_on` are names of
    exceptions; `timeout` is in seconds.
    """

    concurrency: int | None = None
    max_attempts: int | None = None
    retry_on: tuple[str, ...] | None = None
    timeout: float | None = None
    on_failure: FailureAction | None = None


def call_options(
    concurrency: int | None,
    max_attempts: int | None,
    retry_on: ErrorNames | None,
    timeout: float | None,
    on_failure: str | None,
) -> CallOptions:
    """The options, checked. Raises OptionError."""
    return CallOptions(
        None if concurrency is None else checked_concurrency(concurrency),
        None if max_attempts is None else _attempts(max_attempts),
        None if retry_on is None else _names(retry_on),
        None if timeout is None else _seconds(timeout),
        None if on_failure is None else _action(on_failure),
    )


def checked_concurrency(value: object) -> int:
    """The number of events at once. Raises OptionError."""
    if type(value) is not int or not 1 <= value <= MAX_CONCURRENCY:
        raise OptionError(f"concurrency must be a number from 1 to {MAX_CONCURRENCY}, got {value!r}")
    return value


def _attempts(value: object) -> int:
    if type(value) is not int or value < 1:
        raise OptionError(f"max_attempts must be a number from 1 on, got {value!r}")
    return value


def _names(value: ErrorNames) -> tuple[str, ...]:
    given = [value] if isinstance(value, str | type) else list(value)
    names = [one.__name__ if isinstance(one, type) else one for one in given]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise OptionError(
            f"retry_on takes exceptions or their names, such as ['TimeoutError'], got {value!r}"
        )
    return tuple(names)


def _seconds(value: object) -> float:
    if (
        isinstance(value, bool)
        or not isinstance(value, int | float)
        or not (value > 0 and math.isfinite(value))
    ):
        raise OptionError(f"timeout must be seconds above 0, got {value!r}")
    return float(value)


def _action(value: str) -> FailureAction:
    if value not in FAILURE_ACTIONS:
        raise OptionError(f"on_failure must be one of {', '.join(FAILURE_ACTIONS)}, got {value!r}")
    return value
