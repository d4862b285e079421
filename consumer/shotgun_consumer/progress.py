"""How far one partition has come: which offsets were delivered, and which of them are unfinished."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a commit may say of a partition: `watermark` is the next offset to read after a restart.

    `metadata` travels with the offset. Both were taken in one step, so they always fit together.
    """

    watermark: int
    metadata: str = ""


class Progress:
    """One partition during one assignment.

    Synchronous and with a single owner: it does no I/O and takes no lock. Only delivered offsets enter, so what the
    log does not hold (transaction markers, compacted records) never stands in the way of the watermark.
    `epoch` names the assignment; what belongs to another one is refused, so late results change nothing.
    """

    def __init__(self, epoch: int, start: int) -> None:
        self.epoch = epoch
        self._next = start
        self._delivered: deque[int] = deque()
        self._finished_ahead: set[int] = set()

    def deliver(self, offset: int) -> bool:
        """Take note of a record that was read. False when it had been delivered before and must be dropped."""
        if offset < self._next:
            return False
        self._delivered.append(offset)
        self._next = offset + 1
        return True

    def finish(self, offset: int, epoch: int) -> bool:
        """Take note that an event has ended. False when it belongs to another assignment or had ended before."""
        if (
            epoch != self.epoch
            or offset in self._finished_ahead
            or offset < self.watermark
            or offset >= self._next
        ):
            return False
        self._finished_ahead.add(offset)
        while self._delivered and self._delivered[0] in self._finished_ahead:
            self._finished_ahead.remove(self._delivered.popleft())
        return True

    def reach_end(self, offset: int) -> None:
        """Take note that nothing lies before `offset`, the end of the partition, beyond what was delivered."""
        self._next = max(self._next, offset)

    @property
    def watermark(self) -> int:
        """The smallest unfinished offset, else the next offset to be delivered. Everything below it has ended."""
        return self._delivered[0] if self._delivered else self._next

    @property
    def next_offset(self) -> int:
        """One past the last offset that was delivered or passed over."""
        return self._next

    @property
    def unfinished(self) -> int:
        """How many delivered events have not ended."""
        return len(self._delivered) - len(self._finished_ahead)

    @property
    def finished_ahead(self) -> frozenset[int]:
        """Offsets above the watermark that have ended; a restart from the watermark alone would repeat them."""
        return frozenset(self._finished_ahead)

    def snapshot(self) -> Snapshot:
        """What to commit now."""
        return Snapshot(self.watermark)
