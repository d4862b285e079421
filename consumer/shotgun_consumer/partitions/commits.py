"""When to commit what: one commit in flight, always the newest snapshot, and a bound on what may be repeated."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from .progress import Progress, Snapshot

QUIET_SECONDS = 1.0
GATHER_SECONDS = 0.01
FIRST_RETRY_SECONDS = 0.2
LAST_RETRY_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Point:
    """One partition in a commit. `finished` counts the events that had run when the snapshot was taken."""

    partition: int
    epoch: int
    snapshot: Snapshot
    finished: int


@dataclass(frozen=True, slots=True)
class Commit:
    """One request: explicit offsets for explicit partitions."""

    points: tuple[Point, ...]


@dataclass(slots=True)
class _Partition:
    progress: Progress
    acknowledged: Snapshot | None
    finished: int = 0
    finished_acknowledged: int = 0
    is_bare: bool = False

    def snapshot(self) -> Snapshot:
        snapshot = self.progress.snapshot()
        return Snapshot(snapshot.watermark) if self.is_bare else snapshot

    @property
    def suspicion(self) -> tuple[int, int | None]:
        """What `snapshot` would say of unclean ends, without putting it together."""
        return (0, None) if self.is_bare else self.progress.suspicion


class CommitPipeline:
    """The commits of one group member. Synchronous, with a single owner, and without a clock of its own.

    At most one commit is open. Everything that finishes meanwhile goes into the next one, which carries the newest
    state of every partition; after a failure, too, the newest state is sent, never the old one again.

    A finished event that is not acknowledged would be repeated after a crash. Those, together with the ones running,
    never exceed `max_uncommitted + concurrency - 1`: with `max_uncommitted` 1 each worker awaits its commit. Filtered
    events are free to repeat; where only they have moved the watermark, a commit is due once in `QUIET_SECONDS`. For
    what a commit says of unclean ends, somebody may wait, so that is sent at once.
    """

    def __init__(self, max_uncommitted: int, concurrency: int = 1) -> None:
        if max_uncommitted < 1:
            raise ValueError(f"max_uncommitted must be at least 1, got {max_uncommitted}")
        self._bound = max_uncommitted + concurrency - 1
        self._partitions: dict[int, _Partition] = {}
        self._open: Commit | None = None
        self._quiet_until = 0.0
        self._gather_until = 0.0
        self._retry_at = 0.0
        self._failures = 0

    def assign(self, partition: int, progress: Progress, *, committed: bool) -> None:
        """Begin an assignment. `committed` tells that Kafka already holds the position where it starts."""
        self._partitions[partition] = _Partition(progress, progress.snapshot() if committed else None)

    def forget(self, partition: int) -> None:
        """End an assignment: no later commit names the partition, and nothing of it counts any more."""
        self._partitions.pop(partition, None)

    def position(self, partition: int) -> int | None:
        """The position of an assigned partition that Kafka has acknowledged; None when it has not yet."""
        entry = self._partitions.get(partition)
        return None if entry is None or entry.acknowledged is None else entry.acknowledged.watermark

    def known(self, partition: int) -> Snapshot | None:
        """What Kafka holds of an assigned partition; None while that is not sure, because of an unanswered commit."""
        entry = self._partitions.get(partition)
        if entry is None or entry.acknowledged is None:
            return None
        held = entry.acknowledged
        for point in () if self._open is None else self._open.points:
            if (point.partition, point.epoch) == (partition, entry.progress.epoch) and _differ(
                (point.snapshot.unclean, point.snapshot.running), held
            ):
                return None
        return held

    def is_bare(self, partition: int) -> bool:
        """Whether only the watermark of a partition is committed, without any marks."""
        entry = self._partitions.get(partition)
        return entry is not None and entry.is_bare

    def finished(self, partition: int) -> None:
        """Take note that an event of the partition has run to its end."""
        self._partitions[partition].finished += 1

    @property
    def worth_sending(self) -> int:
        """So many ended events are worth a commit while others run: more would make workers wait for it."""
        return (self._bound + 1) // 2

    @property
    def open(self) -> bool:
        """Whether an answer is awaited."""
        return self._open is not None

    @property
    def is_settled(self) -> bool:
        """Whether Kafka has acknowledged everything there is to say, so that no commit is open or will be due."""
        return self._open is None and not self._dirty(self._partitions)

    @property
    def unacknowledged(self) -> int:
        """How many events have run and are not covered by an acknowledged commit."""
        return sum(entry.finished - entry.finished_acknowledged for entry in self._partitions.values())

    def room(self, running: int) -> int:
        """How many more events may be started while `running` are."""
        return max(0, self._bound - running - self.unacknowledged)

    def take(self, now: float, running: int = 0) -> Commit | None:
        """The commit to send now, which is open from here on; None while one is open, or when none is due.

        While events are `running`, commits wait for more to end, but only for `GATHER_SECONDS`, and only up to half of
        the bound, so that no worker ever waits for it.
        """
        if self._open is not None or now < self._retry_at:
            return None
        # Asked before what there is to say is put together, which takes long where much has ended ahead.
        if now < self._quiet_until and not self._is_urgent(now, running):
            return None
        points = self._dirty(self._partitions)
        if not points:
            return None
        self._open = Commit(points)
        self._quiet_until = now + QUIET_SECONDS
        self._gather_until = now + GATHER_SECONDS
        return self._open

    def settle(self, commit: Commit, refused: Collection[int], now: float) -> None:
        """The answer to the open commit: `refused` are the partitions that it was not accepted for."""
        if commit is not self._open:
            return
        self._open = None
        if refused:
            delay = min(LAST_RETRY_SECONDS, FIRST_RETRY_SECONDS * 2**self._failures)
            self._failures = min(self._failures + 1, 16)
            self._retry_at, self._quiet_until = now + delay, 0.0
        else:
            self._failures, self._retry_at = 0, 0.0
        self._acknowledge(commit, refused)

    def final(self, partitions: Collection[int]) -> Commit | None:
        """The last commit for partitions that are given up, whatever is open; None when all is acknowledged.

        The caller sends it synchronously and then calls `settle_final` and `forget`.
        """
        points = self._dirty({p: self._partitions[p] for p in partitions if p in self._partitions})
        return Commit(points) if points else None

    def settle_final(self, commit: Commit, refused: Collection[int]) -> None:
        """The answer to a commit from `final`. The open one, if any, stays open."""
        self._acknowledge(commit, refused)

    def bare(self, partition: int) -> None:
        """Commit only the watermark of this assignment of a partition: Kafka does not take more."""
        if partition in self._partitions:
            self._partitions[partition].is_bare = True

    def _acknowledge(self, commit: Commit, refused: Collection[int]) -> None:
        for point in commit.points:
            entry = self._partitions.get(point.partition)
            # An answer for an earlier assignment says nothing about this one.
            if entry is None or entry.progress.epoch != point.epoch:
                continue
            if point.partition in refused:
                # Whether Kafka has the old or the new is open: an answer that came too late is an error, too.
                entry.acknowledged = None
                continue
            entry.acknowledged = point.snapshot
            entry.finished_acknowledged = max(entry.finished_acknowledged, point.finished)

    @staticmethod
    def _dirty(partitions: Mapping[int, _Partition]) -> tuple[Point, ...]:
        points = []
        for partition, entry in partitions.items():
            snapshot = entry.snapshot()
            if snapshot != entry.acknowledged:
                points.append(Point(partition, entry.progress.epoch, snapshot, entry.finished))
        return tuple(points)

    def _is_urgent(self, now: float, running: int) -> bool:
        if any(_differ(entry.suspicion, entry.acknowledged) for entry in self._partitions.values()):
            return True
        finished = self.unacknowledged
        return finished > 0 and (not running or now >= self._gather_until or finished >= self.worth_sending)


def _differ(suspicion: tuple[int, int | None], held: Snapshot | None) -> bool:
    """Whether this says something else of unclean ends than what Kafka holds."""
    return held is None or suspicion != (held.unclean, held.running)
