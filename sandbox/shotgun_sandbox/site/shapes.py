"""Event rows to order: plain ones, and every odd shape that sites have been seen to send."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from shotgun_sandbox.site.clock import iso

Row = dict[str, Any]


def _status(number: int, now: float) -> Row:
    del now
    entity_id = 5800 + number % 60
    return {
        "event_type": "Shotgun_Task_Change",
        "attribute_name": "sg_status_list",
        "description": "Somebody changed the status of a task",
        "entity": {"type": "Task", "id": entity_id, "name": "Layout"},
        "user": {"type": "HumanUser", "id": 240, "name": "Ines Moreau"},
        "project": {"type": "Project", "id": 70, "name": "Harbour Lights"},
        "session_uuid": "5e2c1d00-7a31-11ef-8f00-0242ac110002",
        "meta": {
            "type": "attribute_change",
            "attribute_name": "sg_status_list",
            "entity_type": "Task",
            "entity_id": entity_id,
            "field_data_type": "status_list",
            "old_value": "wtg",
            "new_value": "ip",
        },
    }


def _with(**values: Any) -> Callable[[int, float], Row]:
    return lambda number, now: {**_status(number, now), **values}


def _meta(**values: Any) -> Callable[[int, float], Row]:
    def shape(number: int, now: float) -> Row:
        row = _status(number, now)
        return {**row, "meta": {**row["meta"], **values}}

    return shape


def _without_type(number: int, now: float) -> Row:
    row = _status(number, now)
    return {**row, "meta": {key: value for key, value in row["meta"].items() if key != "type"}}


def _backdated(number: int, now: float) -> Row:
    return {**_status(number, now), "created_at": iso(now - 3 * 3600 - number)}


def _iso_in_meta(number: int, now: float) -> Row:
    shape = _meta(
        old_value=iso(now - 60), new_value=iso(now), nested=[{"at": iso(now)}], broken="2026-13-45T99:99:99Z"
    )
    return shape(number, now)


def _extra_link_keys(number: int, now: float) -> Row:
    row = _status(number, now)
    return {**row, "entity": {**row["entity"], "status": "ip", "valid": "valid"}}


SHAPES: Mapping[str, Callable[[int, float], Row]] = {
    "status": _status,
    "null_entity": _with(entity=None),
    "null_user": _with(user=None),
    "null_project": _with(project=None),
    "null_meta": _with(meta=None),
    "null_type": _with(event_type=None, attribute_name=None),
    "null_date": _with(created_at=None),
    "minimal": lambda _number, _now: {"description": "New Event"},
    "empty_meta": _with(event_type="Shotgun_PageSetting_Change", attribute_name=None, meta={}),
    "unknown_meta": _meta(type="studio_invention", payload={"deep": [1, 2.5, None, True]}),
    "untyped_meta": _without_type,
    "iso_in_meta": _iso_in_meta,
    "unicode_meta": _meta(old_value="카메라 &lt;v1&gt; <v2>", new_value="\U00020bb7\U0001f3ac \u0000 \u2028"),
    "escaped_name": _with(description="A &lt;b&gt; c", attribute_name="&lt;"),
    "dst_hour": _with(created_at="2026-11-01T09:30:00Z"),
    "backdated": _backdated,
    "extra_link_keys": _extra_link_keys,
    "no_underscore": _with(event_type="AutodeskLicense", attribute_name=None, meta=None, project=None),
}


def rows(count: int, shape: str, changes: Mapping[str, Any], meta_bytes: int, now: float) -> Iterator[Row]:
    """Make ``count`` rows of one shape, or of each in turn for ``odd``; ``changes`` replace values of all.

    With ``meta_bytes`` the meta of each carries a text of that length. Raises ValueError for an unknown shape.
    """
    names = list(SHAPES) if shape == "odd" else [shape]
    if names[0] not in SHAPES:
        raise ValueError(f"unknown shape {shape!r}; known: {[*SHAPES, 'odd']}")
    for number, name in zip(range(count), itertools.cycle(names)):
        row = {**SHAPES[name](number, now), **changes}
        if meta_bytes:
            row["meta"] = {**(row.get("meta") or {}), "new_value": "x" * meta_bytes}
        yield row
