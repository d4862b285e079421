"""Durations as people write them: ``250ms``, ``1s``, ``1h30m``."""

from __future__ import annotations

import re
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_WHOLE = re.compile(r"(?:\d+(?:\.\d+)?(?:ms|s|m|h|d))+")
_NUMBER = re.compile(r"\d+(?:\.\d+)?")

FORM = "a duration such as 250ms, 1s, 10m, 2h or 1h30m"


def parse_duration(value: Any) -> float:
    """Return seconds. A bare number is taken as seconds; anything else that is no duration is a ValueError."""
    if isinstance(value, bool):
        raise ValueError(FORM)
    if isinstance(value, int | float):
        seconds = float(value)
    elif isinstance(value, str):
        text = value.strip().lower().replace(" ", "")
        if _NUMBER.fullmatch(text):
            seconds = float(text)
        elif _WHOLE.fullmatch(text):
            seconds = sum(float(number) * _UNITS[unit] for number, unit in _PART.findall(text))
        else:
            raise ValueError(FORM)
    else:
        raise ValueError(FORM)
    if not 0 <= seconds < 1e10:
        raise ValueError(FORM)
    return seconds


def format_duration(seconds: float) -> str:
    """Write seconds the way ``parse_duration`` reads them, to the millisecond: ``5400`` becomes ``1h30m``."""
    rest = round(seconds * 1000)
    if rest == 0:
        return "0s"
    text = ""
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)):
        count, rest = divmod(rest, size)
        if count:
            text += f"{count}{unit}"
    return text


Duration = Annotated[
    float,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str, when_used="json"),
]
"""Seconds as a float; read from ``1s``, ``250ms``, ``1h30m`` or a bare number of seconds."""
