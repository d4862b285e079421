"""One `async` callback at a time, run to its end by a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Awaiting:
    """An event loop that runs only while something is awaited. For one thread; `close` it there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, coroutine: Coroutine[Any, Any, object], timeout: float | None = None) -> object:
        """What the coroutine returns. Raises what it raises.

        After `timeout` seconds it is cancelled, and TimeoutError raised as soon as it has ended.
        """
        return self._loop.run_until_complete(_bounded(coroutine, timeout))

    def close(self) -> None:
        """Give back the loop's files."""
        self._loop.close()


async def _bounded(coroutine: Coroutine[Any, Any, object], timeout: float | None) -> object:
    if timeout is None:
        return await coroutine
    task = asyncio.ensure_future(coroutine)
    await asyncio.wait({task}, timeout=timeout)
    if not task.done():
        task.cancel()
        await asyncio.wait({task})
        if task.cancelled():
            raise TimeoutError(f"it took longer than {timeout:g} s, and was cancelled")
    return task.result()
