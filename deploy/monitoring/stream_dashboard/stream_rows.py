"""The rows about the stream as a whole, and about the producer."""

from __future__ import annotations

from .panels import ANY_IS_BAD, Column, Panel, Query, Step
from .series import beside, growth, increase, of_active, per, producer, quantile, rate, team

PLACE = "namespace, job"
_SEEN_BY = "{{namespace}} {{job}}"
_PROCESS = "{{pod}} {{instance}}"
WATCHED = 'kind="watched"'
MISSING = 'kind="missing"'
_LATE = (Step(0, "green"), Step(300, "yellow"), Step(600, "red"))

OVERVIEW: tuple[Panel, ...] = (
    Panel(
        "stat",
        "Active producers",
        "Instances that publish. It should be one for each stream.",
        (Query(per(PLACE, producer("active")), _SEEN_BY),),
        steps=(Step(0, "red"), Step(1, "green"), Step(2, "red")),
        width=4,
        height=5,
    ),
    Panel(
        "stat",
        "Waiting for a decision",
        "Producers and groups that do nothing until somebody decides. /readyz and the log name the command.",
        (
            Query(f"sum({per(PLACE, producer('waiting_for_decision'), 'max')})", "producers"),
            Query(f"sum({per('namespace, job, group', team('waiting_for_decision'), 'max')})", "groups"),
        ),
        steps=ANY_IS_BAD,
        width=4,
        height=5,
    ),
    Panel(
        "stat",
        "Last answer of the site",
        "How long ago the site last gave the active producer a good answer.",
        (
            Query(
                f"time() - {per(PLACE, of_active(producer('last_success_timestamp_seconds')), 'max')}",
                _SEEN_BY,
            ),
        ),
        unit="s",
        steps=(Step(0, "green"), Step(60, "yellow"), Step(300, "red")),
        width=4,
        height=5,
    ),
    Panel(
        "stat",
        "Producer's lag",
        "Age of the last published event while the site has more than a page of newer ones, else 0.",
        (Query(per(PLACE, of_active(producer("lag_seconds")), "max"), _SEEN_BY),),
        unit="s",
        steps=_LATE,
        width=4,
        height=5,
    ),
    Panel(
        "stat",
        "Oldest unfinished event",
        "Of all groups of the teams that are shown.",
        (Query(f"max({team('lag_seconds')})", "age"),),
        unit="s",
        steps=_LATE,
        width=4,
        height=5,
    ),
    Panel(
        "stat",
        "Plugins that stand still",
        "Groups that stay at an event that failed, groups that were paused, plugins whose file cannot be loaded.",
        (
            Query(f"count({per('namespace, job, group', team('paused'))} > 0) or vector(0)", "stopped"),
            Query(
                f"sum({per('namespace, job, group', team('paused_by_order'), 'max')})",
                "paused",
            ),
            Query(f"count({team('plugin_loaded')} == 0) or vector(0)", "not loaded"),
        ),
        steps=ANY_IS_BAD,
        width=4,
        height=5,
    ),
    Panel(
        "timeseries",
        "Events published and ended",
        "Events a second: committed to the topic, and ended in each team's groups together.",
        (
            Query(per("namespace", rate(producer("events_published_total"))), "published {{namespace}}"),
            Query(per("namespace, team", rate(team("events_total"))), "ended {{namespace}} {{team}}"),
        ),
        unit="eps",
        width=12,
    ),
    Panel(
        "table",
        "Alerts",
        "Alerts that fire or are about to. docs/runbook.md says what to do for each.",
        (
            Query(
                "count by (alertname, alertstate, severity, namespace, team, group, plugin) "
                '(ALERTS{alertname=~"Shotgun.+", namespace=~"$namespace", team=~"$team"})',
                "series",
            ),
        ),
        width=12,
        columns=(Column("series"),),
    ),
)
"""What one looks at first: does anything need somebody?"""

_READING: tuple[Panel, ...] = (
    Panel(
        "timeseries",
        "Requests to the site",
        "Requests for events by how they ended. `failed` and `refused` should be rare.",
        (Query(per("outcome", rate(producer("polls_total"))), "{{outcome}}"),),
        unit="reqps",
        style="bars",
    ),
    Panel(
        "timeseries",
        "Duration of a request",
        "How long the site takes to answer.",
        (
            Query(quantile(0.5, producer("poll_duration_seconds_bucket")), "half of them"),
            Query(quantile(0.99, producer("poll_duration_seconds_bucket")), "99 %"),
        ),
        unit="s",
    ),
    Panel(
        "timeseries",
        "Failed requests by kind",
        "throttled: 503 or 429; auth, permission: the key was refused; not_a_site: something else answers.",
        (Query(per("kind", rate(producer("site_failures_total"))), "{{kind}}"),),
        unit="reqps",
        style="bars",
    ),
    Panel(
        "timeseries",
        "Lag",
        "Age of the last published event while there is more than a page to come; for how long an open transaction "
        "has hidden the end of the topic from readers.",
        (
            Query(per(PLACE, of_active(producer("lag_seconds")), "max"), f"lag {_SEEN_BY}"),
            Query(
                per(PLACE, producer("last_stable_offset_lag_seconds"), "max"),
                f"readers held up {_SEEN_BY}",
            ),
        ),
        unit="s",
        steps=(Step(0, "green"), Step(60, "red")),
    ),
    Panel(
        "timeseries",
        "Ids to go",
        "How many ids the head is behind the newest event that the site is known to have, and what is left of a "
        "backfill.",
        (
            Query(per(PLACE, of_active(producer("lag_ids")), "max"), f"lag {_SEEN_BY}"),
            Query(per(PLACE, producer("backfill_ids", 'state="left"'), "max"), f"backfill {_SEEN_BY}"),
        ),
    ),
    Panel(
        "timeseries",
        "Clock of the site",
        "By how much the site's clock is ahead of the producer's machine; below 0 it is behind. Nothing depends on "
        "it, but dates of events look wrong.",
        (Query(of_active(producer("clock_skew_seconds")), _PROCESS),),
        unit="s",
        minimum=None,
    ),
)

_PUBLISHING: tuple[Panel, ...] = (
    Panel(
        "timeseries",
        "Events published by type",
        "The ten most frequent types.",
        (
            Query(
                f"topk(10, {per('event_type', rate(producer('events_published_total')))})",
                "{{event_type}}",
            ),
        ),
        unit="eps",
        style="bars",
    ),
    Panel(
        "timeseries",
        "Transactions",
        "`aborted` and `unknown` make the producer start over from its checkpoint; nothing is lost by it.",
        (Query(per("outcome", rate(producer("transactions_total"))), "{{outcome}}"),),
        unit="ops",
        style="bars",
    ),
    Panel(
        "timeseries",
        "Duration of a transaction",
        "From begin to commit.",
        (
            Query(quantile(0.5, producer("transaction_duration_seconds_bucket")), "half of them"),
            Query(quantile(0.99, producer("transaction_duration_seconds_bucket")), "99 %"),
        ),
        unit="s",
    ),
    Panel(
        "timeseries",
        "Odd events",
        "late: filled a hole older than ten seconds. excluded: left out by the configuration. oversize: published "
        "without meta. misfit: published whole, as JSON. unusable: without an id, not published.",
        tuple(
            Query(f"sum({growth(producer(name))})", legend)
            for name, legend in (
                ("events_late_total", "late"),
                ("events_excluded_total", "excluded"),
                ("oversize_events_total", "oversize"),
                ("misfit_events_total", "misfit"),
                ("unusable_rows_total", "unusable"),
            )
        ),
    ),
    Panel(
        "state-timeline",
        "Who is active",
        "One instance publishes, the others stand by.",
        (Query(producer("active"), _PROCESS),),
        texts=((0, "stands by", "text"), (1, "active", "green")),
    ),
    Panel(
        "timeseries",
        "Elections, fences and new starts",
        "Several fences in a row: two instances believe that they are active.",
        (
            Query(f"sum({growth(producer('elections_total'))})", "elected"),
            Query(f"sum({growth(producer('fenced_total'))})", "fenced"),
            Query(per("reason", growth(producer("recycles_total"))), "started over: {{reason}}"),
        ),
    ),
)

_OURS = producer("build_info")

_PROCESSES: tuple[Panel, ...] = (
    Panel(
        "timeseries",
        "CPU",
        "Of a core.",
        (Query(beside(rate("process_cpu_seconds_total"), _OURS), _PROCESS),),
        unit="percentunit",
    ),
    Panel(
        "timeseries",
        "Memory",
        "Resident.",
        (Query(beside("process_resident_memory_bytes", _OURS), _PROCESS),),
        unit="bytes",
    ),
)

_WATCHING: tuple[Panel, ...] = (
    Panel(
        "timeseries",
        "Holes",
        "Ranges of ids that were not seen yet. Some hot ones are the usual state of a busy site.",
        (Query(per("tier", of_active(producer("holes")), "max"), "{{tier}}"),),
    ),
    Panel(
        "timeseries",
        "Age of a hole when it was filled",
        "How long late events let one wait for them.",
        (
            Query(quantile(0.5, producer("fill_delay_seconds_bucket")), "half of them"),
            Query(quantile(0.99, producer("fill_delay_seconds_bucket")), "99 %"),
        ),
        unit="s",
    ),
    Panel(
        "stat",
        "Lost and found",
        "Within the time that is shown. given up: watched for two weeks in vain. missing, asked again: the audit "
        "found that they had been lost; they are published by now.",
        (
            Query(f"sum({increase(producer('holes_expired_total', WATCHED))})", "given up"),
            Query(f"sum({increase(producer('audit_events_total', MISSING))})", "missing"),
            Query(f"sum({increase(producer('audit_asked_again_total'))})", "asked again"),
        ),
        steps=ANY_IS_BAD,
        width=4,
    ),
    Panel(
        "stat",
        "Last audit",
        "How long ago the active producer last compared site and topic. An audit comes every hour unless "
        "producer.audit_interval says otherwise.",
        (Query(f"time() - max({producer('audit_last_timestamp_seconds')} > 0)", "ago"),),
        unit="s",
        steps=(Step(0, "green"), Step(3 * 3600, "yellow")),
        width=4,
    ),
    Panel(
        "stat",
        "Hidden events",
        "Events that the site showed once and did not show at the last audit: archived, or the script user sees "
        "less than before.",
        (Query(per(PLACE, producer("audit_hidden_events"), "max"), _SEEN_BY),),
    ),
    Panel(
        "state-timeline",
        "Connection to Kafka",
        "Whether each process of the producer and of the teams that are shown has a broker.",
        (Query(producer("kafka_up"), _PROCESS), Query(team("kafka_up"), f"{{{{team}}}} {_PROCESS}")),
        texts=((0, "none", "red"), (1, "connected", "green")),
    ),
    Panel(
        "timeseries",
        "Answers of Kafka",
        "Time until brokers and coordinators answer, fetches left out: the worst 99th percentile of a process.",
        (
            Query(producer("kafka_round_trip_seconds"), _PROCESS),
            Query(team("kafka_round_trip_seconds"), f"{{{{team}}}} {_PROCESS}"),
        ),
        unit="s",
    ),
    *_PROCESSES,
)

PRODUCER: tuple[Panel, ...] = (*_READING, *_PUBLISHING, *_WATCHING)
"""What the producer does, from the site to the topic."""
