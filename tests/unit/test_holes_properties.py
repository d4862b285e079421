"""`Holes` against the model of an event log."""

from __future__ import annotations

import random
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st
from log_model import FAST, SHAPES, START, Shape, Site, carried_over, write_log

from shotgun_producer.holes import MAX_RANGES, Holes


def read_all(shape: Shape, *, restarts: float = 0.0) -> tuple[list[int], dict[int, float]]:
    """Polls until the log is known to be read; returns the ids in the order of finding, and the log."""
    visible = write_log(shape)
    site = Site(visible, shape.page)
    rng = random.Random(shape.seed + 1)
    holes, found, now = Holes(), [], START
    end = max([*visible.values(), START])
    for _ in range(20_000):
        plan = holes.plan(now)
        assert len(plan.ranges) <= MAX_RANGES
        if rng.random() < restarts:
            holes = carried_over(holes)
            assert holes.plan(now) == plan
        if rng.random() < 0.1:
            continue  # the request failed: nothing was learnt
        rows, reach = site.answer(plan, now)
        rng.shuffle(rows)
        head = holes.head
        observation = holes.observe(rows + rows[:3], plan, now=now, reach=reach)
        assert not observation.expired
        assert not observation.old
        assert holes.head >= head
        ids = [number.id for number in observation.found]
        assert ids == sorted(ids)
        assert all(visible[number] <= now for number in ids)
        found += ids
        if now > end and len(found) >= len(visible):
            break
        now += rng.choice([0.25, 1.0, 30.0]) if now <= end and reach is None else rng.choice([0.25, 600.0])
        if now < end and not rng.randrange(20):
            now += rng.uniform(0, (end - now) / 4)
    return found, visible


@FAST
@given(SHAPES)
def test_every_visible_row_is_found_exactly_once(shape: Shape) -> None:
    found, visible = read_all(shape)
    assert sorted(found) == sorted(visible)


@FAST
@given(SHAPES)
def test_a_checkpoint_at_any_moment_changes_nothing(shape: Shape) -> None:
    with_restarts, visible = read_all(shape, restarts=0.1)
    assert sorted(with_restarts) == sorted(visible)


@FAST
@given(SHAPES, st.integers(3, 20))
def test_few_ranges_a_poll_still_find_every_row(shape: Shape, limit: int) -> None:
    visible = write_log(replace(shape, late_seconds=900.0))
    site = Site(visible, shape.page)
    holes, found, now = Holes(), set[int](), START
    for _ in range(50_000):
        plan = holes.plan(now, limit)
        assert len(plan.ranges) <= limit
        rows, reach = site.answer(plan, now)
        new = {row.id for row in holes.observe(rows, plan, now=now, reach=reach).found}
        assert not new & found
        found |= new
        if len(found) == len(visible):
            break
        now += 5.0
    assert found == set(visible)
