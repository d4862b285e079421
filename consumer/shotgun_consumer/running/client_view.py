"""An event as a plugin gets it: exactly what `shotgun_api3.Shotgun.find` would have returned.

The stream carries rows as the site sent them. The client turns ISO times into datetimes, at any depth, and `&lt;` back
into `<` in the row's own texts. Both conversions are the installed client's own code, so they follow its version; only
the walk through the row is ours, which takes a small part of the client's time.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import shotgun_api3
from shotgun_api3.shotgun import ServerCapabilities

_TIME_LENGTH = 20
"""Of `2026-01-21T19:47:33Z`: the client takes no other text for a time."""
_KEPT_TIMES = 1_024


class ClientView:
    """Converts rows. Makes no connection; one thread at a time."""

    def __init__(self) -> None:
        self._client = shotgun_api3.Shotgun("http://localhost", connect=False)
        # Rows with an image make the client ask the site for its version, to serve sites older than 3.3.
        self._client._server_caps = ServerCapabilities(self._client.config.server, {"version": [8, 0, 0]})
        # Events of one second have the same time, and a value cannot be changed.
        self._convert = lru_cache(_KEPT_TIMES)(self._client._transform_inbound)

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A new dict, equal in value and type to the client's. The row is left as it is."""
        return self._client._parse_records([self._walked(row)])[0]  # type: ignore[no-any-return]

    def _walked(self, row: Mapping[str, Any]) -> dict[str, Any]:
        # Most of it stays as it is, and a call for each value would take half of the time.
        seen = dict(row)
        for key, value in row.items():
            kind = type(value)
            if kind is str:
                if len(value) == _TIME_LENGTH:
                    seen[key] = self._convert(value)
            elif kind is dict or kind is list:
                seen[key] = self._nested(value)
        return seen

    def _nested(self, value: Any) -> Any:
        kind = type(value)
        if kind is dict:
            return self._walked(value)
        if kind is list:
            return [self._nested(one) for one in value]
        return self._convert(value) if kind is str and len(value) == _TIME_LENGTH else value
