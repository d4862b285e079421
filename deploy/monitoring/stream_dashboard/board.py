"""The whole dashboard: variables, rows and where each panel lies."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .panels import DATASOURCE, Json, Panel, panel_json
from .stream_rows import OVERVIEW, PRODUCER
from .team_rows import PLUGIN, TEAM

COLUMNS = 24
UID = "shotgun-stream"


def dashboard() -> Json:
    """The dashboard as Grafana imports it."""
    return {
        "uid": UID,
        "title": "Shotgun Stream",
        "description": "From the Shotgun site to the teams' plugins. Alerts and what to do: docs/runbook.md.",
        "tags": ["shotgun-stream"],
        "editable": True,
        "graphTooltip": 1,
        "refresh": "1m",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "timepicker": {},
        "fiscalYearStartMonth": 0,
        "weekStart": "",
        "schemaVersion": 39,
        "version": 1,
        "links": [],
        "annotations": {"list": []},
        "templating": {"list": _variables()},
        "panels": _Layout().rows(),
    }


class _Layout:
    """Numbers the panels and puts them side by side, row under row."""

    def __init__(self) -> None:
        self._number = 0
        self._y = 0

    def rows(self) -> list[Json]:
        return [
            *self._row("Overview", OVERVIEW),
            *self._row("Producer", PRODUCER),
            *self._row("Team $team", TEAM, repeat="team"),
            *self._row("Plugin $plugin (group $group)", PLUGIN),
        ]

    def _row(self, title: str, panels: Iterable[Panel], repeat: str = "") -> list[Json]:
        row: dict[str, Any] = {
            "id": self._next(),
            "type": "row",
            "title": title,
            "collapsed": False,
            "gridPos": {"x": 0, "y": self._y, "w": COLUMNS, "h": 1},
            "panels": [],
            **({"repeat": repeat} if repeat else {}),
        }
        self._y += 1
        return [row, *self._side_by_side(panels)]

    def _side_by_side(self, panels: Iterable[Panel]) -> list[Json]:
        placed: list[Json] = []
        x = line = 0
        for panel in panels:
            if x + panel.width > COLUMNS:
                self._y += line
                x = line = 0
            placed.append(panel_json(panel, self._next(), x, self._y))
            x += panel.width
            line = max(line, panel.height)
        self._y += line
        return placed

    def _next(self) -> int:
        self._number += 1
        return self._number


def _variables() -> list[Json]:
    consumers = 'shotgun_consumer_assigned_partitions{namespace=~"$namespace", team=~"$team"'
    return [
        {
            "type": "datasource",
            "name": "datasource",
            "label": "Prometheus",
            "query": "prometheus",
            "current": {},
            "hide": 0,
            "includeAll": False,
            "multi": False,
            "options": [],
            "refresh": 1,
            "regex": "",
            "skipUrlSync": False,
        },
        _variable("namespace", "Namespace", '{__name__=~"shotgun_(producer|consumer)_build_info"}'),
        # Where no series has a label team there is only All, and one row.
        _variable("team", "Team", 'shotgun_consumer_build_info{namespace=~"$namespace"}'),
        _variable("group", "Group", f"{consumers}}}"),
        _variable("plugin", "Plugin", f'{consumers}, group=~"$group"}}'),
    ]


def _variable(name: str, label: str, selector: str) -> Json:
    """A choice among the values of a label. All is `.*`, which matches series without the label as well."""
    query = f"label_values({selector}, {name})"
    return {
        "type": "query",
        "name": name,
        "label": label,
        "datasource": DATASOURCE,
        "definition": query,
        "query": {"qryType": 1, "query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "hide": 0,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
        "options": [],
        "refresh": 2,
        "regex": "",
        "skipUrlSync": False,
        "sort": 1,
    }
