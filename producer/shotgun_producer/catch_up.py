"""Reading what lies far behind with several requests at once, and publishing it in the order of ids."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from .errors import HaltedError
from .holes import Plan
from .page_writer import PageWriter
from .poll import Poller
from .span_reader import SpanReader
from .spans import ReadSpan

FAR_PAGES = 4
"""So many pages behind, several requests at once are quicker than one poll after the other."""

PROBE_SECONDS = 5.0
_TAKE_SECONDS = 0.2


def is_far_behind(head: int, newest: int, limit: int) -> bool:
    """Whether so much is to come that it is worth several requests at once. `limit`: rows a page."""
    return newest - head > FAR_PAGES * limit


class CatchUp:
    """Publishes everything up to the site's newest event. Used once; one owner, one thread.

    Meanwhile the holes are asked for every `PROBE_SECONDS`. `tick` is called often, from this thread; what it raises
    ends the catch-up. `limit`: rows of a request and of a transaction, at the most.
    """

    def __init__(
        self,
        poller: Poller,
        writer: PageWriter,
        reader: SpanReader,
        *,
        limit: int,
        tick: Callable[[], None],
        halt: threading.Event,
    ) -> None:
        self._poller = poller
        self._writer = writer
        self._reader = reader
        self._limit = limit
        self._tick = tick
        self._halt = halt
        self._probed = time.monotonic()

    def run(self) -> None:
        """Returns when all is published, or when the rest must wait for holes to fill. Raises HaltedError."""
        while not self._reader.is_done:
            if self._halt.is_set():
                raise HaltedError
            span = self._reader.take(_TAKE_SECONDS)
            if span is not None and not self._publish(span):
                return
            self._probe_if_due()
            self._tick()

    def _publish(self, span: ReadSpan) -> bool:
        """Whether the rows of this span could all be published."""
        for page in span.page.cut(self._limit):
            polled = self._poller.take(page, Plan(None))
            self._writer.write(polled)
            if page.sightings[-1].id > self._poller.head:
                return False
        return True

    def _probe_if_due(self) -> None:
        if time.monotonic() - self._probed >= PROBE_SECONDS:
            self._writer.write(self._poller.probe())
            self._probed = time.monotonic()
