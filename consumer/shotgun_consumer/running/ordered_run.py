"""Events run as operators have ordered: paused, skipped, replayed."""

from __future__ import annotations

import logging
from collections.abc import Callable

from ..context import Position
from ..orders.orders import GroupOrders
from .delivery import Delivery, Outcome, Result
from .history import History, asked_for
from .steps import Steps, Way, take_here

PAUSED_SECONDS = 2.0
"""How soon an event of a paused group is looked at again."""


class OrderedRun:
    """Runs a group's events, unless an operator has ordered otherwise, and takes back replays that were carried out.

    `way` takes an event through the group's plugins in steps; `quick` does the same in one go, where there is such.
    """

    def __init__(
        self,
        orders: GroupOrders,
        topic: str,
        log: logging.Logger,
        way: Way,
        quick: Callable[[Delivery], Result] | None = None,
    ) -> None:
        self._orders = orders
        self._topic = topic
        self._log = log
        self._way = way
        self._quick = quick or (lambda delivery: take_here(way(delivery)))

    def run(self, delivery: Delivery) -> Result:
        """Run the event in this thread, to its end, or to where a failure or an order stops it."""
        if self._orders.quiet and not delivery.replayed:
            # Nearly always so.
            return self._quick(delivery)
        return take_here(self.steps(delivery))

    def steps(self, delivery: Delivery) -> Steps:
        """As `run`, in steps."""
        if self._orders.quiet and not delivery.replayed:
            return self._way(delivery)
        return self._ordered(delivery)

    def _ordered(self, delivery: Delivery) -> Steps:
        orders = self._orders
        ordered = None if orders.quiet else self._obey(delivery)
        if ordered is not None:
            return ordered
        result = yield from self._way(delivery)
        if result.outcome is not None and delivery.replayed:
            orders.replayed(delivery.partition, delivery.offset, asked_for(delivery.ended))
        return result

    def _obey(self, delivery: Delivery) -> Result | None:
        """What an operator has ordered for this event; None when it is to be run."""
        orders = self._orders
        paused = orders.paused
        if paused is not None:
            # It was not tried, so what was tried before must not be counted on.
            ended = History(delivery).anew()
            return Result(delivery, None, paused, retry_after=PAUSED_SECONDS, ended=ended)
        skip = orders.skip_of(delivery.partition, delivery.offset)
        if skip is None or delivery.replayed:
            return None
        self._log.warning(
            "event %s at %s is passed over, as %s ordered at %s (%s)",
            delivery.event_id,
            Position(self._topic, delivery.partition, delivery.offset),
            skip.by,
            skip.at,
            skip.reason or "no reason given",
        )
        return Result(delivery, Outcome.SKIPPED)
