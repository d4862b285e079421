"""Filters of `find`, answered from entities in memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

Row = Mapping[str, Any]
ValueAt = Callable[[Row, str], Any]
"""The value of a row's field, which may be a path such as `entity.Shot.code`."""


class UnsupportedError(NotImplementedError):
    """The fake site does not know this; the message says what to do instead."""


def matches(row: Row, wire: Mapping[str, Any] | None, value_at: ValueAt) -> bool:
    """Whether a row fulfils a filter, as the client sends it. Raises UnsupportedError for an unknown relation."""
    if not wire:
        return True
    if "conditions" not in wire:
        test = _TESTS.get(wire["relation"])
        if test is None:
            raise UnsupportedError(
                f"the fake site knows no filter relation {wire['relation']!r} ({wire['path']}); "
                f"it knows {', '.join(_TESTS)}; give the answer yourself with site.answer('find', ...)"
            )
        return test(value_at(row, wire["path"]), list(wire["values"]))
    parts = [matches(row, part, value_at) for part in wire["conditions"]]
    if not parts:
        return True
    return any(parts) if wire.get("logical_operator") == "or" else all(parts)


def _same(value: Any, other: Any) -> bool:
    if isinstance(value, Mapping) and isinstance(other, Mapping):
        return (value.get("type"), value.get("id")) == (other.get("type"), other.get("id"))
    if isinstance(value, list):
        return any(_same(one, other) for one in value) or (other in (None, []) and not value)
    return bool(value == other)


def _is(value: Any, values: list[Any]) -> bool:
    return _same(value, values[0])


def _in(value: Any, values: list[Any]) -> bool:
    return any(_same(value, other) for other in values)


def _text(value: Any) -> str:
    return str(value or "").casefold()


def _name(value: Any) -> str:
    return _text(value.get("name")) if isinstance(value, Mapping) else ""


def _type(value: Any) -> Any:
    return value.get("type") if isinstance(value, Mapping) else None


def _compared(value: Any, low: Any, high: Any) -> bool:
    """Whether the value lies between the two, None being open."""
    if value is None:
        return False
    return (low is None or value >= low) and (high is None or value <= high)


def _pair(values: list[Any]) -> tuple[Any, Any]:
    low, high = values[0] if len(values) == 1 else values
    return low, high


_Test = Callable[[Any, list[Any]], bool]
_TESTS: dict[str, _Test] = {
    "is": _is,
    "is_not": lambda value, values: not _is(value, values),
    "in": _in,
    "not_in": lambda value, values: not _in(value, values),
    "contains": lambda value, values: _text(values[0]) in _text(value),
    "not_contains": lambda value, values: _text(values[0]) not in _text(value),
    "starts_with": lambda value, values: _text(value).startswith(_text(values[0])),
    "ends_with": lambda value, values: _text(value).endswith(_text(values[0])),
    "greater_than": lambda value, values: value is not None and value > values[0],
    "less_than": lambda value, values: value is not None and value < values[0],
    "between": lambda value, values: _compared(value, *_pair(values)),
    "not_between": lambda value, values: not _compared(value, *_pair(values)),
    "name_is": lambda value, values: _name(value) == _text(values[0]),
    "name_contains": lambda value, values: _text(values[0]) in _name(value),
    "name_not_contains": lambda value, values: _text(values[0]) not in _name(value),
    "name_starts_with": lambda value, values: _name(value).startswith(_text(values[0])),
    "type_is": lambda value, values: _type(value) == values[0],
    "type_is_not": lambda value, values: _type(value) != values[0],
}
