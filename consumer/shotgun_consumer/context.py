"""What a callback that takes one argument is handed."""

from __future__ import annotations

import logging
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

from .requests import DeadLetterRequest, RetryRequest


class Position(NamedTuple):
    """Where the event stands in the stream."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


# Not frozen, although nobody changes one: each call makes one, and a frozen one takes five times as long.
@dataclass(slots=True)
class Context:
    """Everything a callback may need for one event.

    `event` is the dict that `shotgun_api3` would have returned; the callbacks of one plugin share it. `args` is the
    very object that was registered. `idempotency_key` is the same each time this event reaches this callback, also
    after a restart: hand it to other systems so that a repeat has no second effect there. `attempt` counts from 1.
    `replayed` tells that somebody asked for this event again by a command.
    """

    event: dict[str, Any]
    logger: logging.Logger
    args: Any
    idempotency_key: str
    position: Position
    _connect: Callable[[], Any] = field(repr=False)
    attempt: int = 1
    replayed: bool = False

    @property
    def sg(self) -> Any:
        """This callback's own connection to Shotgun, a `shotgun_api3.Shotgun`. Nothing is sent before its first
        request. In an `async` callback its methods are awaited: `await context.sg.find(...)`."""
        return self._connect()

    def dead_letter(self, reason: str) -> NoReturn:
        """End here: the event becomes a dead letter of this callback, with this reason, and is not tried again.

        Raises DeadLetterRequest, which `except Exception` does not catch; let it pass.
        """
        if not isinstance(reason, str) or not reason:
            raise TypeError(f"dead_letter takes the reason as a text, got {reason!r}")
        raise DeadLetterRequest(reason)

    def retry_in(self, seconds: float) -> NoReturn:
        """End here: the event reaches this callback again after so many seconds, and those behind it of the same
        entity wait for it.

        Raises RetryRequest, which `except Exception` does not catch; let it pass.
        """
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise TypeError(f"retry_in takes seconds as a number, got {seconds!r}")
        if not (seconds >= 0 and math.isfinite(seconds)):
            raise ValueError(f"retry_in takes seconds from 0 on, got {seconds!r}")
        raise RetryRequest(seconds)
