"""Filters of a read: what they select by id alone, and a test for the rest of a row."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from shotgun_sandbox.site.errors import REQUEST, BadQuery, SiteFault
from shotgun_sandbox.site.id_ranges import ALL, LAST, NONE, IdRanges
from shotgun_sandbox.site.relations import Moment, test_of
from shotgun_sandbox.site.schema import RELATIONS, Field

Row = Mapping[str, Any]
Matcher = Callable[[Row], bool]
DEEPEST = 265  # the real site fails on one level more


@dataclass(frozen=True, slots=True)
class Selection:
    """The meaning of a filter.

    Every row it selects has its id in ``ids``. When ``exact``, those are all of them and ``matches`` need not be
    asked.
    """

    ids: IdRanges
    exact: bool
    matches: Matcher


@dataclass(frozen=True, slots=True)
class Context:
    """What a filter needs to know of the site: fields by path, values by path, dates to ids, and the time."""

    method: str
    entity_type: str
    field: Callable[[str], Field]
    value: Callable[[Row, str], Any]
    created_between: Callable[[float, float], IdRanges]
    now: Callable[[], float]


def select(wire: Mapping[str, Any] | None, context: Context, depth: int = 1) -> Selection:
    """Compile a filter as it stands in a request. Raises SiteFault for what the site refuses."""
    if not wire:
        return Selection(ALL, exact=True, matches=_always)
    if depth > DEEPEST:
        raise BadQuery(f"a filter nested more than {DEEPEST} deep")
    if "conditions" not in wire:
        return _condition(wire, context)
    parts = [select(part, context, depth + 1) for part in wire["conditions"]]
    if wire.get("logical_operator", "and") == "or":
        return _any_of(parts)
    return _all_of(parts)


def _all_of(parts: list[Selection]) -> Selection:
    ids = reduce(IdRanges.intersection, (part.ids for part in parts), ALL)
    open_parts = [part.matches for part in parts if not part.exact]
    return Selection(ids, not open_parts, lambda row: all(matches(row) for matches in open_parts))


def _any_of(parts: list[Selection]) -> Selection:
    if not parts:
        return Selection(ALL, exact=True, matches=_always)
    ids = reduce(IdRanges.union, (part.ids for part in parts), NONE)
    return Selection(
        ids, all(part.exact for part in parts), lambda row: any(part.matches(row) for part in parts)
    )


def _condition(wire: Mapping[str, Any], context: Context) -> Selection:
    path, relation, values = str(wire.get("path")), str(wire.get("relation")), list(wire.get("values") or ())
    spec = context.field(path)
    if spec.data_type == "jsonb":
        return Selection(ALL, exact=True, matches=_always)  # accepted and ignored, as the real site does
    _check_relation(path, relation, values, spec, context)
    test = test_of(relation, values, spec.data_type, Moment(context.now()))

    def matches(row: Row) -> bool:
        return test(context.value(row, path))

    if path == "id":
        return Selection(_ids(relation, values), exact=True, matches=matches)
    if path == "created_at" and context.entity_type == "EventLogEntry":
        return Selection(_created(relation, values, context), exact=False, matches=matches)
    return Selection(ALL, exact=False, matches=matches)


def _check_relation(path: str, relation: str, values: list[Any], spec: Field, context: Context) -> None:
    name = f"{context.entity_type}.{path}"
    allowed = RELATIONS.get(spec.data_type)
    if allowed is None:
        raise SiteFault(
            REQUEST,
            f"API {context.method}() {name}'s '{spec.data_type}' data type cannot be used in a filter.",
        )
    if relation not in allowed:
        listed = ", ".join(f'"{item}"' for item in allowed)
        raise SiteFault(
            REQUEST,
            f"API {context.method}() {name}'s '{spec.data_type}' data type doesn't support '{relation}' 'relation'. "
            f"Supported: [{listed}]",
        )
    least = 2 if relation == "between" else 1
    if len(values) < least:
        raise SiteFault(
            REQUEST,
            f"API {context.method}() {name} 'relation' '{relation}' expects at least a {least}-element array.",
        )
    if path == "id" and not all(isinstance(value, int) or value is None for value in values):
        raise SiteFault(
            REQUEST, f"API {context.method}() {name} expected [Number] data type(s) but got {values!r}."
        )


def _ids(relation: str, values: list[Any]) -> IdRanges:
    numbers = [value for value in values if value is not None]
    if relation in ("is", "in"):
        return IdRanges.ids(numbers)
    if relation in ("is_not", "not_in"):
        return IdRanges.ids(numbers).complement()
    if not numbers:
        return NONE
    if relation == "greater_than":
        return IdRanges.of([(max(0, numbers[0] + 1), LAST)])
    if relation == "less_than":
        return IdRanges.of([(0, numbers[0] - 1)])
    return IdRanges.of([(max(0, min(numbers[:2])), max(numbers[:2]))])


def _created(relation: str, values: list[Any], context: Context) -> IdRanges:
    moments = [Moment.parse(value) for value in values]
    known = [moment for moment in moments if moment is not None]
    if not known or relation not in ("is", "greater_than", "less_than", "between"):
        return ALL
    first = 0.0 if relation == "less_than" else min(known)
    last = float(LAST) if relation == "greater_than" else max(known)
    return context.created_between(first, last)


def _always(_row: Row) -> bool:
    return True
