"""One event through the callbacks of one plugin."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

from shotgun_schemas import headers
from shotgun_schemas.codec import FINGERPRINT, DecodeError, Decoder
from shotgun_schemas.event import Event

from ..context import Position
from ..metrics import GroupMetrics
from ..orders.orders import GroupOrders
from ..plugins.plugin_loader import LoadedPlugin
from ..plugins.registrar import CallbackSpec
from .call_watch import CANCELLED_SECONDS, CallWatch, Limit
from .calls import FILTERED, RETURNED, Call, Ended, SteppedCall, Try, plain_call
from .client_view import ClientView
from .connections import Connect
from .delivery import Delivery, Outcome, Result
from .failure_handler import FailedCall, FailureHandler, Settled
from .history import History
from .oversize import GivenUpError, RowGoneError
from .poison import PoisonError
from .steps import Blocking, Step, Steps, take_here

_OWN_SCHEMA = FINGERPRINT.encode()


class Completer(Protocol):
    """Brings back what an oversize event had to leave out."""

    def complete(self, event: Event) -> Event:
        """The whole event. Raises RowGoneError, or GivenUpError when the process stops."""


@dataclass(slots=True)
class Begun:
    """A run that has come to its first failure: that of the callback number `index`, which ended as `ended`.

    `returned` are the keys of the callbacks before it that were called and returned.
    """

    row: dict[str, Any]
    returned: list[str]
    index: int
    ended: Ended


class EventRunner:
    """Decodes an event and calls the callbacks that want it, and does not raise.

    The callbacks of the plugin share one dict; no other plugin sees it. Those that have ended for the event in earlier
    tries are not called again.

    Without `threads` it belongs to one worker thread: plain callbacks are called in the thread that takes the steps.
    With, it is for an event loop, and the steps of many events may be taken there side by side: plain callbacks, and
    requests to Shotgun, then run in up to so many threads of each callback. `close` gives these back.
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
        threads: int = 0,
    ) -> None:
        self._log = plugin.logger
        self._group = group
        self._topic = topic
        self._failures = failures
        self._orders = orders
        self._decoder = decoder
        self._completer = completer
        self._view = ClientView()
        self._known_schemas: set[bytes | None] = {_OWN_SCHEMA}
        self._calls: list[Call] = []
        for spec in plugin.callbacks:
            limit, timeout = self._limit(spec, watch), failures.rules(spec).timeout
            self._calls.append(
                SteppedCall(spec, group, connect, metrics, limit, timeout, threads or 1)
                if threads or spec.is_async
                else plain_call(spec, group, connect, metrics, limit)
            )

    def run(self, delivery: Delivery) -> Result:
        """Run the event in this thread, to its end or to where a failure stops it. Only without `async` callbacks."""
        if delivery.attempt > 1 or delivery.ended or delivery.replayed or not self._is_plain(delivery):
            return take_here(self.steps(delivery))
        # Nearly every event is whole, in its first run, and without a failure. Steps and a history would take more time
        # than all the rest but the decoding.
        try:
            row = self._view.event(self._decode(delivery).row)
        except DecodeError as error:
            return self._unread(delivery, error)
        returned: list[str] = []
        for index, call in enumerate(self._calls):
            ended = call.unwanted(row)
            if ended is FILTERED:
                continue
            if ended is None:
                ended = call.call(Try(row, self._position(delivery), 1, False))
            if ended is not RETURNED:
                return take_here(self.steps(delivery, Begun(row, returned, index, ended)))
            self._failures.succeeded()
            returned.append(call.spec.key)
        return Result(delivery, Outcome.SUCCEEDED if returned else Outcome.FILTERED)

    def close(self) -> None:
        """Give back what the callbacks hold. What still runs is not waited for."""
        for call in self._calls:
            call.close()

    def steps(self, delivery: Delivery, begun: Begun | None = None) -> Steps:
        """As `run`, in steps; with `begun`, from there on."""
        if begun is None:
            try:
                # Nearly every event can be read at once, and steps within steps take their time.
                event = (
                    self._decode(delivery) if self._is_plain(delivery) else (yield from self._read(delivery))
                )
            except (DecodeError, RowGoneError, GivenUpError) as error:
                return self._unread(delivery, error)
            row, first = self._view.event(event.row), 0
        else:
            row, first = begun.row, begun.index
        position = self._position(delivery)
        history = History(delivery)
        for key in () if begun is None else begun.returned:
            history.end(key, Outcome.SUCCEEDED)
        outcome = Outcome.FILTERED
        for call in self._calls[first:]:
            key = call.spec.key
            if history.has_ended(key):
                outcome = Outcome.SUCCEEDED
                continue
            stepped = call if isinstance(call, SteppedCall) else None
            # One after the other: a callback may change the event, and with it what the later ones want.
            ended: Ended | None
            if begun is not None:
                ended, begun = begun.ended, None
            else:
                ended = (yield from stepped.unwanted_steps(row)) if stepped else call.unwanted(row)
            if ended is FILTERED:
                continue
            outcome = Outcome.SUCCEEDED
            if ended is None and not history.is_poison:
                one = Try(row, position, history.attempt(key), delivery.replayed)
                ended = (yield from stepped.steps(one)) if stepped else call.call(one)
            if ended is RETURNED:
                self._failures.succeeded()
                if delivery.replayed:
                    yield from self._delivered(call.spec, delivery)
                history.end(key, Outcome.SUCCEEDED)
                continue
            raised = PoisonError() if ended is None else ended.raised
            assert raised is not None
            failed = FailedCall(call.spec, history.attempt(key), delivery, position, row, raised)
            settled: Settled = yield Blocking(partial(self._failures.settle, failed))
            if settled.outcome is None:
                return self._unfinished(failed, settled, history)
            history.end(key, settled.outcome)
        return Result(delivery, history.outcome if outcome is Outcome.SUCCEEDED else outcome)

    def _unread(self, delivery: Delivery, error: DecodeError | RowGoneError | GivenUpError) -> Result:
        if isinstance(error, GivenUpError):
            return Result(delivery, None, str(error), ended=delivery.ended)
        if delivery.replayed:
            self._log.error("%s; it is not replayed", error)
            return Result(delivery, Outcome.SKIPPED)
        # Nobody has seen it, so nobody can say that it may be passed over.
        self._log.error("%s; %s", error, self._failures.stays)
        return self._stop(delivery, str(error), delivery.ended)

    def _unfinished(self, failed: FailedCall, settled: Settled, history: History) -> Result:
        key = failed.spec.key
        if settled.retry_after is None:
            return self._stop(failed.delivery, settled.reason, history.anew(key))
        return Result(
            failed.delivery,
            None,
            settled.reason,
            retry_after=settled.retry_after,
            ended=history.again(key),
        )

    def _stop(self, delivery: Delivery, reason: str, ended: frozenset[str]) -> Result:
        """Stay at the event, and let everybody know."""
        if self._orders is not None:
            self._orders.stop(delivery.partition, delivery.offset, delivery.event_id, reason)
        return Result(delivery, None, reason, ended=ended)

    def _delivered(self, spec: CallbackSpec, delivery: Delivery) -> Generator[Step, Any, None]:
        if self._orders is not None:
            letter = self._orders.letter_of(delivery.partition, delivery.offset, spec.key)
            if letter is not None:
                yield Blocking(partial(self._failures.delivered, letter, spec))

    def _position(self, delivery: Delivery) -> Position:
        return Position(self._topic, delivery.partition, delivery.offset)

    def _is_plain(self, delivery: Delivery) -> bool:
        """Whether the event is whole, and in a schema that need not be asked for."""
        given = delivery.headers
        return given.get(headers.SCHEMA) in self._known_schemas and headers.META_BYTES not in given

    def _read(self, delivery: Delivery) -> Generator[Step, Any, Event]:
        # The control topic may have to be asked for the schema.
        event: Event = yield Blocking(partial(self._decode, delivery))
        self._known_schemas.add(delivery.headers.get(headers.SCHEMA))
        if headers.META_BYTES in delivery.headers:
            event = yield Blocking(partial(self._completer.complete, event))
        return event

    def _decode(self, delivery: Delivery) -> Event:
        return self._decoder.decode(
            delivery.value, topic=self._topic, partition=delivery.partition, offset=delivery.offset
        )

    def _limit(self, spec: CallbackSpec, watch: CallWatch | None) -> Limit | None:
        rules = self._failures.rules(spec)
        if watch is None or rules.timeout is None:
            return None
        # An async one is cancelled first; only when that does not end it soon, somebody must look.
        patience = rules.timeout + (CANCELLED_SECONDS if spec.is_async else 0.0)
        return Limit(watch, self._group, spec, patience, rules.on_timeout)
