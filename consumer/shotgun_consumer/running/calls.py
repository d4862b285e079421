"""One callback as it is called: with its connection, its filter and its metrics."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Generator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from ..context import Context, Position
from ..metrics import GroupMetrics
from ..plugins.registrar import CallbackSpec
from ..plugins.signatures import CallStyle
from ..requests import CallbackRequest
from .call_watch import Limit
from .connections import AsyncShotgun, CallbackConnection, Connect, Connection, ThreadConnections
from .own_events import OwnEvents, find_script_id
from .steps import Awaited, Blocking, Step
from .threads import Threads

_OURS = str(Path(__file__).parents[1])


@dataclass(frozen=True, slots=True)
class Ended:
    """How a callback ended for an event: with what it, or its filter, raised; None when it returned."""

    raised: BaseException | None = None


FILTERED = Ended()
"""It was not called, because it does not want the event."""
RETURNED = Ended()


# Not frozen, although nobody changes one: each call of a callback makes one.
@dataclass(slots=True)
class Try:
    """One try of a callback: the event, where it stands, which try it is, and whether somebody asked for it again."""

    row: dict[str, Any]
    position: Position
    attempt: int
    replayed: bool


class Call:
    """A plain callback, called in the thread of one worker."""

    def __init__(
        self,
        spec: CallbackSpec,
        group: str,
        connection: Connection,
        metrics: GroupMetrics,
        limit: Limit | None,
    ) -> None:
        self.spec = spec
        self._group = group
        self._connection = connection
        self._limit = limit
        self._own = OwnEvents(
            lambda: connection.script_name, lambda name: find_script_id(connection.get(None), name)
        )
        self._ignores_own = spec.ignore_own_events
        self._duration = metrics.callback_duration
        self._failures = metrics.callback_failures(spec.key)
        self._invoke: Callable[[Try], Any] = {
            CallStyle.FOUR: self._four,
            CallStyle.THREE: self._three,
            CallStyle.ONE: self._one,
        }[spec.style]

    def close(self) -> None:
        """Nothing is held that does not go by itself."""

    def unwanted(self, row: dict[str, Any]) -> Ended | None:
        """None when it wants the event. What its own filter raises is a failure of the callback."""
        try:
            if self.spec.filter.selects(row) and not (self._ignores_own and self._made(row)):
                return None
        except BaseException as error:  # noqa: BLE001
            return self._raised(error)
        return FILTERED

    def _made(self, row: dict[str, Any]) -> bool:
        return self._own.made(row, time.monotonic())

    def call(self, one: Try) -> Ended:
        """Call it; what it raised comes back, sys.exit() and KeyboardInterrupt included."""
        started = time.perf_counter()
        watched = None if self._limit is None else self._limit.begin(one.row.get("id"), one.position)
        try:
            self._invoke(one)
        except BaseException as error:  # noqa: BLE001
            return self._raised(error)
        finally:
            if watched is not None:
                watched.end()
            self._duration.observe(time.perf_counter() - started)
        return RETURNED

    def _raised(self, error: BaseException) -> Ended:
        if not isinstance(error, CallbackRequest):
            self._failures.inc()
        return Ended(_outside(error))

    def _four(self, one: Try) -> object:
        return self.spec.function(
            self._sg(one.row.get("session_uuid")), self.spec.logger, one.row, self.spec.args
        )

    def _three(self, one: Try) -> object:
        return self.spec.function(self._sg(one.row.get("session_uuid")), one.row, self.spec.args)

    def _one(self, one: Try) -> object:
        session = one.row.get("session_uuid")
        return self.spec.function(
            Context(
                event=one.row,
                logger=self.spec.logger,
                args=self.spec.args,
                idempotency_key=f"{self._group}/{self.spec.key}/{one.row.get('id')}",
                position=one.position,
                _connect=lambda: self._sg(session),
                attempt=one.attempt,
                replayed=one.replayed,
            )
        )

    def _sg(self, session_uuid: str | None) -> Any:
        return self._connection.get(session_uuid)


class SteppedCall(Call):
    """A callback of a plugin that runs many events in one event loop, as steps; it is called for several at once.

    An `async` one is awaited in the loop, a plain one is called in one of the callback's threads. Each of these has a
    connection of its own, for what the callback does there and for the requests of an `async` one.
    """

    def __init__(
        self,
        spec: CallbackSpec,
        group: str,
        connect: Connect,
        metrics: GroupMetrics,
        limit: Limit | None,
        timeout: float | None,
        threads: int,
    ) -> None:
        super().__init__(spec, group, ThreadConnections(spec, connect), metrics, limit)
        self._threads = Threads(f"{group} {spec.key}", threads)
        self._timeout = timeout
        self._asking = threading.Lock()

    def steps(self, one: Try) -> Generator[Step, Any, Ended]:
        """As `call`."""
        if not self.spec.is_async:
            ended: Ended = yield Blocking(partial(self.call, one), self._threads)
            return ended
        started = time.perf_counter()
        watched = None if self._limit is None else self._limit.begin(one.row.get("id"), one.position)
        try:
            yield Awaited(partial(self._invoke, one), self._timeout)
        except GeneratorExit:
            # Nobody waits for its end any more: it has not failed.
            raise
        except BaseException as error:  # noqa: BLE001
            return self._raised(error)
        finally:
            if watched is not None:
                watched.end()
            self._duration.observe(time.perf_counter() - started)
        return RETURNED

    def close(self) -> None:
        """Begin no further request. What runs is not waited for."""
        self._threads.close()

    def unwanted_steps(self, row: dict[str, Any]) -> Generator[Step, Any, Ended | None]:
        """As `unwanted`."""
        # Most events are told apart at once; whether it is an own one may have to be asked of the site.
        if self._ignores_own and self._own.must_ask(row, time.monotonic()):
            unwanted: Ended | None = yield Blocking(partial(self._unwanted_in_turn, row), self._threads)
            return unwanted
        return self.unwanted(row)

    def _unwanted_in_turn(self, row: dict[str, Any]) -> Ended | None:
        with self._asking:
            return self.unwanted(row)

    def _sg(self, session_uuid: str | None) -> Any:
        if self.spec.is_async:
            return AsyncShotgun(self._connection, self._threads, session_uuid)
        return self._connection.get(session_uuid)


def plain_call(
    spec: CallbackSpec, group: str, connect: Connect, metrics: GroupMetrics, limit: Limit | None
) -> Call:
    """A plain callback for one worker thread."""
    return Call(spec, group, CallbackConnection(spec, connect), metrics, limit)


def _outside(error: BaseException) -> BaseException:
    """The error without our own frames, which say nothing to the plugin's author."""
    inner = error.__traceback__
    while inner is not None and inner.tb_frame.f_code.co_filename.startswith(_OURS):
        inner = inner.tb_next
    return error.with_traceback(inner)
