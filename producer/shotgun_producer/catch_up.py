"""Reading what lies far behind with several requests at once, and publishing it in the order of ids."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence

from .errors import HaltedError
from .holes import Plan
from .page_writer import PageWriter
from .poll import Poller, joined
from .span_reader import SpanReader
from .spans import ReadSpan

FAR_PAGES = 4
"""So many pages behind, several requests at once are quicker than one poll after the other."""

TRANSACTION_PAGES = 4
"""Pages in one transaction, at the most: each transaction costs the same few round trips, whatever is in it."""

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
            if not self._publish(self._ready()):
                return
            self._probe_if_due()
            self._tick()

    def _ready(self) -> list[ReadSpan]:
        """What was read and fits into one transaction; waits a little for the first of it."""
        spans: list[ReadSpan] = []
        rows, seconds = 0, _TAKE_SECONDS
        while rows < TRANSACTION_PAGES * self._limit and (span := self._reader.take(seconds)) is not None:
            spans.append(span)
            rows += len(span.page.sightings)
            seconds = 0.0
        return spans

    def _publish(self, spans: Sequence[ReadSpan]) -> bool:
        """Publishes the spans in one transaction; whether all of their rows could be."""
        answers = []
        is_held = False
        for page in (page for span in spans for page in span.page.cut(self._limit)):
            answers.append(self._poller.take(page, Plan(None)))
            is_held = page.sightings[-1].id > self._poller.head
            if is_held:
                break
        if answers:
            self._writer.write(joined(answers))
        return not is_held

    def _probe_if_due(self) -> None:
        if time.monotonic() - self._probed >= PROBE_SECONDS:
            self._writer.write(self._poller.probe())
            self._probed = time.monotonic()
