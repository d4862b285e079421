"""What is counted of each committed page."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from shotgun_schemas.headers import LATE_FROM_SECONDS

from .bounded_labels import BoundedLabels
from .holes import Found
from .metrics import Metrics
from .records import Record

EVENT_TYPES = 100
"""So many event types are counted by name. A site has some hundred kinds of entities, few of them busy."""


class PublishedCounts:
    """Counts the events of committed transactions. One owner."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._types = BoundedLabels(EVENT_TYPES)

    def count(self, found: Sequence[Found], records: Sequence[Record], head: int) -> None:
        """Takes the events of one page and their records. `head`: the highest id seen, this page included."""
        metrics = self._metrics
        for label, number in Counter(self._types.label(record.event_type) for record in records).items():
            metrics.events_published.labels(label).inc(number)
        metrics.misfit_events.inc(sum(record.is_misfit for record in records))
        metrics.oversize_events.inc(sum(record.left_out is not None for record in records))
        for event in found:
            if event.late is not None:
                metrics.fill_delay.observe(event.late)
                metrics.fill_delay_ids.observe(head - event.id)
                if event.late > LATE_FROM_SECONDS:
                    metrics.events_late.inc()
