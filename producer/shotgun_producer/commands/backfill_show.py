"""Showing the progress of a backfill: a bar on a terminal, lines elsewhere, objects for programs."""

from __future__ import annotations

import json
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from types import TracebackType
from typing import Any

import click

from .backfill_text import how_far, outcome, progress_json, rate_and_rest
from .backfill_view import BackfillView, Speed

LINE_SECONDS = 10.0


class Show(ABC):
    """Shows a job as it is now. Used as a context manager."""

    @abstractmethod
    def show(self, view: BackfillView, speed: Speed, note: str | None) -> None:
        """Called about once a second, and a last time when the job is over.

        `note`: why nothing moves, None when it does.
        """

    def end(self) -> None:  # noqa: B027 - most have nothing to end
        """Leaves the terminal as it was."""

    def __enter__(self) -> Show:
        """Begins to show."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends to show."""
        self.end()


class JsonLines(Show):
    """One object a line, at each change; the last one is final."""

    def __init__(self) -> None:
        self._last: dict[str, Any] = {}

    def show(self, view: BackfillView, speed: Speed, note: str | None) -> None:
        """See `Show`."""
        found = progress_json(view, speed, note)
        if found != self._last:
            click.echo(json.dumps(found))
            self._last = found


class Lines(Show):
    """A line every ten seconds, and at once when the state changes or something is in the way."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._said: tuple[str, str | None] | None = None
        self._due = 0.0

    def show(self, view: BackfillView, speed: Speed, note: str | None) -> None:
        """See `Show`."""
        now = self._clock()
        if (view.phase, note) == self._said and now < self._due:
            return
        self._said, self._due = (view.phase, note), now + LINE_SECONDS
        if view.is_over:
            click.echo(outcome(view))
        elif note is not None:
            click.echo(f"{view.name} {view.phase}: {note}")
        else:
            click.echo(f"{view.name} {view.phase}: {how_far(view, speed)}")


class Bar(Show):
    """A live bar as wide as the terminal; what is in the way is said on a line of its own."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._text = ""
        self._note: str | None = None

    def end(self) -> None:
        """Leaves what was drawn where it is, with a line end."""
        if self._bar is not None:
            self._bar.render_finish()
            self._bar = None

    def show(self, view: BackfillView, speed: Speed, note: str | None) -> None:
        """See `Show`."""
        before, self._note = self._note, note
        if note is None:
            self._draw(view, speed)
        elif note != before:
            self.end()
            click.echo(f"{view.name} {view.phase}: {note}")
        if view.is_over:
            self.end()
            click.echo(outcome(view))

    def _draw(self, view: BackfillView, speed: Speed) -> None:
        if self._bar is None or self._bar.length != max(1, view.ids):
            self._begin(view)
        self._text = "" if view.is_over else rate_and_rest(speed)
        self._bar.label = f"{view.name} {view.phase}"
        self._bar.pos = view.ids - view.left
        self._bar.render_progress()

    def _begin(self, view: BackfillView) -> None:
        # Rate and time left are ours: click's forget neither what other jobs had done nor the first slow minute.
        self.end()
        self._bar = click.progressbar(
            length=max(1, view.ids),
            show_eta=False,
            show_percent=True,
            width=0,
            item_show_func=lambda _: self._text,
        )
        self._bar.entered = True
