"""What a worker that runs events one after the other keeps back behind an event that has not ended."""

from __future__ import annotations

from .delivery import Delivery


class StoppedLanes:
    """The partitions whose owner does not know yet that an event of theirs is unfinished.

    The owner goes on handing over what lies behind that event until it has taken in its result. Such events join those
    that were withheld in the result; the next one of that assignment which the owner hands over after that is the
    unfinished event itself, and the lane goes on with it. Pure; used under the worker's lock, and `keep` in the thread
    that also takes in the results, so nothing joins a result that has been taken in.
    """

    def __init__(self) -> None:
        self._stopped: dict[tuple[int, int], tuple[int, list[Delivery]]] = {}

    def stop(self, delivery: Delivery, withheld: list[Delivery]) -> None:
        """Begin to keep back what is handed over behind this event. `withheld` is in its result, and may grow."""
        self._stopped[delivery.partition, delivery.epoch] = delivery.offset, withheld

    def keep(self, delivery: Delivery) -> bool:
        """Whether an event that is handed over now is kept back, and comes back with the result of the stopped one."""
        lane = delivery.partition, delivery.epoch
        if lane not in self._stopped:
            return False
        offset, withheld = self._stopped[lane]
        if delivery.offset == offset:
            del self._stopped[lane]
            return False
        withheld.append(delivery)
        return True
