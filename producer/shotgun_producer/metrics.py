"""Every metric of the producer, in one list. docs/metrics.md is made from it."""

from __future__ import annotations

from typing import get_args

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from shotgun_runtime.kafka_figures import KafkaFigures
from shotgun_runtime.kafka_figures import definitions as kafka_definitions
from shotgun_runtime.metric_list import Definition, Label, MetricSet, build_info
from shotgun_runtime.site_errors import Kind

PREFIX = "shotgun_producer_"

_QUICK = (0.001, 0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0, 600.0)
_FILL = (1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 86_400.0, 3 * 86_400.0, 14 * 86_400.0)
_FILL_IDS = (10.0, 100.0, 1_000.0, 10_000.0, 100_000.0, 1_000_000.0)
_ROWS = (1.0, 5.0, 20.0, 100.0, 500.0)


DEFINITIONS: tuple[Definition, ...] = (
    Definition(
        "shotgun_producer_active",
        "gauge",
        "flag",
        "1 while this instance is elected and has fenced the others: the sum over all instances is 1.",
    ),
    Definition(
        "shotgun_producer_waiting_for_decision",
        "gauge",
        "flag",
        "1 while nothing is published until a person decides; /readyz says what, and by which command.",
    ),
    Definition(
        "shotgun_producer_polls_total",
        "counter",
        "count",
        "Requests for events, by what came of them.",
        (Label("outcome", ("rows", "empty", "failed", "refused")),),
    ),
    Definition(
        "shotgun_producer_poll_duration_seconds",
        "histogram",
        "seconds",
        "Time for one request to the site.",
        buckets=_QUICK,
    ),
    Definition(
        "shotgun_producer_site_failures_total",
        "counter",
        "count",
        "Requests to the site that failed, by kind of failure; throttled is an answer 429 or 503.",
        (Label("kind", get_args(Kind)),),
    ),
    Definition(
        "shotgun_producer_site_up",
        "gauge",
        "flag",
        "0 during an outage of the site: two requests in a row, or a slow one, have failed or were refused.",
    ),
    Definition(
        "shotgun_producer_clock_skew_seconds",
        "gauge",
        "seconds",
        "By how much the site's clock is ahead of this machine's, at the least; negative when it is behind.",
    ),
    Definition(
        "shotgun_producer_last_success_timestamp_seconds",
        "gauge",
        "timestamp",
        "When the site last answered.",
    ),
    Definition(
        "shotgun_producer_events_published_total",
        "counter",
        "count",
        "Events whose transaction was committed, by event type.",
        (Label("event_type", bound="the first 100 types by name, all later ones as other"),),
    ),
    Definition(
        "shotgun_producer_events_late_total",
        "counter",
        "count",
        "Published events that filled a hole older than ten seconds.",
    ),
    Definition(
        "shotgun_producer_events_excluded_total",
        "counter",
        "count",
        "Events that were read and, by exclude_event_types or projects, not published.",
    ),
    Definition(
        "shotgun_producer_fill_delay_seconds",
        "histogram",
        "seconds",
        "Age of a hole when an event filled it.",
        buckets=_FILL,
    ),
    Definition(
        "shotgun_producer_fill_delay_ids",
        "histogram",
        "count",
        "How many ids the event that filled a hole was behind the head.",
        buckets=_FILL_IDS,
    ),
    Definition("shotgun_producer_head_id", "gauge", "id", "The highest event id seen."),
    Definition(
        "shotgun_producer_lag_seconds",
        "gauge",
        "seconds",
        "Age of the last published event while the site has more than one page of new ones, else 0.",
    ),
    Definition(
        "shotgun_producer_lag_ids",
        "gauge",
        "count",
        "How many ids the head is behind the newest event that the site is known to have.",
    ),
    Definition(
        "shotgun_producer_last_stable_offset_lag_seconds",
        "gauge",
        "seconds",
        "For how long an open transaction has kept readers of committed events from the end of the topic; standbys "
        "tell it too.",
    ),
    Definition(
        "shotgun_producer_holes",
        "gauge",
        "count",
        "Ranges of ids below the head that were never seen: hot ones are asked for with every poll.",
        (Label("tier", ("hot", "cold")),),
    ),
    Definition(
        "shotgun_producer_holes_expired_total",
        "counter",
        "count",
        "Ranges of ids that were given up: watched for two weeks in vain, or too old when first seen.",
        (Label("kind", ("watched", "old")),),
    ),
    Definition(
        "shotgun_producer_transactions_total",
        "counter",
        "count",
        "Kafka transactions, by how they ended; unknown is a commit without an answer.",
        (Label("outcome", ("committed", "aborted", "unknown", "fenced")),),
    ),
    Definition(
        "shotgun_producer_transaction_aborts_total",
        "counter",
        "count",
        "Kafka transactions that were aborted, by the error.",
        (Label("reason", bound="librdkafka's names of errors"),),
    ),
    Definition(
        "shotgun_producer_transaction_duration_seconds",
        "histogram",
        "seconds",
        "Time from begin to commit of a Kafka transaction.",
        buckets=_QUICK,
    ),
    Definition(
        "shotgun_producer_transaction_events",
        "histogram",
        "count",
        "Events in a committed transaction.",
        buckets=_ROWS,
    ),
    Definition(
        "shotgun_producer_recycles_total",
        "counter",
        "count",
        "Kafka producers thrown away and made anew, by reason.",
        (Label("reason", ("abort", "unknown_commit", "slow_commit", "fatal", "fenced", "read")),),
    ),
    Definition(
        "shotgun_producer_elections_total",
        "counter",
        "count",
        "Times that this instance became the active one.",
    ),
    Definition(
        "shotgun_producer_fenced_total",
        "counter",
        "count",
        "Times that another instance took over the transactional id.",
    ),
    Definition(
        "shotgun_producer_reconciled_events_total",
        "counter",
        "count",
        "Events found in the topic beyond the checkpoint; more than none means a torn transaction.",
    ),
    Definition("shotgun_producer_checkpoint_bytes", "gauge", "bytes", "Size of the last checkpoint."),
    Definition(
        "shotgun_producer_backfill_ids",
        "gauge",
        "count",
        "Ids of the running backfill; both are 0 while none runs.",
        (Label("state", ("done", "left")),),
    ),
    Definition(
        "shotgun_producer_oversize_events_total",
        "counter",
        "count",
        "Events that were too large for a record and were published without their meta.",
    ),
    Definition(
        "shotgun_producer_misfit_events_total",
        "counter",
        "count",
        "Events that did not fit the schema and were published as a whole.",
    ),
    Definition(
        "shotgun_producer_unusable_rows_total",
        "counter",
        "count",
        "Rows without an integer id, which cannot be published.",
    ),
    Definition(
        "shotgun_producer_audit_runs_total",
        "counter",
        "count",
        "Audits, by what they found: different when ids were lost, failed when the brokers did not answer.",
        (Label("outcome", ("equal", "different", "failed")),),
    ),
    Definition(
        "shotgun_producer_audit_windows_total",
        "counter",
        "count",
        "Windows of 10,000 ids that audits compared: equal by their counts, or examined id by id.",
        (Label("outcome", ("equal", "examined")),),
    ),
    Definition(
        "shotgun_producer_audit_events_total",
        "counter",
        "count",
        "Visible events that an audit found: cold ones were still asked for, missing ones counted as read.",
        (Label("kind", ("cold", "missing")),),
    ),
    Definition(
        "shotgun_producer_audit_asked_again_total",
        "counter",
        "count",
        "Ids that counted as read, were neither on the site nor in the topic, and are asked for again.",
    ),
    Definition(
        "shotgun_producer_audit_hidden_events",
        "gauge",
        "count",
        "Events that the site showed once and did not show at the last audit.",
    ),
    Definition(
        "shotgun_producer_audit_last_timestamp_seconds",
        "gauge",
        "timestamp",
        "When the last audit was finished.",
    ),
    *kafka_definitions(PREFIX),
    build_info(PREFIX),
)


class Metrics:
    """The metrics, registered in a registry of one's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        metrics = MetricSet(registry, PREFIX, DEFINITIONS)
        self.kafka = KafkaFigures(metrics)
        self.active = metrics.take(Gauge, "active")
        self.waiting_for_decision = metrics.take(Gauge, "waiting_for_decision")
        self.polls = metrics.take(Counter, "polls_total")
        self.poll_duration = metrics.take(Histogram, "poll_duration_seconds")
        self.site_failures = metrics.take(Counter, "site_failures_total")
        self.clock_skew = metrics.take(Gauge, "clock_skew_seconds")
        self.site_up = metrics.take(Gauge, "site_up")
        self.last_success = metrics.take(Gauge, "last_success_timestamp_seconds")
        self.events_published = metrics.take(Counter, "events_published_total")
        self.events_late = metrics.take(Counter, "events_late_total")
        self.events_excluded = metrics.take(Counter, "events_excluded_total")
        self.fill_delay = metrics.take(Histogram, "fill_delay_seconds")
        self.head_id = metrics.take(Gauge, "head_id")
        self.fill_delay_ids = metrics.take(Histogram, "fill_delay_ids")
        self.lag = metrics.take(Gauge, "lag_seconds")
        self.lag_ids = metrics.take(Gauge, "lag_ids")
        self.last_stable_offset_lag = metrics.take(Gauge, "last_stable_offset_lag_seconds")
        self.holes = metrics.take(Gauge, "holes")
        self.holes_expired = metrics.take(Counter, "holes_expired_total")
        self.transactions = metrics.take(Counter, "transactions_total")
        self.aborts = metrics.take(Counter, "transaction_aborts_total")
        self.transaction_duration = metrics.take(Histogram, "transaction_duration_seconds")
        self.transaction_events = metrics.take(Histogram, "transaction_events")
        self.recycles = metrics.take(Counter, "recycles_total")
        self.elections = metrics.take(Counter, "elections_total")
        self.fenced = metrics.take(Counter, "fenced_total")
        self.reconciled_events = metrics.take(Counter, "reconciled_events_total")
        self.checkpoint_bytes = metrics.take(Gauge, "checkpoint_bytes")
        self.backfill_ids = metrics.take(Gauge, "backfill_ids")
        self.oversize_events = metrics.take(Counter, "oversize_events_total")
        self.misfit_events = metrics.take(Counter, "misfit_events_total")
        self.unusable_rows = metrics.take(Counter, "unusable_rows_total")
        self.audit_runs = metrics.take(Counter, "audit_runs_total")
        self.audit_windows = metrics.take(Counter, "audit_windows_total")
        self.audit_events = metrics.take(Counter, "audit_events_total")
        self.audit_asked_again = metrics.take(Counter, "audit_asked_again_total")
        self.audit_hidden = metrics.take(Gauge, "audit_hidden_events")
        self.audit_last = metrics.take(Gauge, "audit_last_timestamp_seconds")
