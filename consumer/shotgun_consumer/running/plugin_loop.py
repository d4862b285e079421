"""The event loop of one async plugin, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable
from typing import Any

CANCEL_SECONDS = 2.0
"""So long is waited, when a loop ends, for what was cancelled then."""


class PluginLoop:
    """Runs an event loop until `close`. What plugins start in the background lives in it.

    `call` is for any thread. What fails in the background is logged to `log`, and a background task that wants the
    process to exit does not end the loop.
    """

    def __init__(self, name: str, log: logging.Logger) -> None:
        self._log = log
        self._name = name
        self._loop = asyncio.new_event_loop()
        self._loop.set_exception_handler(self._on_error)
        self._closing = False
        self._given_up = 0
        # A coroutine that never gives way must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def call(self, function: Callable[..., object], *arguments: Any) -> None:
        """Have the function called in the loop. Nothing happens once the loop has ended."""
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(function, *arguments)

    def close(self) -> bool:
        """Cancel everything, wait for its end for at most `CANCEL_SECONDS`, and end the loop.

        False when something has not ended: a task that goes on is never resumed, one that blocks the loop keeps its
        thread.
        """
        self.call(self._stop)
        self._thread.join(CANCEL_SECONDS * 1.5)
        if self._thread.is_alive():
            self._log.warning("%s is blocked by a callback or a background task, and left behind", self._name)
            return False
        return self._given_up == 0

    def _stop(self) -> None:
        self._closing = True
        self._loop.stop()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._closing:
            try:
                self._loop.run_forever()
            except BaseException:  # noqa: BLE001, PERF203
                # SystemExit and KeyboardInterrupt come through; a callback's own have been caught before.
                self._log.exception("A background task of the plugin has raised, and the plugin goes on")
        try:
            self._loop.run_until_complete(self._end())
        except BaseException:  # noqa: BLE001
            self._log.exception("A background task of the plugin has raised while it was cancelled")
        finally:
            self._loop.close()

    async def _end(self) -> None:
        tasks = asyncio.all_tasks() - {asyncio.current_task()}
        for task in tasks:
            task.cancel()
        going_on = (await asyncio.wait(tasks, timeout=CANCEL_SECONDS))[1] if tasks else set()
        self._given_up = len(going_on)
        for task in going_on:
            self._log.warning("It was cancelled and goes on, so it is given up: %s", task)
        await asyncio.wait_for(self._loop.shutdown_asyncgens(), CANCEL_SECONDS)

    def _on_error(self, _loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is None and self._closing:
            # About what was given up, which has been said.
            return
        about = context.get("task") or context.get("future") or context.get("handle") or ""
        self._log.error(
            "In the background of the plugin: %s %s",
            context.get("message", "an error"),
            about,
            exc_info=None if error is None else (type(error), error, error.__traceback__),
        )
