"""The row of each team, and the one that looks into a single plugin."""

from __future__ import annotations

from .panels import ANY_IS_BAD, Column, Panel, Query, Step
from .series import GROUP, beside, group, growth, increase, per, plugin, quantile, rate, team

_PROCESS = "{{pod}} {{instance}}"
_PLUGIN_LINK = (
    "/d/shotgun-stream?${__url_time_range}&${datasource:queryparam}&${namespace:queryparam}&${team:queryparam}"
    "&var-group=${__data.fields.group}&var-plugin=${__data.fields.plugin}"
)
_LAG = (Step(0, "green"), Step(300, "yellow"), Step(600, "red"))

TEAM: tuple[Panel, ...] = (
    Panel(
        "table",
        "Groups",
        'Each group of the team. A click on a plugin shows it below, under "Plugin".',
        (
            Query(per(GROUP, team("lag_seconds"), "max"), "lag"),
            Query(per(GROUP, team("lag_offsets")), "records behind"),
            Query(per(GROUP, team("unfinished_events")), "unfinished"),
            Query(per(GROUP, team("assigned_partitions")), "partitions"),
            Query(per(GROUP, team("paused")), "stopped"),
            Query(per(GROUP, team("paused_by_order"), "max"), "paused"),
            Query(per(GROUP, team("stuck_callbacks")), "stuck"),
            Query(per(GROUP, increase(team("events_total", 'outcome="dead_lettered"'))), "dead letters"),
        ),
        width=24,
        height=8,
        columns=(
            Column("plugin", link=_PLUGIN_LINK),
            Column("lag", unit="s", steps=_LAG),
            Column("partitions", steps=(Step(0, "red"), Step(1, "text"))),
            *(Column(name, steps=ANY_IS_BAD) for name in ("stopped", "paused", "stuck", "dead letters")),
        ),
    ),
    Panel(
        "timeseries",
        "Lag by group",
        "Age of the oldest event that has not ended.",
        (Query(per("namespace, group", team("lag_seconds"), "max"), "{{namespace}} {{group}}"),),
        unit="s",
        steps=(Step(0, "green"), Step(600, "red")),
    ),
    Panel(
        "timeseries",
        "Events by outcome",
        "Events that ended. `filtered`: no callback wanted them.",
        (Query(per("outcome", rate(team("events_total"))), "{{outcome}}"),),
        unit="eps",
        style="bars",
    ),
    Panel(
        "timeseries",
        "Failures by plugin",
        "Calls that raised, tries included.",
        (Query(per("plugin", rate(team("callback_failures_total"))), "{{plugin}}"),),
        unit="cps",
    ),
    Panel(
        "timeseries",
        "Duration of callbacks",
        "99 % of the calls are shorter.",
        (Query(quantile(0.99, team("callback_duration_seconds_bucket"), "plugin"), "{{plugin}}"),),
        unit="s",
    ),
    Panel(
        "timeseries",
        "CPU",
        "Of a core, for each process.",
        (Query(beside(rate("process_cpu_seconds_total"), team("build_info")), _PROCESS),),
        unit="percentunit",
    ),
    Panel(
        "timeseries",
        "Memory",
        "Resident, for each process.",
        (Query(beside("process_resident_memory_bytes", team("build_info")), _PROCESS),),
        unit="bytes",
    ),
)
"""One team's groups side by side. The row is repeated for each team."""

_EVENTS: tuple[Panel, ...] = (
    Panel(
        "timeseries",
        "Delivered and ended",
        "Events read from the topic, and events that ended, by outcome.",
        (
            Query(f"sum({rate(group('events_delivered_total'))})", "delivered"),
            Query(per("outcome", rate(group("events_total"))), "{{outcome}}"),
        ),
        unit="eps",
    ),
    Panel(
        "timeseries",
        "Lag",
        "Age of the oldest event that has not ended.",
        (Query(per("namespace, group", group("lag_seconds"), "max"), "{{namespace}} {{group}}"),),
        unit="s",
        steps=(Step(0, "green"), Step(600, "red")),
    ),
    Panel(
        "timeseries",
        "Records behind, and unfinished events",
        "The first is an upper bound: transaction markers count.",
        (
            Query(f"sum({group('lag_offsets')})", "records behind"),
            Query(f"sum({group('unfinished_events')})", "unfinished"),
        ),
    ),
)

_BUCKETS = group("callback_duration_seconds_bucket")

_CALLBACKS: tuple[Panel, ...] = (
    Panel(
        "timeseries",
        "Duration of callbacks",
        "Between the bounds of buckets, so only roughly.",
        (
            Query(quantile(0.5, _BUCKETS), "half of them"),
            Query(quantile(0.9, _BUCKETS), "90 %"),
            Query(quantile(0.99, _BUCKETS), "99 %"),
        ),
        unit="s",
    ),
    Panel(
        "timeseries",
        "Failures, retries and replays",
        "Calls that raised, by callback; events that are tried again; events that were run again by an order.",
        (
            Query(per("callback", rate(group("callback_failures_total"))), "failed: {{callback}}"),
            Query(f"sum({rate(group('retries_total'))})", "tried again"),
            Query(f"sum({rate(group('replays_total'))})", "run again by order"),
        ),
        unit="cps",
    ),
    Panel(
        "timeseries",
        "The event that runs longest",
        "How long it has been running. An event at which the plugin was stopped counts.",
        (
            Query(
                per("namespace, group", group("oldest_unfinished_seconds"), "max"),
                "{{namespace}} {{group}}",
            ),
        ),
        unit="s",
        steps=(Step(0, "green"), Step(1800, "red")),
    ),
    Panel(
        "timeseries",
        "Stopped, paused, stuck",
        "Partitions that stay at an event that failed; 1 while paused by an order; calls beyond their timeout.",
        (
            Query(f"sum({group('paused')})", "stopped at an event"),
            Query(f"max({group('paused_by_order')})", "paused by order"),
            Query(f"sum({group('stuck_callbacks')})", "stuck"),
            Query(f"max({group('waiting_for_decision')})", "waits for a decision"),
        ),
    ),
    Panel(
        "table",
        "Versions",
        "The version of the file that each process runs. `loaded` is 0 where the file as it is now could not be "
        "loaded, and this older version runs on.",
        (
            Query(
                f"{plugin('plugin_version_info')} "
                "* on (namespace, job, instance, plugin) group_left () "
                f"{plugin('plugin_loaded')}",
                "loaded",
            ),
        ),
        columns=(Column("loaded", steps=(Step(0, "red"), Step(1, "green"))),),
    ),
    Panel(
        "timeseries",
        "Reloads",
        "Changed files that were loaded, and that could not be.",
        (
            Query(per("plugin", growth(plugin("plugin_reloads_total"))), "{{plugin}}"),
            Query(per("plugin", growth(plugin("plugin_reload_failures_total"))), "{{plugin}}: not loaded"),
        ),
    ),
)

_POSITIONS: tuple[Panel, ...] = (
    Panel(
        "timeseries",
        "Commits",
        "99 % of the commits are answered within so many seconds.",
        (Query(quantile(0.99, group("commit_duration_seconds_bucket"), "group"), "{{group}}"),),
        unit="s",
    ),
    Panel(
        "timeseries",
        "Commits refused, and rebalances",
        "Each makes the plugin stand still for a moment. A restart of a process makes a few.",
        (
            Query(f"sum({growth(group('commit_failures_total'))})", "commits refused"),
            Query(per("instance", growth(group("rebalances_total"))), "rebalances of {{instance}}"),
        ),
    ),
    Panel(
        "timeseries",
        "Partitions by process",
        "Who reads how much. Without partitions in all processes nothing is read.",
        (Query(group("assigned_partitions"), f"{{{{group}}}} {_PROCESS}"),),
    ),
    Panel(
        "timeseries",
        "Received from Kafka",
        "By the group's members.",
        (Query(per("group", rate(group("kafka_received_bytes_total"))), "{{group}}"),),
        unit="Bps",
    ),
)

PLUGIN: tuple[Panel, ...] = (*_EVENTS, *_CALLBACKS, *_POSITIONS)
"""The plugins that the variables name, in depth."""
