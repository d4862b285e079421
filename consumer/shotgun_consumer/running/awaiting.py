"""Awaiting what may take too long, in a loop that runs anyway or in one of its own."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


async def bounded(begin: Callable[[], Awaitable[object]], seconds: float) -> object:
    """What `begin()` gives when it is awaited. After so many seconds it is cancelled, awaited, and TimeoutError raised.

    What ends well in spite of being cancelled has ended well.
    """
    task = asyncio.current_task()
    assert task is not None
    # asyncio.wait_for would make a second task, and asyncio.timeout came with Python 3.11. The timer runs between two
    # steps of this task, so it never cancels more than what is awaited here.
    expiry = _Expiry(task)
    timer = asyncio.get_running_loop().call_later(seconds, expiry)
    try:
        return await begin()
    except asyncio.CancelledError:
        if not expiry.has_come:
            raise
        raise TimeoutError(f"it took longer than {seconds:g} s, and was cancelled") from None
    finally:
        timer.cancel()
        expiry.forget()


class _Expiry:
    """Cancels a task when it is called."""

    def __init__(self, task: asyncio.Task[Any]) -> None:
        self._task = task
        self.has_come = False

    def __call__(self) -> None:
        self.has_come = True
        self._task.cancel()

    def forget(self) -> None:
        # Since Python 3.11 a task remembers that it was asked to end; what it runs next must not.
        if self.has_come and hasattr(self._task, "uncancel"):
            self._task.uncancel()


class Awaiting:
    """An event loop that runs only while something is awaited. For one thread; `close` it there."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def run(self, begin: Callable[[], Awaitable[object]], timeout: float | None = None) -> object:
        """What `begin()` gives when it is awaited. Raises what that raises; TimeoutError as `bounded`."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
        return self._loop.run_until_complete(
            _unbounded(begin) if timeout is None else bounded(begin, timeout)
        )

    def close(self) -> None:
        """Cancel what was left behind in the loop, and give back its files."""
        if self._loop is None:
            return
        left = asyncio.all_tasks(self._loop)
        for task in left:
            task.cancel()
        if left:
            self._loop.run_until_complete(asyncio.wait(left, timeout=1.0))
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()
        self._loop = None


async def _unbounded(begin: Callable[[], Awaitable[object]]) -> object:
    return await begin()
