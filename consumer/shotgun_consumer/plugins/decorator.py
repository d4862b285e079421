"""`@on`: register a callback where it is written."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any, TypeVar

from ..context import Context
from ..errors import RegistrationError
from .call_options import CallOptions, ErrorNames, FailureAction, OptionError, call_options
from .selection import Selection, SelectionError, Selections, Where, make_selection

F = TypeVar("F", bound=Callable[[Context], object])

_MARK = "__shotgun_stream_on__"


@dataclass(frozen=True, slots=True)
class Registration:
    """What one `@on` said. None is not said."""

    selection: Selection
    args: Any
    script_name: str | None
    script_key: str | None
    stop_on_error: bool | None
    ignore_own_events: bool | None
    options: CallOptions


@dataclass(frozen=True, slots=True)
class Decorated:
    """A function under one or more `@on`, and all that they said together."""

    function: Callable[..., Any]
    selections: Selections
    args: Any
    script_name: str | None
    script_key: str | None
    stop_on_error: bool
    ignore_own_events: bool
    options: CallOptions

    @property
    def line(self) -> int:
        """Where it is written."""
        return line_of(self.function) or 0


def on(
    *event_types: str,
    attribute: str | Collection[str] | None = None,
    project: int | str | Collection[int | str] | None = None,
    where: Where | None = None,
    args: Any = None,
    script_name: str | None = None,
    script_key: str | None = None,
    stop_on_error: bool | None = None,
    ignore_own_events: bool | None = None,
    concurrency: int | None = None,
    max_attempts: int | None = None,
    retry_on: ErrorNames | None = None,
    timeout: float | None = None,
    on_failure: FailureAction | None = None,
) -> Callable[[F], F]:
    """Have a function called with a Context for the events that all of these conditions take.

    The function may be plain or `async`, stays as it is, and may be called directly in tests. Several `@on` over one
    function: it is called once for an event that any of them takes; what else they say must not contradict.

    - `event_types`: the types wanted; none: all.
    - `attribute`, `project`: a value, or several of which one must match. A project is an id (told without decoding
      the event) or a name.
    - `where`: a function of the event; what it raises counts as a failure of the callback.
    - `args`: handed on as `context.args`, by identity.
    - `script_name`, `script_key`: the script of `context.sg`; without, the service's own.
    - `stop_on_error` (default True): whether a failure stops the plugin at the event or is passed over.
    - `ignore_own_events` (default True): leave out events that were made by the callback's own script.
    - `concurrency`: events at once, for a thread-safe or async plugin; `max_attempts`, `retry_on`, `timeout` (seconds)
      and `on_failure` say what follows a failure. What is not said is taken from the configuration.

    Raises RegistrationError for a value that makes no sense.
    """
    try:
        registration = Registration(
            make_selection(event_types, attribute, project, where),
            args,
            script_name,
            script_key,
            stop_on_error,
            ignore_own_events,
            call_options(concurrency, max_attempts, retry_on, timeout, on_failure),
        )
    except (SelectionError, OptionError) as error:
        raise RegistrationError(f"@on: {error}") from None

    def register(function: F) -> F:
        if not inspect.isroutine(function):
            raise RegistrationError(
                f"@on stands over a function, got {type(function).__name__} {function!r}; "
                "write '@on(...)' with brackets over 'def on_event(context):'"
            )
        # The lowest decorator runs first; the list reads as the source does.
        setattr(function, _MARK, [registration, *getattr(function, _MARK, [])])
        return function

    return register


def decorated_in(module: ModuleType) -> list[Decorated]:
    """The module's own functions under `@on`, in the order in which they are written.

    What it imports from others is left out: it is registered where it is written. Raises RegistrationError when the
    decorators of a function contradict each other.
    """
    found: dict[int, Decorated] = {}
    for value in vars(module).values():
        given: list[Registration] | None = getattr(value, _MARK, None) if inspect.isroutine(value) else None
        if given and value.__module__ == module.__name__:
            found.setdefault(id(value), _together(value, given))
    return sorted(found.values(), key=lambda one: one.line)


def bare_callback(function: Callable[..., Any]) -> Decorated:
    """What `on_event` without a decorator stands for: `@on()` over it."""
    return _together(function, [Registration(Selection(), None, None, None, None, None, CallOptions())])


def line_of(function: object) -> int | None:
    """The line on which a function begins, decorators included; None when it has no source."""
    code = getattr(inspect.unwrap(function) if callable(function) else function, "__code__", None)
    return None if code is None else int(code.co_firstlineno)


def _together(function: Callable[..., Any], given: list[Registration]) -> Decorated:
    def said(name: str) -> Any:
        return _one(function, name, [getattr(one, name) for one in given])

    options = {
        field.name: _one(function, field.name, [getattr(one.options, field.name) for one in given])
        for field in fields(CallOptions)
    }
    stop, ignore = said("stop_on_error"), said("ignore_own_events")
    return Decorated(
        function,
        Selections(tuple(one.selection for one in given)),
        said("args"),
        said("script_name"),
        said("script_key"),
        True if stop is None else bool(stop),
        True if ignore is None else bool(ignore),
        CallOptions(**options),
    )


def _one(function: Callable[..., Any], name: str, values: list[Any]) -> Any:
    said = [value for value in values if value is not None]
    if any(value is not said[0] and value != said[0] for value in said[1:]):
        shown = " and ".join("..." if name == "script_key" else repr(value) for value in said)
        raise RegistrationError(
            f"the decorators over {function.__name__!r} give {name} as {shown}; say it once",
            line_of(function),
        )
    return said[0] if said else None
