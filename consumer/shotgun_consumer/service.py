"""The consumer service: loads the plugins, gives each its group, and stops them together."""

from __future__ import annotations

import importlib.metadata
import logging
import platform
import socket
import sys
import threading
from collections.abc import Callable, Mapping
from typing import Any

from confluent_kafka import Consumer
from prometheus_client import CollectorRegistry

from shotgun_runtime.cli import DISTRIBUTION
from shotgun_runtime.errors import ConfigurationError, StreamError
from shotgun_runtime.health import Health
from shotgun_runtime.kafka import BrokerWatch, ClientWatch, consumer_config, new_consumer
from shotgun_runtime.kafka_watch import Watch
from shotgun_runtime.mail import MailHandler
from shotgun_runtime.settings import Settings
from shotgun_runtime.shotgun import RawShotgun, connect_raw
from shotgun_runtime.shutdown import Shutdown
from shotgun_schemas.codec import Decoder
from shotgun_schemas.event import ENTITY_TYPE, FIELDS

from .connections import connector
from .delivery import Delivery, Result
from .event_runner import EventRunner
from .group import Group
from .header_filter import wanted_by
from .metrics import GroupMetrics, Metrics
from .oversize import RowCompleter
from .plugin_config import plugin_config
from .plugin_loader import LoadedPlugin
from .plugin_mail import route_mail
from .plugin_options import plugin_options, refuse_merged_groups
from .plugin_set import PluginSet, load_plugins, report
from .positions import Positions
from .session import MakeConsumer, Member
from .stream import Stream
from .supervision import Supervision

log = logging.getLogger(__name__)

SERVICE = "shotgun-consumer"
BEAT_SECONDS = 0.5
SWITCH_SECONDS = 0.001
MAX_POLL_INTERVAL_SECONDS = 300.0
# A member that is waited for holds up the whole group's rebalance, and is thrown out at max.poll.interval.ms.
REVOKE_SHARE = 0.2


class ConsumerService:
    """All groups of one process. Made and run by the main thread."""

    def __init__(
        self, settings: Settings, shutdown: Shutdown, health: Health, registry: CollectorRegistry
    ) -> None:
        self._settings = settings
        self._shutdown = shutdown
        self._health = health
        self._metrics = Metrics(registry)
        self._metrics.build(importlib.metadata.version(DISTRIBUTION), platform.python_version())
        self._watch = BrokerWatch(settings.kafka.bootstrap_servers)
        self._mail: list[MailHandler] = []

    def load(self) -> PluginSet:
        """Load the plugins. Raises ConfigurationError when none can be started."""
        consumer = self._settings.consumer
        refuse_merged_groups(consumer)
        plugins = load_plugins(consumer.plugin_paths, consumer, plugin_config(self._settings))
        report(plugins)
        for name in plugins.failures:
            self._metrics.plugin_loaded(name, False)
        for plugin in plugins.loaded:
            self._metrics.plugin_loaded(plugin.name, True)
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
        for plugin in plugins.loaded:
            handler = route_mail(plugin, self._settings.logging, service=SERVICE)
            if handler is not None:
                self._mail.append(handler)
        stream = Stream(self._settings, self._watch, by=f"{SERVICE} on {socket.gethostname()}")
        supervision = Supervision(self._settings, self._watch, stream)
        try:
            self._health.set_not_ready("Kafka does not answer, or its topic is not there yet")
            if stream.open(self._shutdown):
                supervision.prepare(plugins.loaded)
                groups = [self._group(plugin, stream, supervision) for plugin in plugins.loaded]
                self._work(stream, supervision, groups)
        finally:
            stream.close()
            supervision.close()
            for handler in self._mail:
                handler.close()

    def _work(self, stream: Stream, supervision: Supervision, groups: list[Group]) -> None:
        stuck: str | None = None
        for group in groups:
            group.start()
        try:
            while not self._shutdown.wait(BEAT_SECONDS):
                stream.beat()
                self._health.beat()
                self._judge(groups, supervision.note())
                stuck = supervision.beat()
                if stuck is not None:
                    self._shutdown.request(stuck)
        finally:
            self._shutdown.request("the service ends")
            self._health.set_not_ready("stopping")
            stream.stop()
            late = [group.state.group for group in groups if not group.join(self._shutdown.deadline)]
            if late:
                log.warning(
                    "%s did not stop within %g s; what they were running is repeated",
                    ", ".join(late),
                    self._shutdown.timeout,
                )
        if stuck is not None:
            raise StreamError(f"{stuck}: the process ends, so that what restarts it runs the event again")

    def _judge(self, groups: list[Group], note: str) -> None:
        troubles = [f"{state.group}: {state.reason}" for group in groups if (state := group.state).reason]
        if troubles:
            self._health.set_not_ready("; ".join(troubles))
        else:
            self._health.set_ready(note)

    def _group(self, plugin: LoadedPlugin, stream: Stream, supervision: Supervision) -> Group:
        consumer = self._settings.consumer
        name = f"{consumer.group_prefix}{consumer.team}.{plugin.name}"
        options = plugin_options(consumer, plugin.name, plugin.concurrency)
        metrics = self._metrics.group(name, plugin.name)
        member = Member(
            group=name,
            topic=stream.topic,
            wants=wanted_by(
                [spec.filter.wants for spec in plugin.callbacks], deliver_backfill=options.deliver_backfill
            ),
            max_uncommitted=consumer.max_uncommitted,
            revoke_timeout=_max_poll_interval(self._settings) * REVOKE_SHARE,
            concurrency=options.concurrency,
        )
        return Group(
            member,
            self._consumer_factory(name),
            [
                self._event_runner(plugin, name, stream, metrics, supervision)
                for _ in range(options.concurrency)
            ],
            Positions(self._settings, name, stream, self._watch),
            stream,
            metrics,
            self._shutdown,
        )

    def _event_runner(
        self,
        plugin: LoadedPlugin,
        group: str,
        stream: Stream,
        metrics: GroupMetrics,
        supervision: Supervision,
    ) -> Callable[[Delivery], Result]:
        return EventRunner(
            plugin,
            group,
            stream.topic,
            failures=supervision.handler(group, plugin, metrics),
            decoder=Decoder(stream.schema),
            connect=connector(self._settings.shotgun),
            completer=RowCompleter(_row_finder(self._settings), self._shutdown.requested),
            metrics=metrics,
            watch=supervision.calls,
            orders=supervision.orders(group),
        ).run

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
        "fetch.wait.max.ms": 5000,
        "max.poll.interval.ms": int(MAX_POLL_INTERVAL_SECONDS * 1000),
    }
    if user.get("group.protocol") != "consumer":
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
