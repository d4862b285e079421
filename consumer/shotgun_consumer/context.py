"""What a callback that takes one argument is handed."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import shotgun_api3


@dataclass(frozen=True, slots=True)
class Position:
    """Where the event stands in the stream."""

    topic: str
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic}[{self.partition}]@{self.offset}"


@dataclass(frozen=True, slots=True)
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
    _connect: Callable[[], shotgun_api3.Shotgun] = field(repr=False)
    attempt: int = 1
    replayed: bool = False

    @property
    def sg(self) -> shotgun_api3.Shotgun:
        """This callback's own connection to Shotgun. Nothing is sent before its first request."""
        return self._connect()
