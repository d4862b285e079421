"""The thread that notices changed plugin files and loads them."""

from __future__ import annotations

import logging
import math
import queue
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Literal

import watchfiles

from .plugin_library import Change, PluginLibrary

log = logging.getLogger(__name__)

LOOK_SECONDS = 5.0
POLL_SECONDS = 2.0
WATCH_SECONDS = 1.0
STEP_SECONDS = 0.2
SETTLE_SECONDS = 0.05

How = Literal["watch", "poll"]


class PluginWatch:
    """Looks at the plugin files when the operating system tells of a change, and every `LOOK_SECONDS` in any case.

    The look decides what has changed; being told of something only makes it come sooner. So what nobody tells of
    (a network share, a folder that was replaced) is found too. `poll` looks every `POLL_SECONDS` and wants to be told
    of nothing. `changes` gives what was found, in order.
    """

    def __init__(self, library: PluginLibrary, how: How) -> None:
        self._library = library
        self._how = how
        self._changes: queue.SimpleQueue[Change] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._said: str | None = None
        # Loading runs the plugins' own code, which may take for ever.
        self._thread = threading.Thread(target=self._loop, name="plugin watch", daemon=True)

    def start(self) -> None:
        """Start the thread, which owns the library from here on."""
        # Else it would count changes in our log, those of other files too.
        logging.getLogger("watchfiles").setLevel(logging.WARNING)
        self._thread.start()

    def changes(self) -> list[Change]:
        """What was found since the last call."""
        found = []
        while not self._changes.empty():
            found.append(self._changes.get_nowait())
        return found

    def stop(self) -> None:
        """Load nothing more. The thread ends by itself, unless a plugin that is being loaded holds it up."""
        self._stopping.set()

    def join(self, seconds: float) -> None:
        """Wait for the thread to end. A process must not end while it waits in the watching library, which is
        native code and could be taken down by it."""
        if self._thread.is_alive():
            self._thread.join(seconds)

    def _loop(self) -> None:
        while not self._stopping.is_set():
            folders = self._identified()
            for _ in self._signs(list(folders)):
                self._refresh()
                if self._stopping.is_set() or self._identified() != folders:
                    break

    def _refresh(self) -> None:
        """Look, and look again until what has changed has come to rest."""
        while not self._stopping.is_set():
            try:
                for change in self._library.refresh(time.monotonic()):
                    self._changes.put(change)
            except Exception:
                log.exception("Unexpected error while looking at the plugin files; they are looked at again")
                return
            again = self._library.next_look(time.monotonic())
            if again is None or self._stopping.wait(max(again, SETTLE_SECONDS)):
                return

    def _identified(self) -> dict[Path, tuple[int, int]]:
        """The folders to watch. A watch stays with a folder that was moved away, so another one needs another watch."""
        found = {}
        for folder in sorted(self._library.folders()):
            try:
                status = folder.stat()
            except OSError:
                continue
            found[folder] = (status.st_dev, status.st_ino)
        return found

    def _signs(self, folders: list[Path]) -> Iterator[None]:
        """Comes back whenever it may be worth looking."""
        # Something may have happened before the watch began.
        yield
        if self._how == "poll":
            # The library's own polling compares whole seconds, and misses what is written twice in one.
            if not self._stopping.wait(POLL_SECONDS):
                yield
            return
        looked = -math.inf
        try:
            for events in watchfiles.watch(
                *folders,
                watch_filter=None,
                step=int(STEP_SECONDS * 1000),
                stop_event=self._stopping,
                rust_timeout=int(WATCH_SECONDS * 1000),
                yield_on_timeout=True,
                recursive=False,
                ignore_permission_denied=True,
            ):
                now = time.monotonic()
                # The first time in any case: nobody tells of what happened while the watch was being set up.
                if events or now - looked >= LOOK_SECONDS:
                    looked = now
                    yield
                if any(Path(path) in folders for _, path in events):
                    # A folder itself was moved or removed, and its watch with it, even if it is back.
                    return
        except (OSError, RuntimeError) as error:
            self._say(error)
            if not self._stopping.wait(LOOK_SECONDS):
                yield

    def _say(self, error: BaseException) -> None:
        if self._said != str(error):
            self._said = str(error)
            log.warning(
                "The plugin folders cannot be watched (%s); they are looked at every %g s instead. "
                "'consumer.reload: poll' does without being told",
                error,
                LOOK_SECONDS,
            )
