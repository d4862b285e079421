"""`summarize`, answered from entities in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from .matching import Row, UnsupportedError, ValueAt

_KINDS: dict[str, Callable[[list[Any]], Any]] = {
    "record_count": len,
    "count": lambda values: len([value for value in values if value not in (None, "", [])]),
    "sum": lambda values: sum(value for value in values if value is not None),
    "average": lambda values: _average([value for value in values if value is not None]),
    "minimum": lambda values: min((value for value in values if value is not None), default=None),
    "maximum": lambda values: max((value for value in values if value is not None), default=None),
    "checked": lambda values: len([value for value in values if value]),
    "unchecked": lambda values: len([value for value in values if not value]),
}
_KINDS["earliest"], _KINDS["latest"] = _KINDS["minimum"], _KINDS["maximum"]


def summarize(rows: Sequence[Row], params: Mapping[str, Any], value_at: ValueAt) -> dict[str, Any]:
    """The site's answer for these rows. Raises UnsupportedError for a kind of summary or group that is not known."""
    return _summarized(rows, params["summaries"], params.get("grouping") or [], value_at)


def _summarized(
    rows: Sequence[Row],
    wanted: Sequence[Mapping[str, str]],
    grouping: Sequence[Mapping[str, str]],
    value_at: ValueAt,
) -> dict[str, Any]:
    summaries = {}
    for one in wanted:
        kind = _KINDS.get(one["type"])
        if kind is None:
            raise UnsupportedError(
                f"the fake site knows no summary of type {one['type']!r}; it knows {', '.join(_KINDS)}; "
                "give the answer yourself with site.answer('summarize', ...)"
            )
        summaries[one["field"]] = kind([value_at(row, one["field"]) for row in rows])
    return {"groups": _groups(rows, wanted, grouping, value_at), "summaries": summaries}


def _groups(
    rows: Sequence[Row],
    wanted: Sequence[Mapping[str, str]],
    grouping: Sequence[Mapping[str, str]],
    value_at: ValueAt,
) -> list[dict[str, Any]]:
    if not grouping:
        return []
    first, *rest = grouping
    if first.get("type", "exact") != "exact":
        raise UnsupportedError(
            f"the fake site groups by 'exact' alone, not by {first['type']!r}; "
            "give the answer yourself with site.answer('summarize', ...)"
        )
    members: dict[str, tuple[Any, list[Row]]] = {}
    for row in rows:
        value = value_at(row, first["field"])
        members.setdefault(_name(value), (value, []))[1].append(row)
    names = sorted(members, reverse=first.get("direction") == "desc")
    return [
        {
            "group_name": name,
            "group_value": members[name][0],
            **_summarized(members[name][1], wanted, rest, value_at),
        }
        for name in names
    ]


def _name(value: Any) -> str:
    if isinstance(value, Mapping):
        return str(value.get("name"))
    return "" if value is None else str(value)


def _average(values: list[Any]) -> Any:
    return sum(values) / len(values) if values else None
