"""`Holes` against a model of an event log whose ids come from blocks, late, in batches, or never."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass, replace

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shotgun_producer.holes import MAX_RANGES, Holes, Plan, Sighting
from shotgun_schemas.checkpoint import Checkpoint, decode_checkpoint, encode_checkpoint

START = 1_700_000_000.0
DAY = 86_400.0
WRITERS = 16
BLOCK = 33


@dataclass(frozen=True)
class Shape:
    seed: int
    events: int
    page: int
    dead: float
    late: float
    late_seconds: float
    batches: int
    seconds_per_event: float


SHAPES = st.builds(
    Shape,
    seed=st.integers(0, 2**32),
    events=st.integers(0, 250),
    page=st.sampled_from([7, 50, 500]),
    dead=st.sampled_from([0.0, 0.02, 0.3]),
    late=st.sampled_from([0.0, 0.1, 0.5]),
    late_seconds=st.sampled_from([5.0, 900.0, 5 * DAY]),
    batches=st.integers(0, 1),
    seconds_per_event=st.sampled_from([0.001, 1.0, 300.0]),
)
FAST = settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def write_log(shape: Shape) -> dict[int, float]:
    """When each id of a log becomes visible; ids that never do are left out."""
    rng = random.Random(shape.seed)
    following = 1
    blocks: list[list[int]] = [[] for _ in range(WRITERS)]
    visible: dict[int, float] = {}
    batches = set(rng.sample(range(shape.events), min(shape.batches, shape.events)))
    for event in range(shape.events):
        now = START + event * shape.seconds_per_event
        if event in batches:
            visible.update(dict.fromkeys(range(following, following + 1_000), now + rng.uniform(0, 48)))
            following += 1_000
        block = rng.choice(blocks)
        if not block:
            block += reversed(range(following, following + BLOCK))
            following += BLOCK
        number = block.pop()
        if rng.random() >= shape.dead:
            delay = rng.uniform(0, shape.late_seconds) if rng.random() < shape.late else rng.uniform(0, 0.3)
            visible[number] = now + delay
    return visible


class Site:
    """Answers plans from the model, as the site would at a given time."""

    def __init__(self, visible: dict[int, float], page: int) -> None:
        self._visible = visible
        self._ids = sorted(visible)
        self._page = page

    def answer(self, plan: Plan, now: float) -> tuple[list[Sighting], int | None]:
        wanted = self._ids[bisect_right(self._ids, plan.above) :]
        for first, last in plan.ranges:
            wanted += self._ids[bisect_right(self._ids, first - 1) : bisect_right(self._ids, last)]
        shown = sorted(number for number in wanted if self._visible[number] <= now)[: self._page]
        reach = shown[-1] if len(shown) == self._page else None
        return [Sighting(number, self._visible[number]) for number in shown], reach


def carried_over(holes: Holes) -> Holes:
    """The same state, through the bytes of a checkpoint."""
    checkpoint = Checkpoint("i", "s", "t", "id", 1, holes.head, holes.snapshot(), 0, (), (0,), 0.0)
    read = decode_checkpoint(encode_checkpoint(checkpoint))
    return Holes(read.head, read.holes)


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
