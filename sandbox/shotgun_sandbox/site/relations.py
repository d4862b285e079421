"""The relations of a filter, each as a test of one value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from shotgun_sandbox.site.clock import parse_iso

Test = Callable[[Any], bool]

UNITS = {"HOUR": 1 / 24, "DAY": 1.0, "WEEK": 7.0, "MONTH": 30.4, "YEAR": 365.25}


@dataclass(frozen=True, slots=True)
class Moment:
    """The time of the request, from which relative dates count."""

    now: float

    @staticmethod
    def parse(value: Any) -> float | None:
        """Return a date or date and time as epoch seconds; none for what is no date."""
        try:
            return parse_iso(value) if isinstance(value, str) else None
        except ValueError:
            return None

    def within(self, count: float, unit: str) -> tuple[float, float]:
        """Return the span between now and ``count`` units from now, in either direction."""
        other = self.now + count * UNITS.get(unit.upper(), 1.0) * 86400
        return min(self.now, other), max(self.now, other)

    def calendar(self, unit: str, offset: int) -> tuple[float, float]:
        """Return the calendar day, week, month or year that lies ``offset`` units from the present one."""
        today = datetime.fromtimestamp(self.now, timezone.utc).replace(
            hour=0, minute=0, second=0, microsecond=0
        )
        if unit in ("day", "week"):
            days = 1 if unit == "day" else 7
            start = today + timedelta(days=offset * days)
            start -= timedelta(days=start.weekday() if unit == "week" else 0)
            return start.timestamp(), (start + timedelta(days=days)).timestamp()
        months = 1 if unit == "month" else 12
        first = today.year * 12 + (today.month - 1 if unit == "month" else 0) + offset * months
        return _month(first), _month(first + months)


def test_of(relation: str, values: list[Any], data_type: str, moment: Moment) -> Test:
    """Return the test that ``relation`` with ``values`` makes of a value of ``data_type``."""
    if data_type in ("date", "date_time"):
        return _date_test(relation, values, moment)
    if data_type in ("entity", "multi_entity"):
        return _link_test(relation, values)
    if data_type == "text":
        return _text_test(relation, values)
    return _plain_test(relation, values)


def _month(count: int) -> float:
    return datetime(count // 12, count % 12 + 1, 1, tzinfo=timezone.utc).timestamp()


def _plain_test(relation: str, values: list[Any]) -> Test:
    if relation == "greater_than":
        return lambda value: value is not None and value > values[0]
    if relation == "less_than":
        return lambda value: value is not None and value < values[0]
    if relation == "between":
        low, high = sorted(values[:2])
        return lambda value: value is not None and low <= value <= high
    if relation in ("is_not", "not_in"):
        return lambda value: value not in values
    return lambda value: value in values


def _text_test(relation: str, values: list[Any]) -> Test:
    wanted = [value.casefold() if isinstance(value, str) else value for value in values]
    first = str(wanted[0])
    tests: dict[str, Test] = {
        "is": lambda text: text in wanted,
        "in": lambda text: text in wanted,
        "is_not": lambda text: text not in wanted,
        "not_in": lambda text: text not in wanted,
        "contains": lambda text: text is not None and first in text,
        "not_contains": lambda text: text is None or first not in text,
        "starts_with": lambda text: text is not None and text.startswith(first),
        "ends_with": lambda text: text is not None and text.endswith(first),
    }
    test = tests[relation]
    return lambda value: test(value.casefold() if isinstance(value, str) else None)


def _date_test(relation: str, values: list[Any], moment: Moment) -> Test:
    if relation.startswith(("in_", "not_in_")):
        first, last = _relative_span(relation, values, moment)
        negative = relation.startswith("not_")
        return lambda value: _inside(Moment.parse(value), first, last) != negative
    test = _plain_test(relation, [Moment.parse(value) for value in values])
    return lambda value: test(Moment.parse(value))


def _relative_span(relation: str, values: list[Any], moment: Moment) -> tuple[float, float]:
    if relation.startswith("in_calendar_"):
        return moment.calendar(relation.rsplit("_", 1)[1], int(values[0]))
    sign = -1 if relation.endswith("last") else 1
    return moment.within(sign * float(values[0]), str(values[1] if len(values) > 1 else "DAY"))


def _inside(value: float | None, first: float, last: float) -> bool:
    return value is not None and first <= value <= last


def _link_test(relation: str, values: list[Any]) -> Test:
    if relation in ("type_is", "type_is_not"):
        return _any_link(lambda link: link["type"] == values[0], negative=relation == "type_is_not")
    if relation.startswith("name_"):
        wanted = str(values[0]).casefold()
        negative = relation == "name_not_contains"
        if relation == "name_is":
            return _any_link(lambda link: str(link.get("name", "")).casefold() == wanted, negative=negative)
        return _any_link(lambda link: wanted in str(link.get("name", "")).casefold(), negative=negative)
    keys = {(value["type"], value["id"]) for value in values if isinstance(value, dict)}
    negative = relation in ("is_not", "not_in")
    if None in values:
        return lambda value: (not value or _matches(value, keys)) != negative
    return lambda value: _matches(value, keys) != negative


def _matches(value: Any, keys: set[tuple[str, int]]) -> bool:
    links = value if isinstance(value, list) else [value]
    return any(link and (link["type"], link["id"]) in keys for link in links)


def _any_link(test: Test, *, negative: bool) -> Test:
    def check(value: Any) -> bool:
        links = value if isinstance(value, list) else [value]
        return any(link is not None and test(link) for link in links) != negative

    return check
