"""How a callback wants to be called: with four arguments, three, or one."""

from __future__ import annotations

import enum
import inspect
from collections.abc import Callable
from typing import Any


class CallStyle(enum.Enum):
    """The arguments that a callback takes, by position."""

    FOUR = "(sg, logger, event, args)"
    THREE = "(sg, event, args)"
    ONE = "(context)"


_ARGUMENTS = {CallStyle.FOUR: 4, CallStyle.THREE: 3, CallStyle.ONE: 1}
_CLASSIC_ORDER = (CallStyle.FOUR, CallStyle.THREE, CallStyle.ONE)
_SEED_ORDER = (CallStyle.THREE, CallStyle.FOUR, CallStyle.ONE)


class CallbackError(TypeError):
    """What was registered cannot be called. The message says what it is and what to write instead."""


def call_style(callback: Callable[..., Any], *, seed: bool) -> CallStyle:
    """The first style that `callback` accepts. Plugins of the seed (`seed`) are asked for three arguments first.

    Raises CallbackError for what is not callable, is a coroutine function, or accepts none of the styles.
    """
    if not callable(callback):
        raise CallbackError(
            f"the callback must be callable, got {type(callback).__name__} {callback!r}; pass the function itself"
        )
    name = getattr(callback, "__name__", type(callback).__name__)
    if _is_async(callback):
        raise CallbackError(
            f"the callback {name!r} is an async function, which this version does not run; use a plain 'def'"
        )
    try:
        signature = inspect.signature(callback)
    except (TypeError, ValueError):
        # Some callables written in C tell nothing about themselves.
        return CallStyle.THREE if seed else CallStyle.FOUR
    for style in _SEED_ORDER if seed else _CLASSIC_ORDER:
        try:
            signature.bind(*(None,) * _ARGUMENTS[style])
        except TypeError:
            continue
        return style
    wanted = ", ".join(style.value for style in _CLASSIC_ORDER)
    raise CallbackError(f"the callback {name!r} takes {signature}; it must accept one of {wanted}")


def _is_async(callback: Callable[..., Any]) -> bool:
    inner: Any = callback
    while hasattr(inner, "func"):  # functools.partial
        inner = inner.func
    return inspect.iscoroutinefunction(inner) or inspect.iscoroutinefunction(getattr(inner, "__call__", None))  # noqa: B004
