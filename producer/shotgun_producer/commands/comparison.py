"""Comparing what the site shows with what the topic holds, id by id. Pure.

The caller collects in this order, so that a running stream raises no false alarm: a checkpoint (its head ends the
comparison), the ids that the site shows, a second checkpoint (its holes are still to come), the records of the topic.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from typing import Any

from shotgun_schemas.checkpoint import Checkpoint
from shotgun_schemas.event import event_id_of

SHOWN_IDS = 20
Ranges = Sequence[tuple[int, int]]


class Seen:
    """The ids from `first` to `last` that the topic holds, and those that it holds more than once. One owner."""

    def __init__(self, first: int, last: int) -> None:
        self.ids: set[int] = set()
        self.doubled: set[int] = set()
        self._first = first
        self._last = last

    def add(self, key: bytes | None) -> None:
        """Takes the key of one record; a key that is no id counts for nothing."""
        number = event_id_of(key)
        if number is not None and self._first <= number <= self._last:
            if number in self.ids:
                self.doubled.add(number)
            self.ids.add(number)


@dataclass(frozen=True, slots=True)
class Shown:
    """The ids from `first` to `last` that the site shows: those that belong into the stream, and those filtered out."""

    first: int
    last: int
    wanted: Set[int]
    left_out: Set[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Comparison:
    """What was found among the ids from `first` to `last`; each tuple ascending.

    `awaited` are visible, not yet published, and looked for by the producer; `not_shown` are published, but the site
    did not show them when it was asked: archived, hidden from this user, or just come. `left_out` counts visible events
    that the filter does not want: they are not expected, and no difference when the topic has them nevertheless.
    `unjudged` are not published and older than the filter: an earlier one may have left them out.
    """

    first: int
    last: int
    expected: int
    published: int
    missing: tuple[int, ...]
    doubled: tuple[int, ...]
    awaited: tuple[int, ...]
    not_shown: tuple[int, ...]
    left_out: int = 0
    unjudged: tuple[int, ...] = ()

    @property
    def is_equal(self) -> bool:
        """Whether every event that should be in the topic is there once."""
        return not self.missing and not self.doubled


def expected_ids(shown: Iterable[int], start_head: int, initial_holes: Ranges) -> set[int]:
    """Those of the ids on the site that belong into the topic: all but those visible before the stream began."""
    return {number for number in shown if number > start_head or lies_in(initial_holes, number)}


def compare(shown: Shown, seen: Seen, later: Checkpoint) -> Comparison:
    """`later`: the checkpoint that was read after `shown` and before the topic."""
    expected = expected_ids(shown.wanted, later.start_head, later.initial_holes)
    open_holes = [(hole.first, hole.last) for hole in later.holes]
    absent = sorted(expected - seen.ids)
    since = later.filter.since if later.filter else 0
    lost = [number for number in absent if not lies_in(open_holes, number)]
    return Comparison(
        first=shown.first,
        last=shown.last,
        expected=len(expected),
        published=len(seen.ids),
        missing=tuple(number for number in lost if number > since),
        doubled=tuple(sorted(seen.doubled)),
        awaited=tuple(number for number in absent if lies_in(open_holes, number)),
        not_shown=tuple(sorted(seen.ids - shown.wanted - shown.left_out)),
        left_out=len(shown.left_out),
        unjudged=tuple(number for number in lost if number <= since),
    )


def lies_in(ranges: Ranges, number: int) -> bool:
    """Whether one of the ascending `ranges` holds the id."""
    at = bisect_right(ranges, number, key=_first_of) - 1
    return at >= 0 and number <= ranges[at][1]


def _first_of(span: tuple[int, int]) -> int:
    return span[0]


def as_json(found: Comparison) -> dict[str, Any]:
    """The comparison for programs; of each kind of ids the count and the first few."""
    return {
        "from": found.first,
        "to": found.last,
        "expected": found.expected,
        "published": found.published,
        "left_out": found.left_out,
        "equal": found.is_equal,
        **{
            name: {"count": len(ids), "first": ids[:SHOWN_IDS]}
            for name, ids in (
                ("missing", found.missing),
                ("doubled", found.doubled),
                ("awaited", found.awaited),
                ("not_shown", found.not_shown),
                ("unjudged", found.unjudged),
            )
        },
    }


def as_text(found: Comparison) -> str:
    """The comparison for people."""
    if found.first > found.last:
        return "no event in that range was read yet: there is nothing to compare"
    lines = [f"ids {found.first} to {found.last}: {found.expected} expected, {found.published} in the topic"]
    lines += [
        f"{name + ':':<11}{_listed(ids)}"
        for name, ids in (("missing", found.missing), ("doubled", found.doubled))
    ]
    if found.left_out:
        lines.append(
            f"{'left out:':<11}{found.left_out} by exclude_event_types and projects; they are not expected"
        )
    if found.awaited:
        lines.append(f"{'awaited:':<11}{_listed(found.awaited)}; the producer still asks for them")
    if found.not_shown:
        lines.append(
            f"{'not shown:':<11}{_listed(found.not_shown)}; the site did not show them, the topic has them"
        )
    if found.unjudged:
        lines.append(
            f"{'unjudged:':<11}{_listed(found.unjudged)}; older than the filter; an earlier one may have left them out"
        )
    return "\n".join(lines)


def _listed(ids: Sequence[int]) -> str:
    if not ids:
        return "none"
    more = ", ..." if len(ids) > SHOWN_IDS else ""
    return f"{len(ids)}: {', '.join(map(str, ids[:SHOWN_IDS]))}{more}"
