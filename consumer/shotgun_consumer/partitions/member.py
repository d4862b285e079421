"""What a group's thread needs to take part in its group."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import Consumer

from shotgun_runtime.kafka import ClientWatch

from ..orders.orders import GroupOrders
from ..running.succession import Succession
from .turn import Turn

MakeConsumer = Callable[..., tuple[Consumer, ClientWatch]]
"""Makes a group's consumer from librdkafka's callbacks, and the watch of this client."""


@dataclass(frozen=True, slots=True)
class Member:
    """What a session needs to know of its group. Times in seconds."""

    group: str
    topic: str
    succession: Succession
    orders: GroupOrders
    max_uncommitted: int
    revoke_timeout: float
    concurrency: int = 1
    turn: Turn = field(default_factory=Turn)
    """The one of the process."""
