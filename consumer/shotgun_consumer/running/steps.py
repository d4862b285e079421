"""The way of one event through a plugin, as steps: where it must wait, whoever runs it decides how."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Generator
from dataclasses import dataclass
from typing import Any

from .awaiting import Awaiting
from .delivery import Delivery, Result
from .threads import Threads


@dataclass(slots=True)
class Blocking:
    """Work that may keep its thread waiting. Where that does harm, it is called in one of `threads`, else elsewhere."""

    work: Callable[[], Any]
    threads: Threads | None = None


@dataclass(slots=True)
class Awaited:
    """Something to await in an event loop, begun there by `begin`. After `timeout` seconds it is cancelled."""

    begin: Callable[[], Awaitable[object]]
    timeout: float | None = None


Step = Blocking | Awaited
Steps = Generator[Step, Any, Result]
"""Gives steps, is sent what each returned or thrown what it raised, and ends with what became of the event."""

Way = Callable[[Delivery], Steps]
"""Makes the steps of one event."""


def take_here(steps: Steps, awaiting: Awaiting | None = None) -> Result:
    """Take all steps in this thread, each to its end. `awaiting` is needed where something is awaited."""
    try:
        step = next(steps)
        while True:
            try:
                if isinstance(step, Blocking):
                    done = step.work()
                else:
                    assert awaiting is not None, "nothing is awaited in a worker's thread"
                    done = awaiting.run(step.begin, step.timeout)
            except BaseException as error:  # noqa: BLE001, PERF203 - the steps decide what follows
                step = steps.throw(error)
            else:
                step = steps.send(done)
    except StopIteration as end:
        result: Result = end.value
        return result
