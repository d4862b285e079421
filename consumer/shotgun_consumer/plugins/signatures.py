"""How a callback wants to be called: with four arguments, three, or one; plainly, or awaited."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import Any, Literal

Api = Literal["classic", "seed"]
"""Which daemon a plugin with `registerCallbacks` was written for."""
Generation = Literal["classic", "seed", "context"]
"""Which API a callback was written for; `context` are those under `@on`, and a bare `on_event`."""


class CallStyle(enum.Enum):
    """The arguments that a callback takes, by position."""

    FOUR = "(sg, logger, event, args)"
    THREE = "(sg, event, args)"
    ONE = "(context)"


_ARGUMENTS = {CallStyle.FOUR: 4, CallStyle.THREE: 3, CallStyle.ONE: 1}
_ORDER: dict[Generation, tuple[CallStyle, ...]] = {
    "classic": (CallStyle.FOUR, CallStyle.THREE, CallStyle.ONE),
    "seed": (CallStyle.THREE, CallStyle.FOUR, CallStyle.ONE),
    "context": (CallStyle.ONE,),
}


class CallbackError(TypeError):
    """What was registered cannot be called. The message says what it is and what to write instead."""


def call_style(callback: Callable[..., Any], generation: Generation) -> CallStyle:
    """The first style that `callback` accepts, in the order in which its generation is asked.

    Raises CallbackError for what is not callable, or accepts none of the styles.
    """
    if not callable(callback):
        raise CallbackError(
            f"the callback must be callable, got {type(callback).__name__} {callback!r}; pass the function itself"
        )
    order = _ORDER[generation]
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):
        # Some callables written in C tell nothing about themselves.
        return order[0]
    for style in order:
        try:
            signature.bind(*(None,) * _ARGUMENTS[style])
        except TypeError:
            continue
        return style
    name = getattr(callback, "__name__", type(callback).__name__)
    known = sorted(order, key=lambda style: -_ARGUMENTS[style])
    wanted = "one of " * (len(known) > 1) + ", ".join(style.value for style in known)
    raise CallbackError(f"the callback {name!r} takes {signature}; it must accept {wanted}")


def is_async(callback: Callable[..., Any]) -> bool:
    """Whether calling it gives something to await: an `async def`, also behind a partial or as `__call__`."""
    inner: Any = callback
    while hasattr(inner, "func"):  # functools.partial
        inner = inner.func
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004
