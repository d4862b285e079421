"""Every metric of the consumer, in one list. docs/metrics.md is made from it.

Counters count what this process did. An event that is repeated after a restart counts again, in another process's
counters: sums over restarts may exceed the number of events, never fall short of it.
"""

from __future__ import annotations

from contextlib import suppress

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shotgun_runtime.kafka_figures import KafkaFigures
from shotgun_runtime.kafka_figures import definitions as kafka_definitions
from shotgun_runtime.metric_list import Definition, Label, M, MetricSet, build_info

PREFIX = "shotgun_consumer_"
OUTCOMES = ("filtered", "succeeded", "dead_lettered", "skipped")

_PLUGIN = Label("plugin", bound="one for each plugin; in the metrics of a merged group its name")
_GROUP = (Label("group", bound="one for each group"), _PLUGIN)
# A plugin has about 40 series: a hundred plugins in one process are a page that a Prometheus can bear. So there are few
# buckets, and one histogram for all callbacks of a plugin.
CALLBACK_BUCKETS = (0.001, 0.01, 0.1, 1.0, 30.0, 600.0)
COMMIT_BUCKETS = (0.01, 0.1, 1.0)


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "shotgun_consumer_events_delivered_total", "counter", "count", "Events read from the stream.", _GROUP
    ),
    Definition(
        "shotgun_consumer_events_total",
        "counter",
        "count",
        "Events that ended, by what became of them.",
        (*_GROUP, Label("outcome", OUTCOMES)),
    ),
    Definition(
        "shotgun_consumer_callback_failures_total",
        "counter",
        "count",
        "Calls of a callback that raised.",
        (*_GROUP, Label("callback", bound="one for each callback that a plugin registers")),
    ),
    Definition(
        "shotgun_consumer_stuck_callbacks",
        "gauge",
        "count",
        "Calls of a callback that have run longer than its timeout and still run.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_callback_duration_seconds",
        "histogram",
        "seconds",
        "Duration of the calls of the plugin's callbacks.",
        _GROUP,
        CALLBACK_BUCKETS,
    ),
    Definition(
        "shotgun_consumer_lag_seconds",
        "gauge",
        "seconds",
        "Age of the oldest event that has not ended; 0 when none.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_lag_offsets",
        "gauge",
        "count",
        "Offsets between the watermark and the end of the log: an upper bound, transaction markers count.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_unfinished_events", "gauge", "count", "Events read that have not ended.", _GROUP
    ),
    Definition(
        "shotgun_consumer_oldest_unfinished_seconds",
        "gauge",
        "seconds",
        "How long the event that runs now has been running; 0 when none runs.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_paused", "gauge", "count", "Partitions that stay at an event that failed.", _GROUP
    ),
    Definition(
        "shotgun_consumer_paused_by_order",
        "gauge",
        "flag",
        "1 while the group starts no events because an operator, or the flood guard, has paused it.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_waiting_for_decision",
        "gauge",
        "flag",
        "1 while the group holds until somebody decides where it goes on.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_commit_failures_total",
        "counter",
        "count",
        "Commits that Kafka refused; those it answered are the count of the durations.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_commit_duration_seconds",
        "histogram",
        "seconds",
        "Time until a commit was answered.",
        _GROUP,
        COMMIT_BUCKETS,
    ),
    Definition(
        "shotgun_consumer_plugin_loaded",
        "gauge",
        "flag",
        "1 when what the plugin's file holds is loaded; 0 when it cannot be: its last good version runs, or none.",
        (_PLUGIN,),
    ),
    Definition(
        "shotgun_consumer_plugin_version_info",
        "gauge",
        "info",
        "What was loaded last: a hash of the plugin's source with its helpers.",
        (_PLUGIN, Label("version", bound="one at a time for each plugin")),
    ),
    Definition(
        "shotgun_consumer_plugin_reloads_total",
        "counter",
        "count",
        "Changed plugins that were loaded while the service ran.",
        (_PLUGIN,),
    ),
    Definition(
        "shotgun_consumer_plugin_reload_failures_total",
        "counter",
        "count",
        "Changed plugins that could not be loaded while the service ran.",
        (_PLUGIN,),
    ),
    Definition(
        "shotgun_consumer_assigned_partitions",
        "gauge",
        "count",
        "Partitions assigned to this process.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_replays_total",
        "counter",
        "count",
        "Events that were run again by an order.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_retries_total",
        "counter",
        "count",
        "Events that failed and are tried again.",
        _GROUP,
    ),
    Definition(
        "shotgun_consumer_kafka_received_bytes_total",
        "counter",
        "bytes",
        "What the group's members here have received from Kafka.",
        _GROUP,
    ),
    Definition("shotgun_consumer_rebalances_total", "counter", "count", "Changes of the assignment.", _GROUP),
    *kafka_definitions(PREFIX),
    build_info(PREFIX),
)


class Metrics:
    """The metrics of one process, in a registry of its own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.registry = registry
        self._metrics = MetricSet(registry, PREFIX, DEFINITIONS)
        self.kafka = KafkaFigures(self._metrics)
        self._versions: dict[str, str] = {}

    def plugin_loaded(self, plugin: str, version: str) -> None:
        """Tell that this version of a plugin is loaded."""
        self._found(plugin, 1)
        info = self._gauge("plugin_version_info")
        before = self._versions.get(plugin)
        if before not in (None, version):
            info.remove(plugin, before)
        self._versions[plugin] = version
        info.labels(plugin, version).set(1)

    def plugin_broken(self, plugin: str) -> None:
        """Tell that what a plugin's file holds cannot be loaded."""
        self._found(plugin, 0)

    def plugin_gone(self, plugin: str) -> None:
        """Tell that a plugin's file is no longer there."""
        loaded, info = self._gauge("plugin_loaded"), self._gauge("plugin_version_info")
        with suppress(KeyError):
            loaded.remove(plugin)
        if plugin in self._versions:
            info.remove(plugin, self._versions.pop(plugin))

    def reloaded(self, plugin: str) -> Counter:
        """The changed versions of a plugin that were loaded."""
        return self.take(Counter, "plugin_reloads_total").labels(plugin)

    def reload_failures(self, plugin: str) -> Counter:
        """The changed versions of a plugin that could not be loaded."""
        return self.take(Counter, "plugin_reload_failures_total").labels(plugin)

    def _found(self, plugin: str, loaded: int) -> None:
        self._gauge("plugin_loaded").labels(plugin).set(loaded)
        # Every series is there from the start.
        self.reloaded(plugin)
        self.reload_failures(plugin)

    def group(self, group: str, plugin: str) -> GroupMetrics:
        """The metrics of one group."""
        return GroupMetrics(self, group, plugin)

    def _gauge(self, name: str) -> Gauge:
        return self.take(Gauge, name)

    def take(self, kind: type[M], name: str) -> M:
        """The metric `shotgun_consumer_<name>`."""
        return self._metrics.take(kind, name)


class GroupMetrics:
    """One group's metrics, with their labels filled in. Every series exists from the start, at 0."""

    def __init__(self, metrics: Metrics, group: str, plugin: str) -> None:
        self._metrics = metrics
        self._labels = (group, plugin)
        self.delivered = self._counter("events_delivered_total")
        self.events = {outcome: self._counter("events_total", outcome) for outcome in OUTCOMES}
        self.commit_failures = self._counter("commit_failures_total")
        self.replayed = self._counter("replays_total")
        self.retried = self._counter("retries_total")
        self.received_bytes = self._counter("kafka_received_bytes_total")
        self.stuck = self._gauge("stuck_callbacks")
        self.rebalances = self._counter("rebalances_total")
        self.callback_duration = metrics.take(Histogram, "callback_duration_seconds").labels(*self._labels)
        self.commit_duration = metrics.take(Histogram, "commit_duration_seconds").labels(*self._labels)
        self.lag_seconds = self._gauge("lag_seconds")
        self.lag_offsets = self._gauge("lag_offsets")
        self.unfinished = self._gauge("unfinished_events")
        self.oldest_unfinished = self._gauge("oldest_unfinished_seconds")
        self.paused = self._gauge("paused")
        self.paused_by_order = self._gauge("paused_by_order")
        self.waiting = self._gauge("waiting_for_decision")
        self.assigned = self._gauge("assigned_partitions")

    def callback_failures(self, callback: str) -> Counter:
        """Failures of one callback."""
        return self._counter("callback_failures_total", callback)

    def _counter(self, name: str, *labels: str) -> Counter:
        return self._metrics.take(Counter, name).labels(*self._labels, *labels)

    def _gauge(self, name: str) -> Gauge:
        return self._metrics.take(Gauge, name).labels(*self._labels)
