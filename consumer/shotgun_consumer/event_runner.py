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
from .call_watch import CallWatch, Limit
from .client_view import ClientView
from .connections import AsyncConnection, CallbackConnection, Connect
from .context import Context, Position
from .delivery import Delivery, Outcome, Result
from .failure_handler import FailedCall, FailureHandler, stopped
from .history import History
from .metrics import GroupMetrics
from .ordered_run import OrderedRun
from .orders import GroupOrders
from .oversize import GivenUpError, RowGoneError
from .own_events import OwnEvents, find_script_id
from .plugin_loader import LoadedPlugin
from .poison import PoisonError
from .registrar import CallbackSpec
from .requests import CallbackRequest
from .signatures import CallStyle


class Completer(Protocol):
    """Brings back what an oversize event had to leave out."""

    def complete(self, event: Event) -> Event:
        """The whole event. Raises RowGoneError, or GivenUpError when the process stops."""


class EventRunner:
    """Decodes an event and calls the callbacks that want it. Belongs to one worker thread and does not raise.

    The callbacks of the plugin share one dict; no other plugin sees it. Those that have ended for the event in earlier
    tries are not called again.
    """

    def __init__(
        self,
        plugin: LoadedPlugin,
        group: str,
        topic: str,
        *,
        failures: FailureHandler,
        decoder: Decoder,
        connect: Connect,
        completer: Completer,
        metrics: GroupMetrics,
        watch: CallWatch | None = None,
        orders: GroupOrders | None = None,
    ) -> None:
        self._log = plugin.logger
        self._group = group
        self._topic = topic
        self._failures = failures
        self._orders = orders
        self._ordered = (
            self.run_unordered
            if orders is None
            else OrderedRun(orders, topic, plugin.logger, self.run_unordered).run
        )
        self._decoder = decoder
        self._completer = completer
        self._view = ClientView()
        self._calls = [
            _Call(
                spec,
                group,
                CallbackConnection(spec, connect),
                metrics,
                self._limit(spec, watch),
                failures.rules(spec).timeout,
            )
            for spec in plugin.callbacks
        ]

    def run(self, delivery: Delivery) -> Result:
        """Run the event to its end, or to where a failure, or an operator's order, stops it."""
        return self._ordered(delivery)

    def run_unordered(self, delivery: Delivery) -> Result:
        """As `run`, without looking at operators' orders, for whoever obeys them himself."""
        try:
            event = self._read(delivery)
        except (DecodeError, RowGoneError) as error:
            if delivery.replayed:
                self._log.error("%s; it is not replayed", error)
                return Result(delivery, Outcome.SKIPPED)
            # Nobody has seen it, so nobody can say that it may be passed over.
            self._log.error("%s; %s", error, stopped(self._group))
            return self._stop(delivery, str(error), delivery.ended)
        except GivenUpError as error:
            return Result(delivery, None, str(error), ended=delivery.ended)
        return self._call(self._view.event(event.row), delivery)

    def _call(self, row: dict[str, Any], delivery: Delivery) -> Result:
        position = Position(self._topic, delivery.partition, delivery.offset)
        history = History(delivery)
        outcome = Outcome.FILTERED
        for call in self._calls:
            key = call.spec.key
            if history.has_ended(key):
                outcome = Outcome.SUCCEEDED
                continue
            attempt = history.attempt(key)
            # One after the other: a callback may change the event, and with it what the later ones want.
            ended = call.give_up(row) if history.is_poison else call.run(row, position, attempt, delivery)
            if ended is _FILTERED:
                continue
            outcome = Outcome.SUCCEEDED
            if ended.raised is None:
                self._succeeded(call.spec, delivery)
                history.end(key, Outcome.SUCCEEDED)
                continue
            failed = FailedCall(call.spec, attempt, delivery, position, row, ended.raised)
            settled = self._failures.settle(failed)
            if settled.outcome is not None:
                history.end(key, settled.outcome)
            elif settled.retry_after is None:
                return self._stop(delivery, settled.reason, history.anew(key))
            else:
                return Result(
                    delivery,
                    None,
                    settled.reason,
                    retry_after=settled.retry_after,
                    ended=history.again(key),
                )
        return Result(delivery, history.outcome if outcome is Outcome.SUCCEEDED else outcome)

    def _stop(self, delivery: Delivery, reason: str, ended: frozenset[str]) -> Result:
        """Stay at the event, and let everybody know."""
        if self._orders is not None:
            self._orders.stop(delivery.partition, delivery.offset, delivery.event_id, reason)
        return Result(delivery, None, reason, ended=ended)

    def _succeeded(self, spec: CallbackSpec, delivery: Delivery) -> None:
        self._failures.succeeded()
        if delivery.replayed and self._orders is not None:
            letter = self._orders.letter_of(delivery.partition, delivery.offset, spec.key)
            if letter is not None:
                self._failures.delivered(letter, spec)

    def _read(self, delivery: Delivery) -> Event:
        event = self._decoder.decode(
            delivery.value, topic=self._topic, partition=delivery.partition, offset=delivery.offset
        )
        return self._completer.complete(event) if headers.META_BYTES in delivery.headers else event

    def _limit(self, spec: CallbackSpec, watch: CallWatch | None) -> Limit | None:
        rules = self._failures.rules(spec)
        if watch is None or rules.timeout is None or spec.is_async:
            return None
        return Limit(watch, self._group, spec, rules.timeout, rules.on_timeout)


@dataclass(frozen=True, slots=True)
class _Ended:
    """How a callback ended for an event: with what it, or its filter, raised; None when it returned."""

    raised: BaseException | None = None


_FILTERED = _Ended()
_RETURNED = _Ended()


class _Call:
    """One callback with its connection and its metrics."""

    def __init__(
        self,
        spec: CallbackSpec,
        group: str,
        connection: CallbackConnection,
        metrics: GroupMetrics,
        limit: Limit | None,
        timeout: float | None,
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
        self._limit = limit
        self._timeout = timeout
        self._duration = metrics.callback_duration(spec.key)
        self._failures = metrics.callback_failures(spec.key)
        self._invoke: Callable[[dict[str, Any], Position, int, bool], object] = {
            CallStyle.FOUR: self._four,
            CallStyle.THREE: self._three,
            CallStyle.ONE: self._one,
        }[spec.style]

    def run(self, row: dict[str, Any], position: Position, attempt: int, delivery: Delivery) -> _Ended:
        """Call it if it wants the event; what it raised comes back, sys.exit() and KeyboardInterrupt included."""
        unwanted = self._unwanted(row)
        if unwanted is not None:
            return unwanted
        started = time.perf_counter()
        watched = None if self._limit is None else self._limit.begin(row.get("id"), position)
        try:
            returned = self._invoke(row, position, attempt, delivery.replayed)
            if self._awaiting is not None:
                self._awaiting.run(returned, self._timeout)  # type: ignore[arg-type]
        except BaseException as error:  # noqa: BLE001
            if not isinstance(error, CallbackRequest):
                self._failures.inc()
            return _Ended(_outside(error))
        finally:
            if watched is not None:
                watched.end()
            self._duration.observe(time.perf_counter() - started)
        return _RETURNED

    def give_up(self, row: dict[str, Any]) -> _Ended:
        """What comes of an event that it wants and must not be called for, because it is poison."""
        unwanted = self._unwanted(row)
        return _Ended(PoisonError()) if unwanted is None else unwanted

    def _unwanted(self, row: dict[str, Any]) -> _Ended | None:
        """None when it wants the event. What its own filter raises is a failure of the callback."""
        try:
            if self.spec.filter.selects(row) and not self._made(row):
                return None
        except BaseException as error:  # noqa: BLE001
            self._failures.inc()
            return _Ended(_outside(error))
        return _FILTERED

    def _made(self, row: dict[str, Any]) -> bool:
        return self.spec.ignore_own_events and self._own.made(row, time.monotonic())

    def _four(self, row: dict[str, Any], _position: Position, _attempt: int, _replayed: bool) -> object:
        return self.spec.function(self._sg(row), self.spec.logger, row, self.spec.args)

    def _three(self, row: dict[str, Any], _position: Position, _attempt: int, _replayed: bool) -> object:
        return self.spec.function(self._sg(row), row, self.spec.args)

    def _one(self, row: dict[str, Any], position: Position, attempt: int, replayed: bool) -> object:
        session = row.get("session_uuid")
        return self.spec.function(
            Context(
                event=row,
                logger=self.spec.logger,
                args=self.spec.args,
                idempotency_key=f"{self._group}/{self.spec.key}/{row.get('id')}",
                position=position,
                _connect=lambda: self._source.get(session),
                attempt=attempt,
                replayed=replayed,
            )
        )

    def _sg(self, row: dict[str, Any]) -> Any:
        return self._source.get(row.get("session_uuid"))


def _outside(error: BaseException) -> BaseException:
    """The error without our own frames, which say nothing to the plugin's author."""
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename == __file__:
        inner = inner.tb_next
    return error.with_traceback(inner)
