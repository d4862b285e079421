"""Every metric of the producer, in one list."""

from __future__ import annotations

from importlib.metadata import version

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_QUICK = (0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 60.0)
_FILL = (1.0, 10.0, 60.0, 600.0, 3600.0, 6 * 3600.0, 86_400.0, 3 * 86_400.0, 14 * 86_400.0)
_ROWS = (1.0, 5.0, 20.0, 100.0, 500.0)

POLL_OUTCOMES = ("rows", "empty", "failed", "refused")
TRANSACTION_OUTCOMES = ("committed", "aborted", "unknown", "fenced")
RECYCLE_REASONS = ("abort", "unknown_commit", "slow_commit", "fatal", "fenced", "read")


class Metrics:
    """The metrics, registered in a registry of one's own."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.build_info = Gauge(
            "shotgun_producer_build_info", "The version that runs; always 1.", ["version"], registry=registry
        )
        self.active = Gauge(
            "shotgun_producer_active",
            "1 while this instance is elected and fenced the others.",
            registry=registry,
        )
        self.waiting_for_decision = Gauge(
            "shotgun_producer_waiting_for_decision",
            "1 while nothing is published until a person decides; /readyz says what.",
            registry=registry,
        )
        self.polls = Counter(
            "shotgun_producer_polls_total",
            "Requests for events: rows, empty, failed, refused.",
            ["outcome"],
            registry=registry,
        )
        self.poll_duration = Histogram(
            "shotgun_producer_poll_duration_seconds",
            "Time for one request to the site.",
            buckets=_QUICK,
            registry=registry,
        )
        self.site_up = Gauge(
            "shotgun_producer_site_up", "1 if the site answered the last request.", registry=registry
        )
        self.last_success = Gauge(
            "shotgun_producer_last_success_timestamp_seconds",
            "When the site last answered, in seconds since 1970 by this machine's clock.",
            registry=registry,
        )
        self.events_published = Counter(
            "shotgun_producer_events_published_total",
            "Events whose transaction was committed.",
            registry=registry,
        )
        self.events_late = Counter(
            "shotgun_producer_events_late_total",
            "Published events that filled a hole older than ten seconds.",
            registry=registry,
        )
        self.fill_delay = Histogram(
            "shotgun_producer_fill_delay_seconds",
            "Age of a hole when an event filled it.",
            buckets=_FILL,
            registry=registry,
        )
        self.head_id = Gauge("shotgun_producer_head_id", "The highest event id seen.", registry=registry)
        self.lag = Gauge(
            "shotgun_producer_lag_seconds",
            "Age of the last published event while the site has more than one page of new ones, else 0.",
            registry=registry,
        )
        self.holes = Gauge(
            "shotgun_producer_holes",
            "Ranges of ids below the head that were never seen: hot ones are asked for with every poll.",
            ["tier"],
            registry=registry,
        )
        self.holes_expired = Counter(
            "shotgun_producer_holes_expired_total", "Ranges of ids that were given up.", registry=registry
        )
        self.transactions = Counter(
            "shotgun_producer_transactions_total",
            "Kafka transactions: committed, aborted, unknown (a commit without an answer), fenced.",
            ["outcome"],
            registry=registry,
        )
        self.transaction_duration = Histogram(
            "shotgun_producer_transaction_duration_seconds",
            "Time from begin to commit of a Kafka transaction.",
            buckets=_QUICK,
            registry=registry,
        )
        self.transaction_events = Histogram(
            "shotgun_producer_transaction_events",
            "Events in a committed transaction.",
            buckets=_ROWS,
            registry=registry,
        )
        self.recycles = Counter(
            "shotgun_producer_recycles_total",
            "Kafka producers thrown away and made anew, by reason.",
            ["reason"],
            registry=registry,
        )
        self.elections = Counter(
            "shotgun_producer_elections_total",
            "Times that this instance became the active one.",
            registry=registry,
        )
        self.fenced = Counter(
            "shotgun_producer_fenced_total",
            "Times that another instance took over the transactional id.",
            registry=registry,
        )
        self.reconciled_events = Counter(
            "shotgun_producer_reconciled_events_total",
            "Events found in the topic beyond the checkpoint; more than none means a torn transaction.",
            registry=registry,
        )
        self.checkpoint_bytes = Gauge(
            "shotgun_producer_checkpoint_bytes", "Size of the last checkpoint.", registry=registry
        )
        self.oversize_events = Counter(
            "shotgun_producer_oversize_events_total",
            "Events published without their meta.",
            registry=registry,
        )
        self.misfit_events = Counter(
            "shotgun_producer_misfit_events_total",
            "Events that did not fit the schema and were published as a whole.",
            registry=registry,
        )
        self.unusable_rows = Counter(
            "shotgun_producer_unusable_rows_total",
            "Rows without an integer id, which cannot be published.",
            registry=registry,
        )
        self._show_zeros()

    def _show_zeros(self) -> None:
        self.build_info.labels(version("shotgun-stream")).set(1)
        for outcome in POLL_OUTCOMES:
            self.polls.labels(outcome)
        for outcome in TRANSACTION_OUTCOMES:
            self.transactions.labels(outcome)
        for reason in RECYCLE_REASONS:
            self.recycles.labels(reason)
        for tier in ("hot", "cold"):
            self.holes.labels(tier)
