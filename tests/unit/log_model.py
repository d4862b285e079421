"""A model of an event log whose ids come from blocks, late, in batches, or never; and a site that shows it."""

from __future__ import annotations

import random
from bisect import bisect_right
from dataclasses import dataclass

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from shotgun_producer.holes import Holes, Plan, Sighting
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

    def newest(self, now: float) -> int:
        """The highest id that is visible, 0 when none is."""
        return max((number for number, at in self._visible.items() if at <= now), default=0)

    def between(self, first: int, last: int, now: float) -> tuple[list[Sighting], int]:
        """The first page of the rows from `first` to `last`, and the last id that it has looked at."""
        ids = self._ids[bisect_right(self._ids, first - 1) : bisect_right(self._ids, last)]
        shown = [number for number in ids if self._visible[number] <= now][: self._page]
        rows = [Sighting(number, self._visible[number]) for number in shown]
        return rows, shown[-1] if len(shown) == self._page else last

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
