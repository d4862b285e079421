"""The consumer service: loads the plugins, gives each its group, and stops them together."""

from __future__ import annotations

import logging
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer
from prometheus_client import CollectorRegistry

from shotgun_runtime.errors import ConfigurationError, StreamError
from shotgun_runtime.health import Health
from shotgun_runtime.kafka import BrokerWatch, ClientWatch, consumer_config, new_consumer
from shotgun_runtime.kafka_watch import Watch
from shotgun_runtime.settings import Settings
from shotgun_runtime.shotgun import RawShotgun, connect_raw
from shotgun_runtime.shutdown import Shutdown
from shotgun_schemas.codec import Decoder
from shotgun_schemas.event import ENTITY_TYPE, FIELDS

from .fleet import Fleet
from .group import Group, GroupState
from .metrics import Metrics
from .partitions.member import MakeConsumer, Member
from .partitions.reader import FETCH_WAIT_SECONDS
from .plugins.plugin_config import plugin_config
from .plugins.plugin_files import find_plugin_files
from .plugins.plugin_library import PluginLibrary
from .plugins.plugin_loader import LoadedPlugin
from .plugins.plugin_mail import MailRoutes
from .plugins.plugin_options import plugin_options
from .plugins.plugin_set import PluginSet, report
from .plugins.plugin_watch import PluginWatch
from .running.async_worker import AsyncWorker
from .running.event_runner import EventRunner
from .running.header_filter import wanted_by
from .running.merged import GroupPlan, MergedRunner, Part, check_groups, events_at_once, qualified
from .running.ordered_run import OrderedRun
from .running.oversize import RowCompleter
from .running.succession import Succession, Version
from .stream import Stream
from .supervision import Supervision
from .surroundings import Surroundings

log = logging.getLogger(__name__)

SERVICE = "shotgun-consumer"
BEAT_SECONDS = 0.5
LAST_SECONDS = 1.0
SWITCH_SECONDS = 0.003
"""Shorter ones cost: 64 threads that wait for the interpreter ask for it again after each."""
CALLBACK_THREADS = 16
"""For each callback of an async plugin: how many plain calls, or requests to Shotgun, run at once."""
MAX_POLL_INTERVAL_SECONDS = 300.0
# A member that is waited for holds up the whole group's rebalance, and is thrown out at max.poll.interval.ms.
REVOKE_SHARE = 0.2


class ConsumerService:
    """All groups of one process. Made and run by the main thread."""

    def __init__(
        self,
        settings: Settings,
        shutdown: Shutdown,
        health: Health,
        registry: CollectorRegistry,
        surroundings: Surroundings,
    ) -> None:
        self._settings = settings
        self._surroundings = surroundings
        self._shutdown = shutdown
        self._health = health
        self._metrics = Metrics(registry)
        self._watch = BrokerWatch(settings.kafka.bootstrap_servers, self._metrics.kafka.take)
        self._metrics.kafka.follow(lambda: self._watch.broken)
        self._mail: MailRoutes | None = None
        self._library: PluginLibrary | None = None

    def load(self) -> PluginSet:
        """Load the plugins. Raises ConfigurationError when none can be started."""
        consumer = self._settings.consumer
        library = self._library = PluginLibrary(
            consumer.plugin_paths, consumer, plugin_config(self._settings)
        )
        if consumer.groups:
            # Of all plugins, also those that `only` leaves to other processes.
            check_groups(
                consumer.groups,
                [
                    file.name
                    for file in find_plugin_files(consumer.plugin_paths, name_of=consumer.plugin_name)
                ],
            )
        plugins = library.load()
        again = "and restart" if consumer.reload == "off" else "for it is loaded again when it changes"
        report(plugins, remedy=f"correct it, {again}")
        for name in plugins.failures:
            self._metrics.plugin_broken(name)
        for plugin in plugins.loaded:
            self._metrics.plugin_loaded(plugin.name, library.version_of(plugin.name))
        if not plugins.loaded:
            places = ", ".join(map(str, consumer.plugin_paths))
            raise ConfigurationError(
                f"none of the {len(plugins.failures)} plugins in {places} could be loaded; correct what is said above"
                if plugins.failures
                else f"no plugin in {places}; put a file with 'def registerCallbacks(reg):' there, "
                "or correct consumer.plugin_paths and consumer.only"
            )
        return plugins

    def run(self, plugins: PluginSet) -> None:
        """Work until a stop is requested, then stop in order.

        Raises KafkaRefusedError when Kafka refuses, StreamError when a stuck callback has ended the process.
        """
        # Plugins have always been able to rely on their own sockets' timing out.
        socket.setdefaulttimeout(self._settings.shotgun.timeout)
        # With the default of 5 ms an owner that wants to commit waits until a busy callback's thread has run so long.
        sys.setswitchinterval(SWITCH_SECONDS)
        self._mail = MailRoutes(self._settings.logging, service=SERVICE)
        stream = self._surroundings.stream(self._watch, by=f"{SERVICE} on {socket.gethostname()}")
        supervision = Supervision(self._settings, self._surroundings.letters(self._watch), stream)
        try:
            self._health.set_not_ready("Kafka does not answer, or its topic is not there yet")
            if stream.open(self._shutdown):
                supervision.prepare(plugins.loaded, plugins.failures)
                self._work(stream, supervision, plugins)
        finally:
            stream.close()
            supervision.close()
            self._mail.close()

    def _work(self, stream: Stream, supervision: Supervision, plugins: PluginSet) -> None:
        stuck: str | None = None
        fleet, watch = self._start(stream, supervision, plugins)
        try:
            while not self._shutdown.wait(BEAT_SECONDS):
                stream.beat()
                self._health.beat()
                if watch is not None and (changes := watch.changes()):
                    fleet.apply(changes)
                    supervision.follow(fleet.plugins, fleet.broken)
                fleet.beat()
                self._judge(fleet.states(), supervision.note())
                stuck = supervision.beat()
                if stuck is not None:
                    self._shutdown.request(stuck)
        finally:
            self._shutdown.request("the service ends")
            self._health.set_not_ready("stopping")
            if watch is not None:
                watch.stop()
            stream.stop()
            late = fleet.stop(self._shutdown.deadline)
            if watch is not None:
                watch.join(max(LAST_SECONDS, self._shutdown.deadline.remaining()))
            if late:
                log.warning(
                    "%s did not stop within %g s; what they were running is repeated",
                    ", ".join(late),
                    self._shutdown.timeout,
                )
        if stuck is not None:
            raise StreamError(f"{stuck}: the process ends, so that what restarts it runs the event again")

    def _start(
        self, stream: Stream, supervision: Supervision, plugins: PluginSet
    ) -> tuple[Fleet, PluginWatch | None]:
        """Start the groups, and the watch of the plugin files unless it is off."""
        assert self._library is not None
        fleet = Fleet(
            self._settings.consumer,
            self._metrics,
            lambda plan: self._version(plan, stream, supervision),
            lambda plan, version: self._group(plan, version, stream, supervision),
            rank=self._library.rank,
            leave_seconds=self._revoke_seconds,
        )
        fleet.start(plugins)
        how = self._settings.consumer.reload
        if how == "off":
            return fleet, None
        watch = PluginWatch(self._library, how)
        watch.start()
        return fleet, watch

    def _judge(self, states: list[GroupState], note: str) -> None:
        troubles = [f"{state.group}: {state.reason}" for state in states if state.reason]
        if troubles:
            self._health.set_not_ready("; ".join(troubles))
        else:
            self._health.set_ready(note)

    @property
    def _revoke_seconds(self) -> float:
        return _max_poll_interval(self._settings) * REVOKE_SHARE

    def _name(self, plan: GroupPlan) -> str:
        consumer = self._settings.consumer
        return f"{consumer.group_prefix}{consumer.team}.{plan.name}"

    def _group(self, plan: GroupPlan, version: Version, stream: Stream, supervision: Supervision) -> Group:
        name = self._name(plan)
        member = Member(
            group=name,
            topic=stream.topic,
            succession=Succession(version),
            orders=supervision.orders(name),
            max_uncommitted=self._settings.consumer.max_uncommitted,
            revoke_timeout=self._revoke_seconds,
            concurrency=version.at_once,
            turn=supervision.turn,
        )
        return Group(
            member,
            self._consumer_factory(name),
            self._surroundings.positions(name, stream, self._watch),
            stream,
            self._metrics.group(name, plan.name),
        )

    def _version(self, plan: GroupPlan, stream: Stream, supervision: Supervision) -> Version:
        """What a group runs, made of its plugins as they are loaded now."""
        assert self._mail is not None
        for plugin in plan.plugins:
            self._mail.set(plugin)
        consumer = self._settings.consumer
        name = self._name(plan)
        is_merged = plan.name in consumer.groups
        plugins = [qualified(plugin) for plugin in plan.plugins] if is_merged else plan.plugins
        at_once = events_at_once(consumer, plan.plugins)
        is_async = any(plugin.is_async for plugin in plugins)
        plugin_log = log if is_merged else plan.plugins[0].logger
        lines: list[OrderedRun] = []
        runners: list[EventRunner] = []
        for _ in range(1 if is_async else at_once):
            threads = min(at_once, CALLBACK_THREADS) if is_async else 0
            mine = [self._event_runner(one, plan, stream, supervision, threads) for one in plugins]
            parts = [self._part(*one) for one in zip(plugins, mine, strict=True)]
            way = MergedRunner(parts).steps if is_merged else parts[0].way
            quick = mine[0].run if not is_async and way == mine[0].steps else None
            lines.append(OrderedRun(supervision.orders(name), stream.topic, plugin_log, way, quick))
            runners += mine
        wants = [part.wants for part in parts]
        wanted = (lambda delivery: any(one(delivery) for one in wants)) if is_merged else wants[0]
        if not is_async:
            return Version(wanted, [line.run for line in lines])

        def release() -> None:
            for runner in runners:
                runner.close()

        return Version(
            wanted, worker=AsyncWorker(f"loop {name}", lines[0].steps, at_once, plugin_log, release)
        )

    def _part(self, plugin: LoadedPlugin, runner: EventRunner) -> Part:
        options = plugin_options(self._settings.consumer, plugin.name)
        filters = [spec.filter.wants for spec in plugin.callbacks]
        wants = wanted_by(filters, deliver_backfill=options.deliver_backfill)
        return Part(plugin.name, wants, self._surroundings.watched(plugin, runner.steps))

    def _event_runner(
        self,
        plugin: LoadedPlugin,
        plan: GroupPlan,
        stream: Stream,
        supervision: Supervision,
        threads: int,
    ) -> EventRunner:
        group = self._name(plan)
        metrics = self._metrics.group(group, plan.name)
        return EventRunner(
            plugin,
            group,
            stream.topic,
            failures=supervision.handler(group, plugin, metrics),
            decoder=Decoder(stream.schema),
            connect=self._surroundings.connect(plugin),
            completer=RowCompleter(_row_finder(self._settings), self._shutdown.requested),
            metrics=metrics,
            watch=supervision.calls,
            orders=supervision.orders(group),
            threads=threads,
        )

    def _consumer_factory(self, group: str) -> MakeConsumer:
        def make(**callbacks: Any) -> tuple[Consumer, ClientWatch]:
            client = ClientWatch(self._watch)
            return new_consumer(group_config(self._settings, group, client, callbacks)), client

        return make


def group_config(
    settings: Settings, group: str, watch: Watch, callbacks: Mapping[str, Any]
) -> dict[str, Any]:
    """Configuration of a group's consumer. The user's own properties win where no promise rests on them."""
    user = {**settings.kafka.properties, **settings.kafka.consumer_properties}
    defaults: dict[str, Any] = {
        # A hundred idle groups would otherwise ask the broker two hundred times a second for nothing.
        "fetch.wait.max.ms": int(FETCH_WAIT_SECONDS * 1000),
        "max.poll.interval.ms": int(MAX_POLL_INTERVAL_SECONDS * 1000),
        # Making and reading them is a sixth of what an idle group costs.
        "statistics.interval.ms": 20_000,
    }
    if str(user.get("group.protocol")).lower() != "consumer":
        # The time for which a killed process keeps its partitions. librdkafka's own threads send the heartbeats.
        defaults |= {"session.timeout.ms": 10_000, "heartbeat.interval.ms": 3_000}
        defaults |= {"partition.assignment.strategy": "cooperative-sticky"}
    chosen = {name.replace(".", "_"): value for name, value in defaults.items() if name not in user}
    return consumer_config(
        settings, group_id=group, watch=watch, enable_partition_eof=True, **chosen, **callbacks
    )


def _max_poll_interval(settings: Settings) -> float:
    user = {**settings.kafka.properties, **settings.kafka.consumer_properties}
    return float(user.get("max.poll.interval.ms", MAX_POLL_INTERVAL_SECONDS * 1000)) / 1000


def _row_finder(settings: Settings) -> Callable[[int], Mapping[str, Any] | None]:
    """Reads one row of the event log with the service's own script; one connection for each thread."""
    local = threading.local()

    def find(event_id: int) -> Mapping[str, Any] | None:
        client: RawShotgun | None = getattr(local, "client", None)
        if client is None:
            client = local.client = connect_raw(settings.shotgun)
        rows = client.find(ENTITY_TYPE, [["id", "is", event_id]], list(FIELDS), limit=1)
        return rows[0] if rows else None

    return find
