"""Events that were too large to be published whole: what was left out is read from the site before dispatch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from typing import Any

from shotgun_runtime.backoff import Backoff, OutageLog
from shotgun_schemas.event import FIELDS, Event

log = logging.getLogger(__name__)

FindRow = Callable[[int], Mapping[str, Any] | None]
"""Reads one row of the event log as the site sends it; None when the site has no such row. May raise anything."""


class RowGoneError(Exception):
    """The site no longer has the row, so its left-out fields cannot be had."""


class GivenUpError(Exception):
    """The process stops before the site has answered."""


class RowCompleter:
    """Fills in the fields that an oversize event lacks, trying until the site answers or `stopping` is set."""

    def __init__(self, find_row: FindRow, stopping: threading.Event) -> None:
        self._find_row = find_row
        self._stopping = stopping

    def complete(self, event: Event) -> Event:
        """The whole event: the published fields as they are, the missing ones from the site.

        Raises RowGoneError when the site has no such row, GivenUpError when the process stops meanwhile.
        """
        found = self._find(event.id)
        if found is None:
            raise RowGoneError(
                f"event {event.id} was too large to be published whole, and the site no longer has it; "
                "its meta cannot be read"
            )
        missing = {name: found[name] for name in FIELDS if name in found and name not in event.row}
        return Event({**event.row, **missing})

    def _find(self, event_id: int) -> Mapping[str, Any] | None:
        backoff = Backoff(initial=0.5, maximum=30.0)
        outage = OutageLog(f"the site, which holds the meta of the oversize event {event_id},", log)
        while True:
            try:
                row = self._find_row(event_id)
            except Exception as error:  # noqa: BLE001 - the client's failures surface as many unrelated classes
                outage.failed(f"{type(error).__name__}: {error}")
            else:
                outage.recovered()
                return row
            if self._stopping.wait(backoff.pause()):
                raise GivenUpError(f"stopped while waiting for the meta of event {event_id}")
