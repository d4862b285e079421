"""Operators' orders as a session follows them: what has changed since it last looked."""

from __future__ import annotations

from collections.abc import Callable, Collection

from .orders import GroupOrders, Place, Records, Replay


class OrderWatch:
    """Looks at one group's orders for its session. Belongs to the group's thread; does no I/O."""

    def __init__(self, orders: GroupOrders) -> None:
        self._orders = orders
        self._resumed, self._skipped = orders.release
        self._begun: set[Place] = set()
        self._looked_at: Records | None = None

    def silent(self) -> bool:
        """Whether nothing was ordered, and there is no news since this was last asked: the usual case, and cheap."""
        before, self._looked_at = self._looked_at, self._orders.records
        return before is self._looked_at and self._orders.quiet and not self._orders.has_replays

    @property
    def quiet(self) -> bool:
        """Whether there is nothing to follow but replays."""
        return self._orders.quiet

    @property
    def paused(self) -> bool:
        """Whether no event of the group may be started."""
        return not self._orders.quiet and self._orders.paused is not None

    def resumed(self) -> bool:
        """Whether the events that all partitions stay at are to be tried again. True once for each order."""
        before, self._resumed = self._resumed, self._orders.release[0]
        return self._resumed != before

    def skipped(self) -> set[int]:
        """The partitions that have new orders to pass events over, each order once."""
        before, self._skipped = self._skipped, self._orders.release[1]
        return {partition for partition, _ in self._skipped - before}

    def replays(self, partitions: Collection[int]) -> list[Replay]:
        """The events of these partitions that are to be run again and were not `begun`."""
        ordered = self._orders.replays(partitions)
        # What has ended may be ordered again.
        self._begun &= {(replay.partition, replay.offset) for replay in ordered}
        return [replay for replay in ordered if (replay.partition, replay.offset) not in self._begun]

    def begun(self, replay: Replay) -> None:
        """Take note that a replay is under way."""
        self._begun.add((replay.partition, replay.offset))

    def take_back(self, replay: Replay) -> None:
        """Take back the order for a replay that cannot be."""
        self._orders.replayed(replay.partition, replay.offset, replay.callbacks)

    def passed(self, partition: int, position: int, has_ended: Callable[[int], bool]) -> None:
        """Take back what is over in a partition that is owned here: see `GroupOrders.passed`."""
        self._orders.passed(partition, position, has_ended)

    def forget(self, partitions: Collection[int]) -> None:
        """Begin again with the replays of these partitions: what was under way of them is gone."""
        self._begun = {place for place in self._begun if place[0] not in partitions}
