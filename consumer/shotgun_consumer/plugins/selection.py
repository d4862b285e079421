"""Which events a callback under `@on` wants."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

Where = Callable[[dict[str, Any]], object]
"""A plugin's own test of a whole event; what it returns counts as true or false."""

_WITHOUT_ATTRIBUTE = ("_New", "_Retirement", "_Revival")


class SelectionError(ValueError):
    """What `@on` was given selects nothing sensible. The message says what to write instead."""


@dataclass(frozen=True, slots=True)
class Selection:
    """The events of one `@on`: all conditions must hold, an empty one always does.

    `projects` are ids and names. `where` is asked last, and only of events for which the rest holds.
    """

    event_types: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ()
    projects: tuple[int | str, ...] = ()
    where: Where | None = None

    def wants(self, event_type: object, attribute_name: object, project_id: str | None = None) -> bool:
        """Whether an event may be wanted, from its headers: a project that is given by its name cannot be told."""
        if self.event_types and event_type not in self.event_types:
            return False
        if self.attributes and attribute_name not in self.attributes:
            return False
        if not self.projects:
            return True
        if project_id is None:
            return False
        return any(isinstance(one, str) or str(one) == project_id for one in self.projects)

    def selects(self, event: Mapping[str, Any]) -> bool:
        """Whether the whole event is wanted. Raises what `where` raises."""
        if self.event_types and event.get("event_type") not in self.event_types:
            return False
        if self.attributes and event.get("attribute_name") not in self.attributes:
            return False
        if self.projects:
            project = event.get("project") or {}
            if project.get("id") not in self.projects and project.get("name") not in self.projects:
                return False
        return self.where is None or bool(self.where(event))  # type: ignore[arg-type]

    def describe(self) -> str:
        """The conditions on one line."""
        parts = [" | ".join(self.event_types) or "all events"]
        if self.attributes:
            parts.append(f"attribute {' | '.join(self.attributes)}")
        if self.projects:
            parts.append(f"project {' | '.join(map(str, self.projects))}")
        if self.where is not None:
            parts.append(f"where {getattr(self.where, '__name__', repr(self.where))}")
        return ", ".join(parts)

    def warnings(self) -> Iterator[str]:
        """What selects nothing."""
        if not self.attributes:
            return
        for name in self.event_types:
            if name.endswith(_WITHOUT_ATTRIBUTE):
                yield f"events of type {name!r} have no attribute and are never taken; leave out attribute= for them"


@dataclass(frozen=True, slots=True)
class Selections:
    """Several `@on` over one callback: it is called once for an event that any of them selects."""

    parts: tuple[Selection, ...]

    def wants(self, event_type: object, attribute_name: object, project_id: str | None = None) -> bool:
        """Whether one of them may want an event with these headers."""
        return any(part.wants(event_type, attribute_name, project_id) for part in self.parts)

    def selects(self, event: Mapping[str, Any]) -> bool:
        """Whether one of them selects the event. Raises what a `where` raises."""
        return any(part.selects(event) for part in self.parts)

    def describe(self) -> str:
        """All of them on one line."""
        return "; ".join(part.describe() for part in self.parts)

    def warnings(self) -> Iterator[str]:
        """The warnings of all of them."""
        for part in self.parts:
            yield from part.warnings()


def make_selection(
    event_types: Collection[object],
    attribute: object,
    project: object,
    where: Where | None,
) -> Selection:
    """The selection for what `@on` was given. Raises SelectionError."""
    if where is not None and not callable(where):
        raise SelectionError(f"where must be a function of the event, got {type(where).__name__} {where!r}")
    return Selection(
        tuple(_word("an event type", "Shotgun_Task_Change", name) for name in event_types),
        tuple(_word("attribute", "sg_status_list", name) for name in _several(attribute)),
        tuple(_project(one) for one in _several(project)),
        where,
    )


def _several(value: object) -> tuple[object, ...]:
    if value is None:
        return ()
    if isinstance(value, str | int | Mapping) or not isinstance(value, Collection):
        return (value,)
    if not value:
        raise SelectionError("an empty list selects nothing; leave the argument out to select everything")
    return tuple(value)


def _word(what: str, example: str, value: object) -> str:
    if not isinstance(value, str) or not value:
        raise SelectionError(f"{what} must be a text such as {example!r}, got {value!r}")
    if "*" in value:
        raise SelectionError(f"{what} {value!r}: '*' stands for nothing here; leave it out to take all")
    return value


def _project(value: object) -> int | str:
    if isinstance(value, bool) or not isinstance(value, int | str) or value == "":
        raise SelectionError(f"project must be an id or a name, got {value!r}")
    return value
