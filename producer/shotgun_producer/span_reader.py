"""Reading ranges of ids with several requests at once, in the order of ids."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType

from .errors import HaltedError
from .event_log import EventLog
from .site_reader import SiteReader
from .spans import ReadSpan, Span, SpanQueue

_IDLE_SECONDS = 0.1


class SpanReader:
    """Reads ranges with `requests` threads, each with a handle of its own, and hands the spans out one by one.

    The caller may rely on this: spans come in ascending order, together they are the ranges without a gap, and no
    more than a bounded number of them is in memory. Rows that appear in a span after it was read are not in it: who
    takes it must remember the ids that were missing. Use it as a context manager, or call `close`, which ends the
    threads. `take` belongs to one thread.
    """

    def __init__(
        self,
        open_reader: Callable[[], SiteReader],
        ranges: Iterable[tuple[int, int]],
        *,
        requests: int,
        limit: int,
    ) -> None:
        self._open_reader = open_reader
        self._limit = limit
        self._queue = SpanQueue(ranges, limit=limit, requests=requests)
        self._changed = threading.Condition()
        self._stop = threading.Event()
        self._failure: Exception | None = None
        self._threads = [
            threading.Thread(target=self._run, name=f"span-{number}", daemon=True)
            for number in range(requests)
        ]
        for thread in self._threads:
            thread.start()

    @property
    def is_done(self) -> bool:
        """Whether every span was taken."""
        with self._changed:
            return self._queue.is_done

    def take(self, seconds: float) -> ReadSpan | None:
        """The next span; None when it has not been read within `seconds`, or when there is no more."""
        with self._changed:
            self._changed.wait_for(
                lambda: self._failure or self._queue.has_next or self._queue.is_done, seconds
            )
            if self._failure is not None:
                raise self._failure
            span = self._queue.pop()
            if span is not None:
                self._changed.notify_all()
            return span

    def close(self) -> None:
        """Ends the threads; a request that is under way is broken off."""
        with self._changed:
            self._stop.set()
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def __enter__(self) -> SpanReader:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _run(self) -> None:
        reader = self._open_reader()
        try:
            while (span := self._next()) is not None:
                self._read(EventLog(reader, self._stop), span)
        except HaltedError:
            pass
        except Exception as error:  # noqa: BLE001 - it belongs to the thread that takes the spans
            with self._changed:
                self._failure = error
                self._changed.notify_all()
        finally:
            reader.close()

    def _next(self) -> Span | None:
        """The next span to read; waits for one. None when there is no more, or when this is closed."""
        with self._changed:
            while not self._stop.is_set() and not self._queue.is_done:
                span = self._queue.next(time.monotonic())
                if span is not None:
                    return span
                self._changed.wait(_IDLE_SECONDS)
        return None

    def _read(self, events: EventLog, span: Span) -> None:
        page = events.rows_between(span.first, span.last, self._limit)
        with self._changed:
            self._queue.read(span, page, time.monotonic())
            self._changed.notify_all()
