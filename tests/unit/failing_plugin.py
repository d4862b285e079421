"""A plugin in an event runner, without Kafka: what it is run with, and what comes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry

from shotgun_consumer.metrics import Metrics
from shotgun_consumer.orders.orders import GroupOrders
from shotgun_consumer.plugins.plugin_loader import LoadedPlugin
from shotgun_consumer.plugins.plugin_options import plugin_options
from shotgun_consumer.plugins.registrar import Api, make_registrar
from shotgun_consumer.running.call_watch import CallWatch
from shotgun_consumer.running.connections import connector
from shotgun_consumer.running.delivery import Delivery, Result
from shotgun_consumer.running.event_runner import EventRunner
from shotgun_consumer.running.failure_handler import FailedCall, FailureHandler
from shotgun_consumer.running.flood_guard import FloodGuard
from shotgun_consumer.running.ordered_run import OrderedRun
from shotgun_consumer.running.oversize import RowCompleter
from shotgun_runtime.errors import StreamError
from shotgun_runtime.settings import Settings, ShotgunSettings
from shotgun_schemas.codec import Decoder, encode
from shotgun_schemas.control import ControlRecord
from shotgun_schemas.event import Event

ROW: dict[str, Any] = {
    "type": "EventLogEntry",
    "id": 101,
    "event_type": "Shotgun_Task_Change",
    "attribute_name": "sg_status_list",
    "meta": {"new_value": "fin"},
    "session_uuid": "uuid-1",
    "created_at": "2026-01-21T19:47:33Z",
}
SITE = ShotgunSettings.model_validate(
    {"url": "http://127.0.0.1:9", "script_name": "service", "api_key": "own-key"}
)
GROUP = "anim.notify"


class Letters:
    """Dead letters kept here. `refuse` makes Kafka refuse them."""

    def __init__(self) -> None:
        self.kept: list[tuple[FailedCall, str]] = []
        self.taken_back: list[str] = []
        self.refuse = False

    def put(self, failed: FailedCall, stack: str) -> str:
        if self.refuse:
            raise StreamError("no acknowledgement within 15 s")
        self.kept.append((failed, stack))
        return "the event is a dead letter"

    def take_back(self, letter: str) -> None:
        if self.refuse:
            raise StreamError("no acknowledgement within 15 s")
        self.taken_back.append(letter)


class Board:
    """The control topic in memory; what is offered is there at once."""

    def __init__(self) -> None:
        self.records: Mapping[str, ControlRecord] = {}
        self._now = 0

    def offer(self, key: str, reason: str, fields: Mapping[str, Any]) -> None:
        self._now += 1
        record = ControlRecord(key, "somebody on host", f"2026-01-01T00:00:{self._now:02d}Z", reason, fields)
        self.records = {**self.records, key: record}

    def take_back(self, key: str) -> None:
        self.records = {name: record for name, record in self.records.items() if name != key}


class Plugin:
    """A plugin in a runner, with what is around it. `options` are those of the configuration, by pattern."""

    def __init__(
        self,
        register: Callable[[Any], None],
        api: Api = "classic",
        options: Mapping[str, Any] | None = None,
        find: Callable[[int], Any] = lambda _: None,
        guard: FloodGuard | None = None,
        threads: int = 0,
    ) -> None:
        settings = Settings.model_validate({"consumer": {"plugins": options or {}}})
        registrar = make_registrar("notify", api, ConfigParser())
        register(registrar)
        self.registry = CollectorRegistry()
        self.stopping = threading.Event()
        self.letters = Letters()
        self.board = Board()
        self.orders = GroupOrders(GROUP, self.board)
        self.now = 0.0
        self.watch = CallWatch(lambda: self.now)
        plugin = LoadedPlugin(
            "notify",
            None,  # type: ignore[arg-type]
            api,
            registrar.callbacks(),
            registrar.emails(),
            (),
            registrar.logger,
        )
        metrics = Metrics(self.registry).group(GROUP, "notify")
        self.rules = plugin_options(settings.consumer, "notify").rules
        self.callbacks = plugin.callbacks
        runner = EventRunner(
            plugin,
            GROUP,
            "shotgun.events",
            failures=FailureHandler(GROUP, self.rules, self.letters, self.orders, metrics, guard),
            decoder=Decoder(),
            connect=connector(SITE),
            completer=RowCompleter(find, self.stopping),
            metrics=metrics,
            watch=self.watch,
            orders=self.orders,
            threads=threads,
        )
        self.close = runner.close
        quick = None if threads or plugin.is_async else runner.run
        self.runner = OrderedRun(self.orders, "shotgun.events", plugin.logger, runner.steps, quick)

    def run(self, row: dict[str, Any] = ROW, value: bytes | None = None, **extra: bytes) -> Result:
        data = encode(Event(row)) if value is None else value
        key = str(row["id"]).encode()
        return self.runner.run(Delivery(0, 55, 1, key, data, extra, 0.0))

    def again(self, result: Result) -> Result:
        """Run the event again, as the owner does with what the result says."""
        again = replace(result.delivery, attempt=result.delivery.attempt + 1, ended=result.ended)
        return self.runner.run(again)

    def run_to_the_end(self, most: int = 100) -> tuple[Result, list[float]]:
        """Run an event as often as the runner asks for it; the last result, and the pauses asked for."""
        result, pauses = self.run(), []
        while result.retry_after is not None and len(pauses) < most:
            pauses.append(result.retry_after)
            result = self.again(result)
        return result, pauses

    def failures(self, callback: str) -> float | None:
        labels = {"group": GROUP, "plugin": "notify", "callback": callback}
        return self.registry.get_sample_value("shotgun_consumer_callback_failures_total", labels)

    def metric(self, name: str) -> float | None:
        return self.registry.get_sample_value(
            f"shotgun_consumer_{name}", {"group": GROUP, "plugin": "notify"}
        )
