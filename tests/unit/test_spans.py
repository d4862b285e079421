"""Cutting ranges of ids for several requests at once: nothing is left out, nothing comes out of order."""

from __future__ import annotations

import random

from hypothesis import given, settings
from hypothesis import strategies as st

from shotgun_producer.page import Page, read_page
from shotgun_producer.spans import SLOW, WIDEST, WINDOW, ReadSpan, Span, SpanQueue


def page_of(span: Span, ids: range | list[int]) -> Page:
    rows = [{"id": number, "created_at": None} for number in ids if span.first <= number <= span.last]
    return read_page(rows, 10**9)


def next_of(queue: SpanQueue, now: float = 0.0) -> Span:
    span = queue.next(now)
    assert span is not None
    return span


def dense(first: int, last: int, limit: int = 10, requests: int = 2) -> SpanQueue:
    return SpanQueue([(first, last)], limit=limit, requests=requests)


def test_no_ranges_are_done_at_once() -> None:
    queue = SpanQueue([], limit=10, requests=2)
    assert queue.is_done
    assert queue.next(0.0) is None
    assert queue.pop() is None


def test_a_span_is_a_page_wide_and_the_last_one_what_is_left() -> None:
    queue = dense(1, 25)
    assert [next_of(queue) for _ in range(3)] == [Span(1, 10), Span(11, 20), Span(21, 25)]
    assert queue.next(0.0) is None


def test_what_was_read_first_waits_for_what_comes_before_it() -> None:
    queue = dense(1, 20)
    first, second = next_of(queue), next_of(queue)
    queue.read(second, page_of(second, range(1, 21)), 1.0)
    assert queue.pop() is None
    queue.read(first, page_of(first, range(1, 21)), 2.0)
    popped = [queue.pop(), queue.pop()]
    assert [(span.first, span.last) for span in popped if span] == [(1, 10), (11, 20)]
    assert queue.is_done


def test_memory_is_bounded_while_the_first_span_does_not_come() -> None:
    queue = dense(1, 10_000, requests=2)
    first = next_of(queue)
    handed = 1
    while (span := queue.next(0.0)) is not None:
        queue.read(span, page_of(span, range(1, 10_001)), 0.0)
        handed += 1
    assert handed == 2 * WINDOW
    queue.read(first, page_of(first, range(1, 10_001)), 0.0)
    assert queue.pop() is not None
    assert queue.next(0.0) is not None


def test_a_span_that_all_wait_for_is_asked_for_once_more_and_its_second_answer_is_ignored() -> None:
    queue = dense(1, 80, requests=2)
    first = next_of(queue)
    for _ in range(2 * WINDOW - 1):
        span = next_of(queue)
        queue.read(span, page_of(span, range(1, 81)), 1.0)
    assert queue.next(SLOW) is None
    again = queue.next(SLOW + 0.5)
    assert again is first
    assert queue.next(100.0) is None
    queue.read(again, page_of(again, [1, 2]), 101.0)
    queue.read(first, page_of(first, range(1, 81)), 102.0)
    popped = queue.pop()
    assert popped is not None
    assert list(popped.page.rows) == [1, 2]


def test_spans_grow_where_ids_are_sparse_and_shrink_where_they_are_not() -> None:
    queue = dense(1, 100_000)
    widths = []
    for _ in range(12):
        span = next_of(queue)
        widths.append(span.last - span.first + 1)
        queue.read(span, page_of(span, []), 0.0)
        queue.pop()
    assert widths[:5] == [10, 20, 40, 80, 80]
    assert max(widths) == 10 * WIDEST
    span = next_of(queue)
    queue.read(span, page_of(span, range(span.first, span.last + 1)), 0.0)
    span = next_of(queue)
    assert span.last - span.first + 1 == 10


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 80), st.integers(0, 300)), max_size=6),
    st.integers(1, 20),
    st.integers(1, 5),
    st.randoms(use_true_random=False),
)
def test_the_spans_are_the_ranges_in_order_whatever_comes_back_first(
    shape: list[tuple[int, int]], limit: int, requests: int, rng: random.Random
) -> None:
    ranges, at = [], 0
    for gap, length in shape:
        ranges.append((at + gap, at + gap + length))
        at += gap + length
    queue = SpanQueue(ranges, limit=limit, requests=requests)
    under_way: list[Span] = []
    taken: list[ReadSpan] = []
    now = 0.0
    while not queue.is_done:
        now += 1.0
        if len(under_way) < requests and (span := queue.next(now)) is not None:
            under_way.append(span)
        if under_way and rng.random() < 0.6:
            span = under_way.pop(rng.randrange(len(under_way)))
            queue.read(span, page_of(span, range(0, 10_000, rng.choice([1, 7]))), now)
        while (popped := queue.pop()) is not None:
            taken.append(popped)
    covered = [number for span in taken for number in range(span.first, span.last + 1)]
    assert covered == [number for first, last in ranges for number in range(first, last + 1)]
