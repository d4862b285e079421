"""The event log: which ids are visible, and the row behind each.

Visible ids stand in one sorted array, so a page by id costs a bisection however long the log is. Rows of the
site's past are computed from their id; rows written since are kept as compact JSON.
"""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterator
from typing import Any, Protocol

from shotgun_sandbox.site.id_ranges import LAST, IdRanges

Row = dict[str, Any]


class Past(Protocol):
    """The rows of the site's past, each a pure function of its id."""

    @property
    def last_id(self) -> int:
        """The highest id of the past; 0 when there is none."""

    def ids(self) -> array[int]:
        """Return the visible ids of the past, ascending."""

    def row(self, event_id: int) -> Row:
        """Return the row ``event_id``, equal at every call."""

    def created_between(self, first: float, last: float) -> IdRanges:
        """Return a set of ids that holds every row created in ``[first, last]`` (epoch seconds), and more."""


class EventLog:
    """Visible rows in id order. Not thread-safe: the owner holds a lock."""

    def __init__(self, past: Past) -> None:
        self._past = past
        self._ids = past.ids()
        self._rows: dict[int, bytes] = {}
        self._past_end = past.last_id
        self._hidden_below = 0
        self.steps = 0  # rows materialised so far: the cost of a read, whatever the machine

    def add(self, row: Row) -> None:
        """Make ``row`` visible. Raises ValueError when its id is visible already."""
        event_id: int = row["id"]
        if event_id in self:
            raise ValueError(f"event {event_id} is already visible")
        self._rows[event_id] = json.dumps(row, separators=(",", ":"), ensure_ascii=False).encode()
        if not self._ids or event_id > self._ids[-1]:
            self._ids.append(event_id)
        else:
            insort(self._ids, event_id)

    def __contains__(self, event_id: int) -> bool:
        at = bisect_left(self._ids, event_id)
        return at < len(self._ids) and self._ids[at] == event_id and event_id >= self._hidden_below

    def __len__(self) -> int:
        return len(self._ids) - self._start()

    @property
    def head(self) -> int:
        """The highest visible id; 0 when nothing is visible."""
        return self._ids[-1] if len(self) else 0

    @property
    def first(self) -> int:
        """The lowest visible id; 0 when nothing is visible."""
        return self._ids[self._start()] if len(self) else 0

    @property
    def hidden_below(self) -> int:
        """Ids below this one are archived: present, and shown to nobody."""
        return self._hidden_below

    def row(self, event_id: int) -> Row:
        """Return the row ``event_id`` as it was written. Raises KeyError when it is not visible."""
        if event_id not in self:
            raise KeyError(event_id)
        self.steps += 1
        stored = self._rows.get(event_id)
        if stored is None:
            return self._past.row(event_id)
        row: Row = json.loads(stored)
        return row

    def count(self, ranges: IdRanges) -> int:
        """Return how many visible ids lie in ``ranges``."""
        return sum(stop - start for start, stop in self._slices(ranges))

    def page(self, ranges: IdRanges, offset: int, limit: int, *, descending: bool = False) -> list[int]:
        """Return at most ``limit`` visible ids of ``ranges`` behind the first ``offset`` of them."""
        slices = self._slices(ranges)
        found: list[int] = []
        for start, stop in reversed(slices) if descending else slices:
            size = stop - start
            if offset >= size:
                offset -= size
                continue
            wanted = min(size - offset, limit - len(found))
            if descending:
                found.extend(reversed(self._ids[stop - offset - wanted : stop - offset]))
            else:
                found.extend(self._ids[start + offset : start + offset + wanted])
            offset = 0
            if len(found) >= limit:
                break
        return found

    def walk(self, ranges: IdRanges, *, descending: bool = False) -> Iterator[int]:
        """Go through the visible ids of ``ranges`` in order, one at a time."""
        slices = self._slices(ranges)
        for start, stop in reversed(slices) if descending else slices:
            places = range(stop - 1, start - 1, -1) if descending else range(start, stop)
            for place in places:
                yield self._ids[place]

    def created_between(self, first: float, last: float) -> IdRanges:
        """Return a set of ids that holds every row created in ``[first, last]``, and others.

        Rows written since the start may carry any date, so all of them are in it.
        """
        return self._past.created_between(first, last).union(IdRanges.of([(self._past_end + 1, LAST)]))

    def hide_below(self, event_id: int) -> None:
        """Archive every row below ``event_id``; 0 brings all back."""
        self._hidden_below = event_id

    def forget_from(self, event_id: int) -> int:
        """Remove every row from ``event_id`` on and return how many there were."""
        at = bisect_left(self._ids, event_id)
        removed = self._ids[at:]
        del self._ids[at:]
        self._past_end = min(self._past_end, event_id - 1)
        for gone in removed:
            self._rows.pop(gone, None)
        return len(removed)

    def _start(self) -> int:
        return bisect_left(self._ids, self._hidden_below)

    def _slices(self, ranges: IdRanges) -> list[tuple[int, int]]:
        lowest = self._start()
        slices: list[tuple[int, int]] = []
        for first, last in ranges.spans:
            start = max(bisect_left(self._ids, first), lowest)
            stop = bisect_right(self._ids, last)
            if start < stop:
                slices.append((start, stop))
        return slices
