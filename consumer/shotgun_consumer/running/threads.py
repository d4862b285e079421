"""Threads for what must not keep an event loop waiting."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")


class Threads:
    """Up to `most` threads, which begin as they are needed and call what they are given, first come, first served.

    Unlike those of `ThreadPoolExecutor` they do not keep the process from ending: what they wait for may never come.
    """

    def __init__(self, name: str, most: int) -> None:
        self._name = name
        self._most = most
        self._lock = threading.Lock()
        self._ready = threading.Condition(self._lock)
        self._waiting: deque[tuple[Future[Any], Callable[[], Any]]] = deque()
        self._threads = 0
        self._idle = 0
        self._closed = False

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` returns, called in one of the threads with the caller's context variables. Raises what it raises.

        If the caller is cancelled, work that has begun goes on, and nobody hears of its end. Raises RuntimeError once
        the threads were closed.
        """
        future: Future[T] = Future()
        context = contextvars.copy_context()
        with self._ready:
            if self._closed:
                raise RuntimeError(f"{self._name}: closed")
            self._waiting.append((future, lambda: context.run(work)))
            if self._idle >= len(self._waiting):
                self._ready.notify()
            elif self._threads < self._most:
                self._threads += 1
                name = f"{self._name} {self._threads}"
                threading.Thread(target=self._loop, name=name, daemon=True).start()
        return await asyncio.wrap_future(future)

    def close(self) -> None:
        """Begin nothing more; the threads end with what they do now, which is not waited for."""
        with self._ready:
            self._closed = True
            left = [future for future, _ in self._waiting]
            self._waiting.clear()
            self._ready.notify_all()
        for future in left:
            future.cancel()

    def _loop(self) -> None:
        while True:
            with self._ready:
                while not self._waiting:
                    if self._closed:
                        return
                    self._idle += 1
                    self._ready.wait()
                    self._idle -= 1
                future, work = self._waiting.popleft()
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(work())
                except BaseException as error:  # noqa: BLE001 - it is whoever waits that must know
                    future.set_exception(error)
            # Not kept until the next one comes: it may hold an event.
            del future, work
