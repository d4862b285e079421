"""Which ids are read next when several requests run at once, and whose turn it is to be handed out. Pure."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from .page import Page

WINDOW = 4
"""Spans under way or waiting to be handed out, for each request that may run at once: this bounds the memory."""

WIDEST = 8
"""A span is at most so many pages of ids wide: where ids are sparse one request covers more of them."""

SLOW = 2.0
"""A span that everything waits for is asked for once more when it took so many times the usual time."""


@dataclass(frozen=True, slots=True)
class Span:
    """The ids from `first` to `last`."""

    first: int
    last: int


@dataclass(frozen=True, slots=True)
class ReadSpan:
    """All that the site showed of the ids of a span when it was asked."""

    first: int
    last: int
    page: Page


@dataclass(slots=True)
class _Work:
    span: Span
    since: float
    requests: int = 1
    page: Page | None = field(default=None)


class SpanQueue:
    """Cuts ranges of ids into spans and hands out what was read of them in ascending order.

    Single-owner: the caller locks. Times are of any clock that only goes forward, in seconds. `limit`: rows that one
    request can bring, `requests`: how many run at once.
    """

    def __init__(self, ranges: Iterable[tuple[int, int]], *, limit: int, requests: int) -> None:
        self._ranges = iter(ranges)
        self._rest: tuple[int, int] | None = next(self._ranges, None)
        self._limit = limit
        self._width = limit
        self._window = WINDOW * requests
        self._work: deque[_Work] = deque()
        self._usual = 0.0

    @property
    def is_done(self) -> bool:
        """Whether every span was handed out."""
        return self._rest is None and not self._work

    @property
    def has_next(self) -> bool:
        """Whether `pop` has something to give."""
        return bool(self._work) and self._work[0].page is not None

    def next(self, now: float) -> Span | None:
        """The span to ask for now; None when nothing is to be asked for at present.

        When the window is full because its first span is slow, that one is given out a second time: one slow answer
        in a hundred would otherwise decide the pace of all.
        """
        if self._rest is not None and len(self._work) < self._window:
            span = self._cut(*self._rest)
            self._work.append(_Work(span, now))
            return span
        if self._work:
            oldest = self._work[0]
            if oldest.page is None and oldest.requests == 1 and now - oldest.since > SLOW * self._usual > 0:
                oldest.requests += 1
                return oldest.span
        return None

    def read(self, span: Span, page: Page, now: float) -> None:
        """Takes what was read of a span; the second answer for one span counts for nothing."""
        work = next((work for work in self._work if work.span is span and work.page is None), None)
        if work is None:
            return
        work.page = page
        seconds = now - work.since
        self._usual = seconds if not self._usual else 0.9 * self._usual + 0.1 * seconds
        self._fit_width(span, len(page.sightings))

    def pop(self) -> ReadSpan | None:
        """The next span in order, None while it has not been read."""
        page = self._work[0].page if self._work else None
        if page is None:
            return None
        work = self._work.popleft()
        return ReadSpan(work.span.first, work.span.last, page)

    def _cut(self, first: int, last: int) -> Span:
        span = Span(first, min(last, first + self._width - 1))
        self._rest = (span.last + 1, last) if span.last < last else next(self._ranges, None)
        return span

    def _fit_width(self, span: Span, rows: int) -> None:
        """Wider where ids are sparse, back to one page where they are not."""
        if rows > self._limit:
            self._width = self._limit
        elif rows < self._limit // 4 and span.last - span.first + 1 >= self._width:
            self._width = min(self._width * 2, self._limit * WIDEST)
