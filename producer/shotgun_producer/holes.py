"""Which event ids have been seen, which are missing, and what to ask the site for next.

Ids are drawn from blocks and become visible late, so the ids below the highest one are never all there. `Holes`
remembers that highest id (`head`) and the missing ranges below it, and plans one request a poll that asks for what
lies above the head and for the missing ranges whose turn it is. It does no I/O and reads no clock: every method is
given the time, in seconds since 1970 by the site's clock. It has one owner.

A range is

* **hot** while it lies within `NEAR_IDS` of the head or is younger than `HOT_SECONDS`: asked for with every poll,
* **cold** afterwards: asked for at intervals that double from `FIRST_INTERVAL` to `LAST_INTERVAL`,
* **expired**, that is forgotten and reported, once it is older than `EXPIRY_SECONDS` and deeper than `NEAR_IDS`; at
  once if the row behind it is that old when it is first seen.

The work of a poll depends on the ranges that it asks for, never on how many there are.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice

from sortedcontainers import SortedDict, SortedList

from shotgun_schemas.checkpoint import Hole

from .id_ranges import IdRanges

NEAR_IDS = 10_000
HOT_SECONDS = 10 * 60
FIRST_INTERVAL = 5 * 60
LAST_INTERVAL = 6 * 60 * 60
EXPIRY_SECONDS = 14 * 24 * 60 * 60
MAX_RANGES = 200
COLD_SHARE = 4
"""Of a plan that cannot hold all, cold ranges get one place in so many, and hot ranges the rest: neither starves."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One request: every id above `above` (None: none of them), and the ids of `ranges` (first, last; ascending)."""

    above: int | None
    ranges: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Sighting:
    """A row that the site showed. `created_at`: seconds since 1970, None when the site's text cannot be read."""

    id: int
    created_at: float | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """An id seen for the first time. `late`: the age of the hole that it filled in seconds, None if it filled none."""

    id: int
    late: float | None = None


@dataclass(frozen=True, slots=True)
class Observation:
    """What an answer of the site brought: the new ids in ascending order, and the ranges that were given up.

    `expired` were watched for as long as holes live; `old` were older than that when they were first seen.
    """

    found: tuple[Found, ...]
    expired: tuple[tuple[int, int], ...] = ()
    old: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Missing:
    """Ids below the head that the site did not show. `created_at`: that of the row behind them, None if not known."""

    first: int
    last: int
    created_at: float | None = None


class Holes:
    """The head and the holes below it. See the module's text.

    The caller may rely on this: `head` never goes down, no id is ever reported as found twice, and an id that the
    site shows while its range is remembered is found. Restoring from `head` and `snapshot()` changes nothing.
    """

    def __init__(self, head: int = 0, holes: Iterable[Hole] = ()) -> None:
        self._head = head
        self._ranges: SortedDict[int, Hole] = SortedDict()
        self._hot: SortedList[tuple[int, int]] = SortedList()  # (probed, first)
        self._cold: SortedList[tuple[int, int]] = SortedList()  # (due, first)
        for hole in holes:
            self._add(hole)

    @property
    def head(self) -> int:
        """The highest id seen so far, or the id before the first one that is wanted."""
        return self._head

    @property
    def hot(self) -> int:
        """How many ranges are asked for with every poll."""
        return len(self._hot)

    @property
    def cold(self) -> int:
        """How many ranges are asked for at intervals."""
        return len(self._cold)

    def snapshot(self) -> tuple[Hole, ...]:
        """All ranges in ascending order, for the checkpoint."""
        return tuple(self._ranges.values())

    def ask_again(self, first: int, last: int, since: float) -> None:
        """Makes ids missing again, as if since then; what lies above the head or in a hole already stays as it is.

        The caller vouches that none of them was ever published: they are found once more when the site shows them.
        """
        for low, high in self._unknown(first, min(last, self._head)):
            self._add(Hole(low, high, int(since), int(since)))

    def hasten(self, ids: Iterable[int], now: float) -> int:
        """Makes it the turn of the cold ranges that hold any of the ids. Returns how many of the ids are in them."""
        hastened = 0
        for number in ids:
            hole = self._hole_of(number)
            if hole is None or not hole.interval:
                continue
            hastened += 1
            if hole.probed + hole.interval > now:
                self._remove(hole)
                self._add(replace(hole, probed=int(now) - hole.interval))
        return hastened

    def plan(self, now: float, limit: int = MAX_RANGES) -> Plan:
        """The next request: at most `limit` ranges.

        When there are more, the cold ones have their share, and of the hot ones half are those nearest the head, where
        most rows appear, and the other half those whose turn is longest past.
        """
        self._cool_down(now, limit)
        due = list(islice(self._cold.irange(maximum=(int(now), self._head)), limit))
        share = min(len(due), limit // COLD_SHARE)
        turn = self._hot_turn(limit - share)
        turn += [first for _, first in due[: limit - len(turn)]]
        ranges = sorted(turn)
        return Plan(self._head, tuple((first, self._ranges[first].last) for first in ranges))

    def observe(
        self,
        rows: Iterable[Sighting],
        plan: Plan,
        *,
        now: float,
        reach: int | None = None,
        newest: int | None = None,
    ) -> Observation:
        """Takes the answer to `plan`.

        `reach` is the last id of a full page: what lies beyond it was not looked at. None: all that was asked for
        was. `newest` is the highest id that the site is known to have, when that is far ahead of this page.
        """
        created = {row.id: row.created_at for row in rows}
        ids = sorted(created)
        border = bisect_right(ids, self._head)
        found = self._fill(ids[:border], now)
        expired = self._mark_probed(plan.ranges, now, reach)
        old: list[tuple[int, int]] = []
        if border < len(ids):
            seen = [Sighting(number, created[number]) for number in ids[border:]]
            old = self._advance(seen, now, newest or 0)
            found += [Found(row.id) for row in seen]
        return Observation(tuple(found), tuple(expired), tuple(old))

    def miss(
        self, missing: Iterable[Missing], *, now: float, newest: int | None = None
    ) -> tuple[tuple[int, int], ...]:
        """Takes ranges up to the head that were looked at for the first time, and not shown: they are holes now.

        Returns those that are given up at once, by the rule for the holes that a poll finds. The others are first
        seen now; those that are neither near the head nor behind a young row begin cold, so that a backfill takes no
        place from what is new. What lies in a hole already stays as it is. Ids that were found must not be among
        them: they would be found again. Raises ValueError for a range that reaches above the head.
        """
        old = []
        for gap in missing:
            if gap.last > self._head:
                raise ValueError(f"ids {gap.first} to {gap.last} reach above the head {self._head}")
            for first, last in self._unknown(gap.first, gap.last):
                hole = Hole(first, last, int(now), _rounded(int(now), FIRST_INTERVAL))
                if self._is_given_up(hole, gap.created_at, now, newest or 0):
                    old.append((first, last))
                elif self._is_near(hole) or not _is_older(gap.created_at, HOT_SECONDS, now):
                    self._add(hole)
                else:
                    self._add(_cooled(hole))
        return tuple(old)

    def _unknown(self, first: int, last: int) -> list[tuple[int, int]]:
        """The parts of a range that lie in no hole."""
        known = [self._ranges[key] for key in self._ranges.irange(first, last)]
        before = self._hole_of(first)
        if before is not None:
            known.append(before)
        return list(IdRanges((hole.first, hole.last) for hole in known).outside(first, last))

    def _hot_turn(self, room: int) -> list[int]:
        if len(self._hot) <= room:
            return [first for _, first in self._hot]
        nearest = [
            first for first in islice(reversed(self._ranges), room // 2) if not self._ranges[first].interval
        ]
        taken = set(nearest)
        others = (first for _, first in self._hot if first not in taken)
        return nearest + list(islice(others, room - len(nearest)))

    def _fill(self, ids: Sequence[int], now: float) -> list[Found]:
        found: list[Found] = []
        at = 0
        while at < len(ids):
            hole = self._hole_of(ids[at])
            if hole is None:
                at += 1
                continue
            end = bisect_right(ids, hole.last, at)
            filled = ids[at:end]
            self._remove(hole)
            for first, last in _gaps(hole.first, hole.last, filled):
                self._add(replace(hole, first=first, last=last))
            late = max(0.0, now - hole.first_seen)
            found += [Found(number, late) for number in filled]
            at = end
        return found

    def _mark_probed(
        self, ranges: Iterable[tuple[int, int]], now: float, reach: int | None
    ) -> list[tuple[int, int]]:
        expired = []
        for first, last in ranges:
            until = last if reach is None else min(last, reach)
            for hole in [self._ranges[key] for key in self._ranges.irange(first, until)]:
                if hole.last > until:
                    continue
                self._remove(hole)
                if self._is_expired(hole, now):
                    expired.append((hole.first, hole.last))
                    continue
                interval = min(hole.interval * 2, LAST_INTERVAL)
                self._add(replace(hole, probed=_rounded(int(now), interval), interval=interval))
        return expired

    def _advance(self, rows: Sequence[Sighting], now: float, newest: int) -> list[tuple[int, int]]:
        old = []
        before = self._head
        self._head = rows[-1].id
        for row in rows:
            if row.id > before + 1:
                hole = Hole(before + 1, row.id - 1, int(now), int(now))
                if self._is_given_up(hole, row.created_at, now, newest):
                    old.append((hole.first, hole.last))
                else:
                    self._add(hole)
            before = row.id
        return old

    def _cool_down(self, now: float, limit: int) -> None:
        """Moves ranges that are no longer hot; only as many as this plan would otherwise look at."""
        stay = 0
        while stay < min(limit, len(self._hot)):
            hole = self._ranges[self._hot[stay][1]]
            if self._is_near(hole) or now - hole.first_seen < HOT_SECONDS:
                stay += 1
                continue
            self._remove(hole)
            self._add(_cooled(hole))

    def _is_near(self, hole: Hole) -> bool:
        return hole.last >= self._head - NEAR_IDS

    def _is_given_up(self, hole: Hole, created_at: float | None, now: float, newest: int) -> bool:
        """Whether a new hole is not worth a look. `created_at`: that of the row behind it."""
        is_deep = hole.last < max(newest, self._head) - NEAR_IDS
        return is_deep and _is_older(created_at, EXPIRY_SECONDS, now)

    def _is_expired(self, hole: Hole, now: float) -> bool:
        return not self._is_near(hole) and now - hole.first_seen > EXPIRY_SECONDS

    def _hole_of(self, number: int) -> Hole | None:
        at = self._ranges.bisect_right(number) - 1
        if at < 0:
            return None
        hole: Hole = self._ranges.peekitem(at)[1]
        return hole if number <= hole.last else None

    def _add(self, hole: Hole) -> None:
        self._ranges[hole.first] = hole
        if hole.interval:
            self._cold.add((hole.probed + hole.interval, hole.first))
        else:
            self._hot.add((hole.probed, hole.first))

    def _remove(self, hole: Hole) -> None:
        del self._ranges[hole.first]
        if hole.interval:
            self._cold.remove((hole.probed + hole.interval, hole.first))
        else:
            self._hot.remove((hole.probed, hole.first))


def _rounded(moment: int, interval: int) -> int:
    """A time of a range with this probe interval, as exactly as it matters: a checkpoint has room for thousands."""
    unit = 1 if not interval else 60 if interval < LAST_INTERVAL else 900
    return moment // unit * unit


def _cooled(hole: Hole) -> Hole:
    seen = _rounded(hole.first_seen, FIRST_INTERVAL)
    return replace(hole, first_seen=seen, interval=FIRST_INTERVAL)


def _is_older(created_at: float | None, seconds: float, now: float) -> bool:
    return created_at is not None and now - created_at > seconds


def missing_ranges(first: int, last: int, ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    """The ranges of `first`..`last` that `ids` (in any order) leave out, ascending."""
    return _gaps(first, last, sorted(ids))


def _gaps(first: int, last: int, ids: Iterable[int]) -> Iterator[tuple[int, int]]:
    before = first - 1
    for number in ids:
        if number > before + 1:
            yield before + 1, number - 1
        before = max(before, number)
    if before < last:
        yield before + 1, last
