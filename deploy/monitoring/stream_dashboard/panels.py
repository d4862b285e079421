"""Panels as values, and as Grafana's JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["stat", "timeseries", "table", "state-timeline"]
Color = Literal["green", "yellow", "orange", "red", "blue", "text"]
Json = dict[str, Any]

DATASOURCE: Json = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Query:
    """One expression. `legend` is Grafana's pattern of the series' names; in a table it heads the column."""

    expr: str
    legend: str


@dataclass(frozen=True, slots=True)
class Step:
    """From `value` on the colour is `color`."""

    value: float
    color: Color


CALM = (Step(0, "text"),)
"""No value of it is good or bad by itself."""

ANY_IS_BAD = (Step(0, "green"), Step(1, "red"))
"""For counts of what should not be."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel. `unit` is Grafana's id of a unit; width and height are in the 24 columns of a dashboard.

    `minimum` is where a graph's axis begins. `texts` says what single values mean. The style `bars` stacks the series:
    only for parts of one whole.
    """

    kind: Kind
    title: str
    description: str
    queries: tuple[Query, ...]
    unit: str = "short"
    steps: tuple[Step, ...] = CALM
    width: int = 8
    height: int = 7
    style: Literal["lines", "bars"] = "lines"
    minimum: float | None = 0
    texts: tuple[tuple[float, str, Color], ...] = ()
    columns: tuple[Column, ...] = ()


@dataclass(frozen=True, slots=True)
class Column:
    """How a column of a table is shown. `link` is where a click on it leads."""

    name: str
    unit: str = "short"
    steps: tuple[Step, ...] = CALM
    link: str = ""


def panel_json(panel: Panel, number: int, x: int, y: int) -> Json:
    """The panel as Grafana wants it, at this place."""
    return {
        "id": number,
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": DATASOURCE,
        "gridPos": {"x": x, "y": y, "w": panel.width, "h": panel.height},
        "targets": [_target(panel.kind, query, index) for index, query in enumerate(panel.queries)],
        "fieldConfig": {
            "defaults": {
                "unit": panel.unit,
                "color": {"mode": "palette-classic" if panel.kind == "timeseries" else "thresholds"},
                "thresholds": _thresholds(panel.steps),
                "mappings": _mappings(panel.texts),
                **_defaults(panel),
            },
            "overrides": [_override(column) for column in panel.columns],
        },
        "options": _OPTIONS[panel.kind],
        **({"transformations": _one_table(panel)} if panel.kind == "table" else {}),
    }


def _target(kind: Kind, query: Query, index: int) -> Json:
    moment = kind in ("stat", "table")
    return {
        "refId": chr(ord("A") + index),
        "datasource": DATASOURCE,
        "expr": query.expr,
        "legendFormat": query.legend,
        "instant": moment,
        "range": not moment,
        "format": "table" if kind == "table" else "time_series",
        "editorMode": "code",
    }


def _thresholds(steps: tuple[Step, ...]) -> Json:
    # Grafana's lowest step has no value: it begins at minus infinity.
    first, *others = steps
    return {
        "mode": "absolute",
        "steps": [
            {"color": first.color, "value": None},
            *({"color": s.color, "value": s.value} for s in others),
        ],
    }


def _mappings(texts: tuple[tuple[float, str, Color], ...]) -> list[Json]:
    if not texts:
        return []
    options = {f"{value:g}": {"text": text, "color": color} for value, text, color in texts}
    return [{"type": "value", "options": options}]


def _defaults(panel: Panel) -> Json:
    if panel.kind == "timeseries":
        stacked = panel.style == "bars"
        custom: Json = {
            "drawStyle": "bars" if stacked else "line",
            "lineWidth": 1,
            "fillOpacity": 60 if stacked else 8,
            "showPoints": "never",
            "spanNulls": False,
            "stacking": {"mode": "normal" if stacked else "none", "group": "A"},
            # Only where a threshold says something.
            "thresholdsStyle": {"mode": "dashed" if len(panel.steps) > 1 else "off"},
        }
        return {"custom": custom, **({} if panel.minimum is None else {"min": panel.minimum})}
    if panel.kind == "state-timeline":
        return {"custom": {"fillOpacity": 70, "lineWidth": 0}}
    return {}


_OPTIONS: Mapping[Kind, Json] = {
    "stat": {
        "colorMode": "background",
        "graphMode": "none",
        "justifyMode": "auto",
        "orientation": "auto",
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "textMode": "auto",
        "wideLayout": True,
    },
    "timeseries": {
        "legend": {
            "displayMode": "table",
            "placement": "bottom",
            "showLegend": True,
            "calcs": ["lastNotNull", "max"],
        },
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    "table": {
        "showHeader": True,
        "cellHeight": "sm",
        "footer": {"show": False, "reducer": ["sum"], "fields": ""},
    },
    "state-timeline": {
        "showValue": "auto",
        "mergeValues": True,
        "rowHeight": 0.8,
        "alignValue": "left",
        "legend": {"displayMode": "list", "placement": "bottom", "showLegend": False},
        "tooltip": {"mode": "single", "sort": "none"},
    },
}


def _override(column: Column) -> Json:
    properties: list[Json] = [{"id": "unit", "value": column.unit}]
    if len(column.steps) > 1:
        properties += [
            {"id": "thresholds", "value": _thresholds(column.steps)},
            {"id": "custom.cellOptions", "value": {"type": "color-background", "mode": "basic"}},
        ]
    if column.link:
        link = {"title": "Show this plugin", "url": column.link, "targetBlank": False}
        properties.append({"id": "links", "value": [link]})
    return {"matcher": {"id": "byName", "options": column.name}, "properties": properties}


def _one_table(panel: Panel) -> list[Json]:
    """The queries as columns of one table. With one query, Grafana calls its values `Value`."""
    single = len(panel.queries) == 1
    names = {
        "Value" if single else f"Value #{chr(ord('A') + index)}": query.legend
        for index, query in enumerate(panel.queries)
    }
    return [
        {"id": "merge", "options": {}},
        {
            "id": "organize",
            "options": {"excludeByName": {"Time": True}, "indexByName": {}, "renameByName": names},
        },
    ]
