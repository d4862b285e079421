"""Ids as bits, against sets of numbers."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from shotgun_producer.audit.id_set import BLOCK, IdSet, ids_of, ranges_bits, ranges_of, span_bits

IDS = st.sets(st.integers(BLOCK - 40, BLOCK + 40))


def as_set(ids: IdSet, first: int, last: int) -> set[int]:
    return set(ids_of(ids.bits(first, last), first))


@given(IDS, st.integers(BLOCK - 40, BLOCK - 1), st.integers(BLOCK, BLOCK + 40))
def test_a_set_holds_what_was_put_into_it(numbers: set[int], first: int, last: int) -> None:
    ids = IdSet()
    for number in numbers:
        ids.add(number)
    assert len(ids) == len(numbers)
    assert as_set(ids, first, BLOCK - 1) == {number for number in numbers if first <= number < BLOCK}
    assert as_set(ids, BLOCK, last) == {number for number in numbers if BLOCK <= number <= last}


@given(IDS, IDS, st.integers(BLOCK, BLOCK + 40), st.integers(BLOCK, BLOCK + 40))
def test_putting_replaces_a_span_and_nothing_else(
    before: set[int], after: set[int], one: int, other: int
) -> None:
    first, last = min(one, other), max(one, other)
    ids = IdSet()
    for number in before:
        ids.add(number)
    new = {number for number in after if first <= number <= last}
    ids.put(first, last, ranges_bits([(number, number) for number in new], first, last))
    kept = {number for number in before if not first <= number <= last}
    assert as_set(ids, BLOCK - 40, BLOCK - 1) | as_set(ids, BLOCK, BLOCK + 40) == kept | new


@given(IDS)
def test_ranges_are_the_same_ids(numbers: set[int]) -> None:
    start = BLOCK - 40
    bits = ranges_bits([(number, number) for number in numbers], start, BLOCK + 40)
    ranges = list(ranges_of(bits, start))
    assert {number for first, last in ranges for number in range(first, last + 1)} == numbers
    assert all(first > before[1] + 1 for before, (first, _) in pairwise(ranges))
    assert ranges_bits(ranges, start, BLOCK + 40) == bits


def test_ranges_count_as_far_as_they_reach_into_a_window() -> None:
    assert list(ranges_of(ranges_bits([(1, 5), (8, 8), (10, 30), (40, 50)], 4, 12), 4)) == [
        (4, 5),
        (8, 8),
        (10, 12),
    ]
    assert span_bits(7, 6, 5) == 0


def test_blocks_below_a_number_are_forgotten() -> None:
    ids = IdSet()
    for number in (1, BLOCK - 1, BLOCK, 3 * BLOCK):
        ids.add(number)
    ids.drop_below(BLOCK + 5)
    assert len(ids) == 2
