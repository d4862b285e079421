"""An event as a plugin gets it: exactly what `shotgun_api3.Shotgun.find` would have returned.

The stream carries rows as the site sent them. The client turns ISO times into datetimes, at any depth, and `&lt;` back
into `<` in the row's own texts. Both conversions are the installed client's own code, so they follow its version.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import shotgun_api3
from shotgun_api3.shotgun import ServerCapabilities


class ClientView:
    """Converts rows. Makes no connection; one thread at a time."""

    def __init__(self) -> None:
        self._client = shotgun_api3.Shotgun("http://localhost", connect=False)
        # Rows with an image make the client ask the site for its version, to serve sites older than 3.3.
        self._client._server_caps = ServerCapabilities(self._client.config.server, {"version": [8, 0, 0]})

    def event(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A new dict, equal in value and type to the client's. The row is left as it is."""
        converted = self._client._transform_inbound(dict(row))
        return self._client._parse_records([converted])[0]  # type: ignore[no-any-return]
