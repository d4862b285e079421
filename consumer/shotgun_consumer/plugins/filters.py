"""Which events a callback wants: `matchEvents`, to the letter of the classic daemon."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

_ANY = "*"


class Filter(Protocol):
    """Which events a callback wants, told in two steps, so that most events need not be decoded."""

    def wants(self, event_type: object, attribute_name: object, project_id: str | None = None) -> bool:
        """Whether an event may be wanted, from what its headers tell. False is final, True is not. Never raises."""

    def selects(self, event: Mapping[str, Any]) -> bool:
        """Whether the whole event is wanted. Raises whatever the plugin's own part of the filter raises."""

    def describe(self) -> str:
        """The filter on one line, for tables."""

    def warnings(self) -> Iterator[str]:
        """What this filter does and its author probably did not mean, one sentence each."""


class FilterError(ValueError):
    """`matchEvents` cannot be used. The message says what it must be, what it is, and what to write instead."""


@dataclass(frozen=True, slots=True)
class EventFilter:
    """One callback's filter. The mapping is kept by reference: a plugin that changes it later changes the filter.

    `match_events` maps an event type to None (all of its events), or to the attribute names wanted. A string there
    is tested for containing the attribute name, as it always was; `'*'` in it, or None, takes every event.
    """

    match_events: Mapping[str, Any] | None

    def wants(
        self,
        event_type: object,
        attribute_name: object,
        project_id: str | None = None,  # noqa: ARG002
    ) -> bool:
        """Whether the callback is to be called for an event of this type that changed this attribute."""
        events = self.match_events
        if not events:
            return True
        key = _ANY if _ANY in events else event_type
        try:
            attributes = events[key]  # type: ignore[index]
        except KeyError:
            return False
        if attributes is None or _ANY in attributes:
            return True
        return bool(attribute_name) and attribute_name in attributes

    def selects(self, event: Mapping[str, Any]) -> bool:
        """The same for a whole event."""
        return not self.match_events or self.wants(event.get("event_type"), event.get("attribute_name"))

    def describe(self) -> str:
        """The filter on one line, for tables."""
        return "all events" if not self.match_events else repr(dict(self.match_events))

    def warnings(self) -> Iterator[str]:
        """What this filter does and its author probably did not mean, one sentence each."""
        events = self.match_events
        if not events:
            return
        others = [key for key in events if key != _ANY]
        if _ANY in events and others:
            yield f"the key '*' hides the other keys of matchEvents: {', '.join(map(repr, others))} is never looked at"
        for key, attributes in events.items():
            if _ANY in key and key != _ANY:
                yield f"the key {key!r} matches no event: only '*' alone is a wildcard"
            yield from _attribute_warnings(key, attributes)


def parse_filter(match_events: object) -> EventFilter:
    """The filter for what a plugin gave as `matchEvents`. Anything falsy means all events. Raises FilterError."""
    if not match_events:
        return EventFilter(None)
    if not isinstance(match_events, Mapping):
        raise FilterError(
            f"matchEvents must be a mapping, got {type(match_events).__name__} {match_events!r}; "
            f"use {_suggestion(match_events)}."
        )
    for key, attributes in match_events.items():
        if not isinstance(key, str):
            raise FilterError(
                f"a key of matchEvents must be an event type, got {type(key).__name__} {key!r}; "
                "use a text such as 'Shotgun_Task_Change'."
            )
        if attributes is not None and not isinstance(attributes, Container):
            raise FilterError(
                f"matchEvents[{key!r}] must be None or a list of attribute names, got "
                f"{type(attributes).__name__} {attributes!r}; use {{{key!r}: None}} for every attribute."
            )
    return EventFilter(match_events)


def _suggestion(match_events: object) -> str:
    names: list[str] = []
    if isinstance(match_events, str):
        names = [match_events]
    elif isinstance(match_events, Iterable):
        names = [name for name in match_events if isinstance(name, str)]
    return repr(dict.fromkeys(names or ["Shotgun_Task_Change"]))


def _attribute_warnings(key: str, attributes: Any) -> Iterator[str]:
    if attributes is None or _ANY in attributes:
        return
    if isinstance(attributes, str):
        if attributes:
            yield (
                f"matchEvents[{key!r}] is the text {attributes!r}, which also matches every attribute whose name is "
                f"a part of it; use [{attributes!r}] to match that one alone"
            )
            return
    elif isinstance(attributes, Iterable):
        names = list(attributes)
        globs = [name for name in names if isinstance(name, str) and _ANY in name]
        if globs:
            yield f"matchEvents[{key!r}]: {', '.join(map(repr, globs))} matches nothing: only '*' alone is a wildcard"
        if names:
            if key.endswith(("_New", "_Retirement", "_Revival")):
                yield (
                    f"matchEvents[{key!r}] lists attributes, but such events have none and never match; "
                    f"use {{{key!r}: None}}"
                )
            return
    yield f"matchEvents[{key!r}] is empty and matches no event; use None for every attribute"
