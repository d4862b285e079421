"""How far one partition has come: which offsets were delivered, and which of them are unfinished."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import OrderedDict, deque
from collections.abc import Collection
from dataclasses import dataclass

from ..positions.marks import NO_MARKS, Marks, encode_marks


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What a commit may say of a partition: `watermark` is the next offset to read after a restart.

    `metadata` travels with the offset. Both were taken in one step, so they always fit together.
    """

    watermark: int
    metadata: str = ""
    unclean: int = 0
    running: int | None = None
    """These two as `metadata` says them: see `Marks`."""


class Progress:
    """One partition during one assignment.

    Synchronous and with a single owner: it does no I/O and takes no lock. Only delivered offsets enter, so what the
    log does not hold (transaction markers, compacted records) never stands in the way of the watermark.
    `epoch` names the assignment; what belongs to another one is refused, so late results change nothing.
    `marks` are those that were committed with `start`: what had ended ahead of it is not delivered again.

    What is kept, and what a snapshot says, grows with the unfinished events alone, never with those that have ended.
    """

    def __init__(self, epoch: int, start: int, marks: Marks = NO_MARKS) -> None:
        self.epoch = epoch
        self._start = start
        self._next = start
        self._unfinished: OrderedDict[int, None] = OrderedDict()
        self._top = marks.top
        """The highest offset that has run to its end, here or before."""
        self._restored_top = marks.top
        self._pending = deque(marks.unfinished)
        """Unfinished offsets of the restored map that were not delivered yet."""
        self._ended: dict[int, frozenset[str]] = {start: frozenset(marks.ended)} if marks.ended else {}
        self._unclean = marks.unclean
        self._running = marks.running
        self._snapshot: Snapshot | None = None

    def deliver(self, offset: int) -> bool:
        """Take note of a record that was read. False when it has been delivered or has ended before: drop it."""
        if offset < self._next:
            return False
        self._next = offset + 1
        self._snapshot = None
        if offset <= self._restored_top:
            while self._pending and self._pending[0] < offset:
                self._pending.popleft()
            if self._pending and self._pending[0] == offset:
                self._pending.popleft()
            elif offset != self._start:
                return False
        self._unfinished[offset] = None
        return True

    def finish(self, offset: int, epoch: int) -> bool:
        """Take note that an event has run to its end. False when it belongs to another assignment or had ended."""
        if not self._end(offset, epoch):
            return False
        self._top = max(self._top, offset)
        return True

    def pass_over(self, offset: int, epoch: int) -> bool:
        """Take note that nobody wants an event. Returns as `finish`.

        Reading it again costs nothing, so it never makes a snapshot longer.
        """
        return self._end(offset, epoch)

    def _end(self, offset: int, epoch: int) -> bool:
        if epoch != self.epoch or offset not in self._unfinished:
            return False
        del self._unfinished[offset]
        self._ended.pop(offset, None)
        self._snapshot = None
        return True

    def has_passed(self, offset: int) -> bool:
        """Whether an offset was delivered, or passed over, and is not unfinished."""
        return offset < self._next and offset not in self._unfinished

    def note_ended(self, offset: int, callbacks: Collection[str]) -> None:
        """Take note of the callbacks that have ended for an unfinished event: a restart does not call them again."""
        if offset in self._unfinished and callbacks:
            self._ended[offset] = frozenset(callbacks)
            self._snapshot = None

    def ended(self, offset: int) -> frozenset[str]:
        """The callbacks that have ended for an unfinished event."""
        return self._ended.get(offset, frozenset())

    def mark(self, unclean: int, running: int | None) -> None:
        """Have snapshots say from now on how often memberships have ended uncleanly, and what runs alone."""
        if (unclean, running) != (self._unclean, self._running):
            self._unclean, self._running = unclean, running
            self._snapshot = None

    def reach_end(self, offset: int) -> None:
        """Take note that nothing lies before `offset`, the end of the partition, beyond what was delivered."""
        if offset > self._next:
            self._next = offset
            self._snapshot = None

    @property
    def suspicion(self) -> tuple[int, int | None]:
        """What a snapshot would say of unclean ends: its `unclean` and `running`."""
        running = self._running
        return self._unclean, running if running is not None and running >= self.watermark else None

    @property
    def watermark(self) -> int:
        """The smallest unfinished offset, else the next offset to be delivered. Everything below it has ended."""
        if self._unfinished:
            return next(iter(self._unfinished))
        if self._start < self._next <= self._restored_top:
            # What comes next has ended before, up to the first that has not.
            return next((offset for offset in self._pending if offset >= self._next), self._restored_top + 1)
        return self._next

    @property
    def next_offset(self) -> int:
        """One past the last offset that was delivered or passed over."""
        return self._next

    @property
    def unfinished(self) -> int:
        """How many delivered events have not ended."""
        return len(self._unfinished)

    def snapshot(self) -> Snapshot:
        """What to commit now."""
        if self._snapshot is None:
            watermark = self.watermark
            marks = self._marks(watermark)
            self._snapshot = Snapshot(watermark, encode_marks(watermark, marks), marks.unclean, marks.running)
        return self._snapshot

    def _marks(self, watermark: int) -> Marks:
        ended = tuple(sorted(self._ended.get(watermark, ())))
        # What lies below the watermark has ended, so it does not run.
        unclean, running = self.suspicion
        if self._top <= watermark:
            return Marks(ended=ended, unclean=unclean, running=running)
        top = self._top
        # In the order of the log, for so they were delivered.
        delivered = list(self._unfinished)
        unfinished = delivered[bisect_right(delivered, watermark) : bisect_left(delivered, top)]
        # What was not delivered yet lies behind all that was.
        unfinished += [offset for offset in self._pending if watermark < offset < top]
        return Marks(top, tuple(unfinished), ended, unclean, running)
