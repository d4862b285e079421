"""One `async` callback at a time, run to its end by a worker thread."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any


class Awaiting:
    """An event loop that runs only while something is awaited. For one thread; `close` it there."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()

    def run(self, coroutine: Coroutine[Any, Any, object]) -> object:
        """What the coroutine returns. Raises what it raises."""
        return self._loop.run_until_complete(coroutine)

    def close(self) -> None:
        """Give back the loop's files."""
        self._loop.close()
