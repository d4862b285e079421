"""What follows when a callback fails: the event is tried again, put aside, passed over or stopped at."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from shotgun_runtime.errors import StreamError

from ..context import Position
from ..metrics import GroupMetrics
from ..plugins.policy import FailureRules, Verdict
from ..plugins.registrar import CallbackSpec
from ..requests import CallbackRequest, DeadLetterRequest, RetryRequest
from .delivery import Delivery, Outcome
from .flood_guard import FloodGuard
from .poison import PoisonError

RuleOf = Callable[[CallbackSpec], FailureRules]


@dataclass(frozen=True, slots=True)
class FailedCall:
    """A callback that raised. `attempt` counts the tries of this callback from 1."""

    spec: CallbackSpec
    attempt: int
    delivery: Delivery
    position: Position
    row: dict[str, Any]
    error: BaseException

    @property
    def reason(self) -> str:
        """What it raised, for people."""
        if isinstance(self.error, CallbackRequest):
            return str(self.error)
        return f"{type(self.error).__name__}: {self.error}"

    def __str__(self) -> str:
        return f"event {self.row.get('id')} ({self.row.get('event_type')}) at {self.position}"


@dataclass(frozen=True, slots=True)
class Settled:
    """What is decided for one callback. With an `outcome` it has ended, and later callbacks are called.

    Without, the event is unfinished because of `reason`: it is run again after `retry_after` seconds, or its partition
    stops at it when that is None.
    """

    outcome: Outcome | None = None
    reason: str = ""
    retry_after: float | None = None


class DeadLetters(Protocol):
    """Where events are put aside. Called in worker threads."""

    def put(self, failed: FailedCall, stack: str) -> str:
        """Keep the event for this callback; returns once Kafka has acknowledged it. Raises StreamError otherwise.

        What comes back is for the log: what the event is now, and where it can be seen.
        """

    def take_back(self, letter: str) -> None:
        """Have the letter with this key no more. Raises StreamError when Kafka has not acknowledged that."""


class Brake(Protocol):
    """Pauses a group of its own accord. Called in worker threads; must not block."""

    def pause(self, reason: str) -> None:
        """Have all members of the group start nothing more until somebody resumes it."""


class FailureHandler:
    """Decides by the rules of each callback, acts, and says so in the callback's log. Shared by a group's workers.

    `stays` says what it means that the group stays at an event, for the log.
    """

    def __init__(
        self,
        group: str,
        rules: RuleOf,
        dead_letters: DeadLetters,
        brake: Brake,
        metrics: GroupMetrics,
        guard: FloodGuard | None = None,
        stays: str | None = None,
    ) -> None:
        self._group = group
        self.rules = rules
        self._dead_letters = dead_letters
        self._brake = brake
        self._metrics = metrics
        self._guard = guard or FloodGuard()
        self.stays = stays or stopped(group)

    def succeeded(self) -> None:
        """Take note that a callback has returned."""
        self._guard.succeeded()

    def delivered(self, letter: str, spec: CallbackSpec) -> None:
        """Take note that the callback has taken in its dead letter after all. Does not raise."""
        try:
            self._dead_letters.take_back(letter)
        except StreamError as error:
            spec.logger.warning("%s; it stays in the list of dead letters although it was replayed", error)
        else:
            spec.logger.info("Dead letter %s was replayed and is taken back", letter)

    def settle(self, failed: FailedCall) -> Settled:
        """What becomes of the event. Does not raise."""
        rules = self.rules(failed.spec)
        if isinstance(failed.error, RetryRequest):
            return self._retry(failed, rules, failed.error.seconds)
        if isinstance(failed.error, DeadLetterRequest):
            return self._put_aside(failed, rules)
        # Another try would end the process once more.
        poison = isinstance(failed.error, PoisonError)
        verdict = rules.final if poison else rules.decide(failed.attempt, failed.error)
        if verdict is Verdict.PAUSE and failed.delivery.replayed:
            # The group is past it, and must not stay at what somebody asked for again.
            verdict = Verdict.DEAD_LETTER
        if verdict is Verdict.RETRY:
            return self._retry(failed, rules, rules.pause_after(failed.attempt))
        if verdict is Verdict.DEAD_LETTER:
            return self._put_aside(failed, rules)
        if verdict is Verdict.SKIP:
            self._tell(failed, "the event counts as skipped for this callback, and the plugin goes on")
            return Settled(Outcome.SKIPPED)
        self._tell(failed, self.stays)
        return Settled(
            None, f"callback {failed.spec.name!r} raised {failed.reason} on event {failed.row.get('id')}"
        )

    def _retry(self, failed: FailedCall, rules: FailureRules, seconds: float) -> Settled:
        asked = isinstance(failed.error, RetryRequest)
        failed.spec.logger.log(
            logging.INFO if asked else logging.WARNING,
            "callback %r %s on %s (try %d%s); it is tried again in %.3g s, and what is behind it in its lane waits",
            failed.spec.name,
            "asked for another try" if asked else f"raised {failed.reason}",
            failed,
            failed.attempt,
            "" if asked else f" of {rules.max_attempts}",
            seconds,
        )
        return Settled(None, failed.reason, retry_after=seconds)

    def _put_aside(self, failed: FailedCall, rules: FailureRules) -> Settled:
        flood = self._guard.put_aside()
        if flood is not None:
            return self._stop_flood(failed, flood)
        try:
            kept = self._dead_letters.put(failed, _stack(failed.error))
        except StreamError as error:
            self._guard.withdraw()
            wait = rules.pause_after(failed.attempt)
            self._tell(
                failed, f"its dead letter was not written ({error}), so it is tried again in {wait:.3g} s"
            )
            return Settled(None, failed.reason, retry_after=wait)
        self._tell(failed, f"{kept}; the plugin goes on")
        return Settled(Outcome.DEAD_LETTERED)

    def _stop_flood(self, failed: FailedCall, flood: str) -> Settled:
        reason = f"{flood}; the last was {failed.reason}"
        self._brake.pause(reason)
        self._tell(
            failed,
            f"{flood}: the group is paused instead of filling the dead letters. Mend the cause, then run "
            f"'shotgun-consumer resume {self._group}'; it goes on with this event",
        )
        return Settled(None, reason)

    @staticmethod
    def _tell(failed: FailedCall, consequence: str) -> None:
        error = failed.error
        if isinstance(error, DeadLetterRequest):
            failed.spec.logger.error(
                "callback %r gave up %s: %s; %s", failed.spec.name, failed, error.reason, consequence
            )
            return
        failed.spec.logger.error(
            "callback %r failed on %s; %s",
            failed.spec.name,
            failed,
            consequence,
            exc_info=(type(error), error, error.__traceback__),
        )


def stopped(group: str) -> str:
    """What an event that is stopped at means, for the log."""
    return (
        f"group {group!r} stays at this event and runs nothing behind it in this partition until the plugin's file "
        f"changes, the consumer is restarted, or somebody runs 'shotgun-consumer resume {group}' or "
        f"'shotgun-consumer skip {group}'; other plugins go on"
    )


def _stack(error: BaseException) -> str:
    return "".join(traceback.format_exception(type(error), error, error.__traceback__))
