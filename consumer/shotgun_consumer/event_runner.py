"""One event through the callbacks of one plugin, in a worker thread."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from shotgun_schemas import headers
from shotgun_schemas.codec import DecodeError, Decoder
from shotgun_schemas.event import Event

from .awaiting import Awaiting
from .client_view import ClientView
from .connections import AsyncConnection, CallbackConnection, Connect
from .context import Context, Position
from .delivery import Delivery, Outcome, Result
from .metrics import GroupMetrics
from .oversize import GivenUpError, RowGoneError
from .own_events import OwnEvents, find_script_id
from .plugin_loader import LoadedPlugin
from .policy import Failure, FailurePolicy, Verdict
from .registrar import CallbackSpec
from .signatures import CallStyle


class Completer(Protocol):
    """Brings back what an oversize event had to leave out."""

    def complete(self, event: Event) -> Event:
        """The whole event. Raises RowGoneError, or GivenUpError when the process stops."""


class EventRunner:
    """Decodes an event and calls the callbacks that want it. Belongs to one worker thread and does not raise.

    The callbacks of the plugin share one dict; no other plugin sees it.
    """

    def __init__(
        self,
        plugin: LoadedPlugin,
        group: str,
        topic: str,
        *,
        policy: FailurePolicy,
        decoder: Decoder,
        connect: Connect,
        completer: Completer,
        metrics: GroupMetrics,
    ) -> None:
        self._log = plugin.logger
        self._group = group
        self._topic = topic
        self._policy = policy
        self._decoder = decoder
        self._completer = completer
        self._view = ClientView()
        self._calls = [
            _Call(spec, group, CallbackConnection(spec, connect), metrics) for spec in plugin.callbacks
        ]

    def run(self, delivery: Delivery) -> Result:
        """Run the event to its end, or to where the policy stops it."""
        position = Position(self._topic, delivery.partition, delivery.offset)
        try:
            event = self._read(delivery)
        except (DecodeError, RowGoneError) as error:
            self._policy.decide(Failure(None, stop_on_error=True, error=str(error)))
            self._log.error("%s; %s", error, self._consequence())
            return Result(delivery, None, str(error))
        except GivenUpError as error:
            return Result(delivery, None, str(error))
        row = self._view.event(event.row)
        outcome = Outcome.FILTERED
        for call in self._calls:
            # One after the other: a callback may change the event, and with it what the later ones want.
            ended = call.run(row, position, delivery)
            if ended is _FILTERED:
                continue
            if outcome is Outcome.FILTERED:
                outcome = Outcome.SUCCEEDED
            raised = ended.raised
            if raised is None:
                continue
            reason = f"{type(raised).__name__}: {raised}"
            verdict = self._policy.decide(Failure(call.spec.key, call.spec.stop_on_error, reason))
            self._report(call.spec, row, position, raised, verdict)
            if verdict is Verdict.PAUSE:
                return Result(
                    delivery, None, f"callback {call.spec.name!r} raised {reason} on event {row.get('id')}"
                )
            outcome = Outcome.SKIPPED
        return Result(delivery, outcome)

    def _read(self, delivery: Delivery) -> Event:
        event = self._decoder.decode(
            delivery.value, topic=self._topic, partition=delivery.partition, offset=delivery.offset
        )
        return self._completer.complete(event) if headers.META_BYTES in delivery.headers else event

    def _report(
        self,
        spec: CallbackSpec,
        row: dict[str, Any],
        position: Position,
        error: BaseException,
        verdict: Verdict,
    ) -> None:
        consequence = (
            self._consequence()
            if verdict is Verdict.PAUSE
            else "the event counts as skipped for this callback, and the plugin goes on"
        )
        spec.logger.error(
            "callback %r failed on event %s (%s) at %s; %s",
            spec.name,
            row.get("id"),
            row.get("event_type"),
            position,
            consequence,
            exc_info=(type(error), error, error.__traceback__),
        )

    def _consequence(self) -> str:
        return (
            f"group {self._group!r} stays at this event and runs nothing behind it in this partition until the "
            "consumer is restarted or the partition is reassigned; other plugins go on"
        )


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a callback ended for an event: with what it, or its filter, raised; None when it returned."""

    raised: BaseException | None = None


_FILTERED = _Ended()
_RETURNED = _Ended()


class _Call:
    """One callback with its connection and its metrics."""

    def __init__(
        self, spec: CallbackSpec, group: str, connection: CallbackConnection, metrics: GroupMetrics
    ) -> None:
        self.spec = spec
        self._group = group
        self._source: CallbackConnection | AsyncConnection = (
            AsyncConnection(connection) if spec.is_async else connection
        )
        self._awaiting = Awaiting() if spec.is_async else None
        self._own = OwnEvents(
            lambda: connection.script_name, lambda name: find_script_id(connection.get(None), name)
        )
        self._duration = metrics.callback_duration(spec.key)
        self._failures = metrics.callback_failures(spec.key)
        self._invoke: Callable[[dict[str, Any], Position, Delivery], object] = {
            CallStyle.FOUR: self._four,
            CallStyle.THREE: self._three,
            CallStyle.ONE: self._one,
        }[spec.style]

    def run(self, row: dict[str, Any], position: Position, delivery: Delivery) -> _Ended:
        """Call it if it wants the event; what it raised comes back, sys.exit() and KeyboardInterrupt included."""
        started = time.perf_counter()
        try:
            if not self._wants(row):
                return _FILTERED
            started = time.perf_counter()
            returned = self._invoke(row, position, delivery)
            if self._awaiting is not None:
                self._awaiting.run(returned)  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001
            self._failures.inc()
            # Our own frames say nothing to the plugin's author.
            inner = error.__traceback__
            while inner is not None and inner.tb_frame.f_code.co_filename == __file__:
                inner = inner.tb_next
            self._duration.observe(time.perf_counter() - started)
            return _Ended(error.with_traceback(inner))
        self._duration.observe(time.perf_counter() - started)
        return _RETURNED

    def _wants(self, row: dict[str, Any]) -> bool:
        if not self.spec.filter.selects(row):
            return False
        return not (self.spec.ignore_own_events and self._own.made(row, time.monotonic()))

    def _four(self, row: dict[str, Any], _position: Position, _delivery: Delivery) -> object:
        return self.spec.function(self._sg(row), self.spec.logger, row, self.spec.args)

    def _three(self, row: dict[str, Any], _position: Position, _delivery: Delivery) -> object:
        return self.spec.function(self._sg(row), row, self.spec.args)

    def _one(self, row: dict[str, Any], position: Position, delivery: Delivery) -> object:
        session = row.get("session_uuid")
        return self.spec.function(
            Context(
                event=row,
                logger=self.spec.logger,
                args=self.spec.args,
                idempotency_key=f"{self._group}/{self.spec.key}/{row.get('id')}",
                position=position,
                _connect=lambda: self._source.get(session),
                attempt=delivery.attempt,
                replayed=delivery.replayed,
            )
        )

    def _sg(self, row: dict[str, Any]) -> Any:
        return self._source.get(row.get("session_uuid"))
