"""What an audit compares, and what follows from it. Pure.

Every id between the beginning of the stream and the head is one of these: in the topic, in a hole, left out by the
filters, given up for its age, or visible before the stream began. An audit looks for ids that are none of them, and
for ids that the site has but should not, or the other way round. It goes window by window:

1. a snapshot of the holes, taken while everything else up to the head is committed;
2. the topic, read to an end that was asked for afterwards;
3. what the site shows: a count, and only when that cannot be explained, a new snapshot, the ids, and the topic again.

This order is what rules out false alarms. An id that is no hole in the snapshot was committed before it, or never
will be; one that is a hole is left to the poll, whatever the site shows of it; one that comes meanwhile lies above
the snapshot's head or in one of its holes.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from shotgun_schemas.checkpoint import Checkpoint, Hole

from ..holes import EXPIRY_SECONDS, NEAR_IDS, Holes, Sighting
from ..progress import Progress
from .id_set import BLOCK, Bits, IdSet, ids_of, ranges_bits, ranges_of, span_bits

MOST_IDS = 10_000_000
"""No audit goes further back: a single odd date must not lead to years of history."""

MOST_RANGES = 10_000
"""Ids are asked for again only as long as there are fewer holes: checkpoint and polls must stay small."""

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """Head and holes at one moment at which everything else up to the head was committed.

    `covered`: what backfills had looked at by then.
    """

    head: int
    holes: tuple[Hole, ...]
    covered: Ranges = ()

    @classmethod
    def of(cls, progress: Progress) -> Snapshot:
        """The present moment."""
        jobs = progress.backfills.snapshot()
        covered = tuple((job.first, job.next_id - 1) for job in jobs if job.next_id > job.first)
        return cls(progress.holes.head, progress.holes.snapshot(), covered)

    def missing(self, window: Window) -> Bits:
        """The ids of the window that lie in holes."""
        return window.bits((hole.first, hole.last) for hole in self._touching(window))

    def cold(self, window: Window) -> Bits:
        """The ids of the window that lie in cold holes."""
        return window.bits((hole.first, hole.last) for hole in self._touching(window) if hole.interval)

    def _touching(self, window: Window) -> Iterator[Hole]:
        at = bisect_left(self.holes, window.first, key=lambda hole: hole.last)
        while at < len(self.holes) and self.holes[at].first <= window.last:
            yield self.holes[at]
            at += 1


@dataclass(frozen=True, slots=True)
class Beginning:
    """Where the stream began: ids above `head` belong into the topic, and those of `holes`, which were missing then.

    So does what a backfill has covered since. Of ids up to `filtered` it is not known what the filters of their time
    left out.
    """

    head: int
    holes: Ranges
    filtered: int = 0

    @classmethod
    def of(cls, checkpoint: Checkpoint) -> Beginning:
        """The beginning that the checkpoint names."""
        filtered = checkpoint.filter.since if checkpoint.filter else 0
        return cls(checkpoint.start_head, checkpoint.initial_holes, filtered)

    def lowest(self, covered: Ranges) -> int:
        """The lowest id that the stream can hold, with what backfills have covered."""
        return min([self.head + 1, *(first for first, _ in (*self.holes, *covered))])


@dataclass(frozen=True, slots=True)
class Window:
    """The ids from `first` to `last`, all of one block."""

    first: int
    last: int

    def bits(self, ranges: Iterable[tuple[int, int]]) -> Bits:
        """What of the ranges lies in the window."""
        return ranges_bits(ranges, self.first, self.last)

    @property
    def all(self) -> Bits:
        """Every id of the window."""
        return span_bits(self.first, self.last, self.first)


@dataclass(frozen=True, slots=True)
class Scope:
    """What one audit covers: the ids from `lowest` to `highest`.

    Below `near_from` holes expire: a missing id whose neighbour on the site was created before `border` (seconds
    since 1970) may have been given up.
    """

    lowest: int
    highest: int
    near_from: int
    border: float

    @classmethod
    def of(cls, lowest: int, head: int, newest: int, youngest: int | None, now: float) -> Scope:
        """The scope that holes live in, above the `lowest` id of the stream.

        `youngest`: the lowest id that was created within their lifetime, None when none was.
        """
        near_from = max(head, newest) - NEAR_IDS + 1
        living = near_from if youngest is None else min(youngest, near_from)
        return cls(
            lowest=max(1, lowest, living, head - MOST_IDS + 1),
            highest=head,
            near_from=near_from,
            border=now - EXPIRY_SECONDS,
        )

    def above(self, number: int) -> Scope:
        """The same without the ids up to this one."""
        return replace(self, lowest=max(self.lowest, number + 1))

    def windows(self) -> Iterator[Window]:
        """The ids in windows, each a block or what of it lies in the scope; ascending, none when the scope is empty."""
        first = self.lowest
        while first <= self.highest:
            last = min(self.highest, first // BLOCK * BLOCK + BLOCK - 1)
            yield Window(first, last)
            first = last + 1


class Shown:
    """What the site shows of a window, taken row by row. One owner."""

    def __init__(self, window: Window) -> None:
        self.window = window
        self.ids: Bits = 0
        self.unwanted: Bits = 0
        self._created: dict[int, float | None] = {}

    def add(self, row: Sighting, unwanted: Bits) -> None:
        """Takes one row. `unwanted`: 1 when the filters leave it out, else 0."""
        place = row.id - self.window.first
        self.ids |= 1 << place
        self.unwanted |= unwanted << place
        self._created[row.id] = row.created_at

    def created(self, first: int, last: int) -> float | None:
        """When the oldest of these rows was created; None when none of them says."""
        known = [self._created.get(number) for number in range(first, last + 1)]
        return min((moment for moment in known if moment is not None), default=None)

    def created_beside(self, first: int, last: int) -> float | None:
        """When the nearest row behind the range was created, or else the one before it; None when none says."""
        behind = self.ids >> (last + 1 - self.window.first)
        if behind:
            return self._created[last + (behind & -behind).bit_length()]
        before = self.ids & span_bits(self.window.first, first - 1, self.window.first)
        return self._created[self.window.first + before.bit_length() - 1] if before else None


@dataclass(frozen=True, slots=True)
class Lost:
    """A range that is to be asked for again. `since`: how far back it was missed, in seconds since 1970; None: now."""

    first: int
    last: int
    since: float | None = None

    @property
    def count(self) -> int:
        """How many ids."""
        return self.last - self.first + 1


@dataclass(frozen=True, slots=True)
class Findings:
    """What became of the ids of one window.

    `missing` are shown and not in the topic, `forgotten` neither shown nor in it, and no hole has any of them. `cold`
    are shown and lie in cold holes. `hidden` were read, or visible before the stream began, and are not shown now.
    """

    window: Window
    missing: tuple[Lost, ...] = ()
    forgotten: tuple[Lost, ...] = ()
    cold: tuple[int, ...] = ()
    hidden: Bits = 0
    given_up: Bits = 0
    unwanted: Bits = 0

    @property
    def is_loss(self) -> bool:
        """Whether ids are nowhere that should be somewhere."""
        return bool(self.missing or self.forgotten)

    def apply(self, holes: Holes, now: float) -> int:
        """Sees to it that the next polls ask for what was found. Returns how many ids really lay in cold holes.

        `now`: seconds since 1970 by the site's clock.
        """
        for lost in (*self.missing, *self.forgotten):
            holes.ask_again(lost.first, lost.last, now if lost.since is None else min(lost.since, now))
        return holes.hasten(self.cold, now)

    def limited(self, ranges: int) -> Findings:
        """The same with at most so many ranges to ask for again; the next audit finds the rest."""
        room = max(0, ranges)
        missing = self.missing[:room]
        return replace(self, missing=missing, forgotten=self.forgotten[: room - len(missing)])


class Ledger:
    """What is known of every id from one audit to the next. One owner; the caller fills `topic`."""

    def __init__(self, beginning: Beginning) -> None:
        self.topic = IdSet()
        self._beginning = beginning
        self._unwanted = IdSet()
        self._hidden = IdSet()
        self._given_up = IdSet()

    @property
    def hidden(self) -> int:
        """How many ids were once visible and are not shown now."""
        return len(self._hidden)

    def hidden_in(self, window: Window) -> Bits:
        """Those of a window."""
        return self._hidden.bits(window.first, window.last)

    def accounts_for(self, window: Window, snapshot: Snapshot, count: int) -> bool:
        """Whether `count` visible ids are as many as there must be, and all that must be in the topic are.

        The topic was read to an end that was asked for after the snapshot was taken.
        """
        first, last = window.first, window.last
        absent = self._hidden.bits(first, last) | self._given_up.bits(first, last)
        seen = window.all & ~snapshot.missing(window) & ~absent
        return count == seen.bit_count() and not seen & self._expected(window, snapshot) & ~self._settled(
            window
        )

    def newly_gone(self, window: Window, snapshot: Snapshot, shown: Bits) -> Bits:
        """The ids that must be visible, are not shown, and were not missed before."""
        first, last = window.first, window.last
        absent = self._hidden.bits(first, last) | self._given_up.bits(first, last)
        return window.all & ~snapshot.missing(window) & ~shown & ~absent

    def judge(self, scope: Scope, snapshot: Snapshot, shown: Shown) -> Findings:
        """What became of the ids of one window: `snapshot`, then `shown`, then the topic, in this order."""
        window = shown.window
        seen = window.all & ~snapshot.missing(window)
        unwanted = self._unwanted.bits(window.first, window.last) | shown.unwanted
        settled = self._settled(window) | unwanted
        expected = self._expected(window, snapshot)
        missing = seen & shown.ids & expected & ~settled
        gone = seen & ~shown.ids
        lost = gone & expected & ~settled
        given_up = window.bits(
            span for span in ranges_of(lost, window.first) if _may_be_given_up(span, scope, shown)
        )
        return Findings(
            window=window,
            missing=tuple(
                Lost(first, last, shown.created(first, last))
                for first, last in ranges_of(missing, window.first)
            ),
            forgotten=tuple(Lost(*span) for span in ranges_of(lost & ~given_up, window.first)),
            cold=tuple(ids_of(shown.ids & snapshot.cold(window), window.first)),
            hidden=gone & ~lost,
            given_up=given_up,
            unwanted=unwanted,
        )

    def accept(self, found: Findings) -> None:
        """Remembers what explains the window from now on."""
        first, last = found.window.first, found.window.last
        self._hidden.put(first, last, found.hidden)
        self._given_up.put(first, last, found.given_up)
        self._unwanted.put(first, last, found.unwanted)

    def drop_below(self, number: int) -> None:
        """Forgets what lies below the scope."""
        for ids in (self.topic, self._unwanted, self._hidden, self._given_up):
            ids.drop_below(number)

    def _expected(self, window: Window, snapshot: Snapshot) -> Bits:
        """The ids that belong into the topic once they are visible."""
        above = span_bits(max(window.first, self._beginning.head + 1), window.last, window.first)
        return above | window.bits((*self._beginning.holes, *snapshot.covered))

    def _settled(self, window: Window) -> Bits:
        """The ids that are in the topic, or left out on purpose."""
        first, last = window.first, window.last
        return self.topic.bits(first, last) | self._unwanted.bits(first, last)


def _may_be_given_up(span: tuple[int, int], scope: Scope, shown: Shown) -> bool:
    first, last = span
    beside = shown.created_beside(first, last)
    return last < scope.near_from and beside is not None and beside <= scope.border
