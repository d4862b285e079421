"""JSON as bytes, without losing anything that the site's JSON can say.

The standard library's `json` rather than a faster one: integers of any size, lone surrogates and the order of
keys survive it both ways.
"""

from __future__ import annotations

import json
from typing import Any

_SEPARATORS = (",", ":")
_as_text = json.JSONEncoder(ensure_ascii=False, separators=_SEPARATORS).encode
_as_ascii = json.JSONEncoder(separators=_SEPARATORS).encode
# What json.loads comes to, after it has guessed an encoding and looked at each of its options.
_from_text = json.JSONDecoder().decode


def dumps(value: Any) -> bytes:
    """Compact UTF-8 JSON of `value`. Raises TypeError for what JSON cannot hold."""
    try:
        return _as_text(value).encode()
    except UnicodeEncodeError:
        # A lone surrogate is no character, so UTF-8 has no bytes for it; JSON's own escape has.
        return _as_ascii(value).encode()


def loads(data: bytes) -> Any:
    """The value that `dumps` was given. Raises ValueError when `data` is not JSON, or not UTF-8."""
    return _from_text(data.decode())
