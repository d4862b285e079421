"""Quantities as Kubernetes writes them: `500m`, `256Mi`, `1e3`."""

from __future__ import annotations

import re
from typing import Any

_FORM = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+))([numkMGTPE]|[KMGTPE]i|[eE][+-]?\d+)?")
_DECIMAL = {"": 0, "n": -9, "u": -6, "m": -3, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def is_quantity(value: Any) -> bool:
    """Whether Kubernetes takes it for a quantity."""
    return not isinstance(value, bool) and bool(_FORM.fullmatch(str(value)))


def quantity(value: Any) -> float:
    """The number that a quantity stands for. Raises ValueError when it is none."""
    found = _FORM.fullmatch(str(value))
    if found is None:
        raise ValueError(f"{value!r} is no quantity such as 500m or 256Mi")
    number, suffix = float(found[1]), found[2] or ""
    if suffix in _BINARY:
        return number * 1024.0 ** _BINARY[suffix]
    if suffix in _DECIMAL:
        return number * 10.0 ** _DECIMAL[suffix]
    return number * 10.0 ** int(suffix[1:])
