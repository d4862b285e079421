"""One event through a plugin outside of Kafka, by the code that runs it in the service."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import shotgun_api3
from prometheus_client import CollectorRegistry

from shotgun_schemas.codec import FINGERPRINT, Decoder, encode
from shotgun_schemas.event import Event
from shotgun_schemas.headers import event_headers

from ..metrics import Metrics
from ..plugins.plugin_loader import LoadedPlugin
from ..plugins.registrar import CallbackSpec
from ..requests import DeadLetterRequest
from ..running.awaiting import Awaiting
from ..running.connections import Connect
from ..running.delivery import Delivery, Outcome, Result
from ..running.event_runner import EventRunner
from ..running.failure_handler import FailedCall, FailureHandler, RuleOf
from ..running.flood_guard import NoGuard
from ..running.header_filter import wanted_by
from ..running.history import tried_before
from ..running.oversize import RowCompleter
from ..running.steps import take_here

TOPIC = "trial"


@dataclass(frozen=True, slots=True)
class Call:
    """One call of a callback: `callback` is its name; `raised` what it raised, None when it returned."""

    callback: str
    raised: BaseException | None


@dataclass(frozen=True, slots=True)
class Trialled:
    """What became of one event.

    `outcome` is `filtered`, `succeeded`, `skipped`, `dead_lettered`, `retried` or `unfinished`: the plugin would stay
    at the event; then `reason` says why. `calls` are the callbacks that were called, in order; `raised` is the first
    thing that one of them, or a `where`, raised. `retry_in` are the seconds after which it would run again.
    `log` has every line that the plugin logged.
    """

    outcome: str
    reason: str
    calls: tuple[Call, ...]
    raised: BaseException | None
    retry_in: float | None
    log: tuple[logging.LogRecord, ...]

    @property
    def messages(self) -> list[str]:
        """The plugin's log as texts."""
        return [record.getMessage() for record in self.log]


class Trial:
    """Runs events through one plugin, one after the other, in the calling thread. `connect` makes its connections.
    `close` it in that thread.

    The filters, the arguments, the session of each event and the meaning of a failure are those of the service. There
    are no positions: the next event runs whatever became of the one before.
    """

    def __init__(self, plugin: LoadedPlugin, connect: Connect, group: str, rules: RuleOf) -> None:
        self._calls: list[Call] = []
        self._plugin = replace(plugin, callbacks=tuple(map(self._observed, plugin.callbacks)))
        self._wants = wanted_by([spec.filter.wants for spec in plugin.callbacks], deliver_backfill=True)
        self._client = shotgun_api3.Shotgun("http://localhost", connect=False)
        self._offset = 0
        self._awaiting = Awaiting()
        metrics = Metrics(CollectorRegistry()).group(group, plugin.name)
        self._runner = EventRunner(
            self._plugin,
            group,
            TOPIC,
            failures=FailureHandler(group, rules, _Aside(), _Aside(), metrics, NoGuard()),
            decoder=Decoder(),
            connect=connect,
            completer=RowCompleter(lambda _number: None, threading.Event()),
            metrics=metrics,
        )

    def run(self, event: Mapping[str, Any], attempt: int = 1) -> Trialled:
        """Run an event: a row as the site sends it, or as the client returns it. Raises ValueError without an id."""
        # A plugin's own dates go back to the site's form, and come out of the stream as the client makes them.
        row = Event(self._client._transform_outbound(dict(event)))
        self._calls.clear()
        with _listening(self._plugin.logger) as log:
            result = self._deliver(self._delivery(row, attempt))
        return self._trialled(result, tuple(log))

    def close(self) -> None:
        """Cancel what `async` callbacks have left running, and give back their event loop and threads."""
        self._awaiting.close()
        self._runner.close()

    def _delivery(self, row: Event, attempt: int) -> Delivery:
        self._offset += 1
        headers = {
            name: value
            for name, value in event_headers(row, site="trial", schema=FINGERPRINT)
            if isinstance(value, bytes)
        }
        key = str(row.id).encode()
        ended = tried_before() if attempt > 1 else frozenset()
        return Delivery(0, self._offset, 0, key, encode(row), headers, 0.0, attempt, ended)

    def _deliver(self, delivery: Delivery) -> Result:
        if not self._wants(delivery):
            return Result(delivery, Outcome.FILTERED)
        return take_here(self._runner.steps(delivery), self._awaiting)

    def _trialled(self, result: Result, log: tuple[logging.LogRecord, ...]) -> Trialled:
        calls = tuple(self._calls)
        raised = [call.raised for call in calls if call.raised is not None]
        raised += [record.exc_info[1] for record in log if record.exc_info and record.exc_info[1] is not None]
        first = raised[0] if raised else None
        outcome, reason = result.outcome, result.reason
        if isinstance(first, DeadLetterRequest):
            reason = first.reason
        said = (
            "retried"
            if result.retry_after is not None
            else "unfinished"
            if outcome is None
            else outcome.value
        )
        return Trialled(said, reason, calls, first, result.retry_after, log)

    def _observed(self, spec: CallbackSpec) -> CallbackSpec:
        """The callback, each call of which is taken down."""
        function, calls, key = spec.function, self._calls, spec.key

        def called(*arguments: Any) -> Any:
            with _taking_down(calls, key):
                return function(*arguments)

        async def awaited(*arguments: Any) -> Any:
            with _taking_down(calls, key):
                return await function(*arguments)

        return replace(spec, function=awaited if spec.is_async else called)


@contextmanager
def _taking_down(calls: list[Call], key: str) -> Iterator[None]:
    try:
        yield
    except BaseException as error:
        calls.append(Call(key, error))
        raise
    calls.append(Call(key, None))


@contextmanager
def _listening(logger: logging.Logger) -> Iterator[list[logging.LogRecord]]:
    """Everything that is logged at or below this logger, unless the plugin has set a level of its own."""
    handler = _Listener()
    before = logger.level
    if before == logging.NOTSET:
        logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    try:
        yield handler.records
    finally:
        logger.removeHandler(handler)
        if before == logging.NOTSET and logger.level == logging.DEBUG:
            logger.setLevel(before)


class _Aside:
    """Takes dead letters, and is told of pauses; what became of the event says it all."""

    def put(self, failed: FailedCall, stack: str) -> str:  # noqa: ARG002
        """There is no Kafka to keep it."""
        return "the event would be a dead letter of this callback"

    def take_back(self, letter: str) -> None:
        """There is none."""

    def pause(self, reason: str) -> None:
        """There is no group to pause."""


class _Listener(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.records: list[logging.LogRecord] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.records.append(record)
