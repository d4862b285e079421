"""The live stream and backfills together, against the model of an event log, with torn transactions."""

from __future__ import annotations

import random
from dataclasses import dataclass, replace

from hypothesis import given
from hypothesis import strategies as st
from log_model import FAST, SHAPES, START, Shape, Site, write_log

from shotgun_producer.backfill.backfills import Backfills
from shotgun_producer.holes import Holes, Plan, Sighting, missing_ranges
from shotgun_schemas.checkpoint import Checkpoint, Hole, decode_checkpoint, encode_checkpoint

WINDOW = 80
FAR = 20_000


@dataclass(frozen=True)
class Trouble:
    """Shares of transactions that fail, of failed ones that leave some of their events, and of jobs cancelled."""

    failed: float
    torn: float
    cancelled: float
    is_deep: bool


TROUBLES = st.builds(
    Trouble,
    failed=st.sampled_from([0.0, 0.1, 0.4]),
    torn=st.sampled_from([0.0, 0.5, 1.0]),
    cancelled=st.sampled_from([0.0, 0.02]),
    is_deep=st.booleans(),
)


class Model:
    """A producer with holes and backfills, whose only memory are its checkpoint and its topic."""

    def __init__(self, visible: dict[int, float], page: int, trouble: Trouble, rng: random.Random) -> None:
        self.site = Site(visible, page)
        self.trouble, self.rng = trouble, rng
        self.now = START + rng.uniform(0, max(visible.values(), default=START) - START)
        head = self.site.newest(self.now)
        lowest = max(1, head - WINDOW + 1)
        rows, _ = Site(visible, WINDOW + 1).between(lowest, head, self.now)
        self.initial = tuple(missing_ranges(lowest, head, [row.id for row in rows]))
        seen = int(self.now)
        holes = tuple(Hole(first, last, seen, seen) for first, last in self.initial)
        self.topic: list[int] = []
        self.tail: list[int] = []  # published since the last checkpoint
        self.begun = 0
        self.saved = encode_checkpoint(
            Checkpoint("i", "s", "t", "id", 1, head, holes, head, self.initial, (0,), 0.0)
        )
        self.restore()

    def restore(self) -> None:
        checkpoint = decode_checkpoint(self.saved)
        self.start_head = checkpoint.start_head
        self.holes = Holes(checkpoint.head, checkpoint.holes)
        self.backfills = Backfills(checkpoint.start_head, checkpoint.initial_holes, checkpoint.backfills)
        self.holes.observe([Sighting(number) for number in self.tail], Plan(self.holes.head), now=self.now)
        reconciled = self.backfills.reconcile(self.tail)
        assert reconciled.strays == ()
        assert self.holes.miss(reconciled.taken.missing, now=self.now) == ()

    def commit(self, ids: list[int]) -> None:
        """One transaction; it may fail, and then leave some of its events in the topic."""
        if self.rng.random() < self.trouble.failed:
            if self.rng.random() < self.trouble.torn:
                left = self.rng.sample(ids, self.rng.randint(0, len(ids)))
                self.topic += left
                self.tail += left
            self.restore()
            return
        self.topic += ids
        self.tail.clear()
        self.saved = encode_checkpoint(
            replace(
                decode_checkpoint(self.saved),
                head=self.holes.head,
                holes=self.holes.snapshot(),
                backfills=self.backfills.snapshot(),
            )
        )

    def poll(self) -> None:
        plan = self.holes.plan(self.now)
        rows, reach = self.site.answer(plan, self.now)
        found = self.holes.observe(rows, plan, now=self.now, reach=reach).found
        if found:
            for event in found:
                assert (self.backfills.job_of(event.id) is None) == self.is_live(event.id)
            self.commit([event.id for event in found])

    def is_live(self, number: int) -> bool:
        return number > self.start_head or any(first <= number <= last for first, last in self.initial)

    def work(self, jobs: list[tuple[int, int]]) -> None:
        """One step of the backfill that runs, or the beginning of the next one."""
        running = self.backfills.running
        if running is None:
            if self.begun < len(jobs):
                entry = self.backfills.begin(f"job{self.begun}", *jobs[self.begun])
                assert entry.is_over == (self.backfills.left == 0)
                self.commit([])
                self.begun = len(self.backfills.snapshot())
            return
        if self.rng.random() < self.trouble.cancelled:
            self.backfills.cancel(running.job)
            self.commit([])
            return
        first, last = next(iter(self.backfills.segments()))
        rows, until = self.site.between(first, min(last, first + self.rng.randint(0, 200)), self.now)
        left = self.backfills.left
        taken = self.backfills.take(first, until, rows)
        assert self.backfills.left == left - (until - first + 1)
        assert self.holes.miss(taken.missing, now=self.now) == ()
        self.commit(list(taken.ids))

    def expected(self, visible: dict[int, float]) -> set[int]:
        covered = [(job.first, job.next_id - 1) for job in self.backfills.snapshot()]
        return {
            number
            for number in visible
            if self.is_live(number) or any(first <= number <= last for first, last in covered)
        }


@FAST
@given(SHAPES, TROUBLES, st.lists(st.tuples(st.integers(0, 1_200), st.integers(0, 1_500)), max_size=4))
def test_stream_and_backfills_publish_every_visible_event_exactly_once(
    shape: Shape, trouble: Trouble, jobs: list[tuple[int, int]]
) -> None:
    visible = write_log(replace(shape, events=min(shape.events, 150)))
    rng = random.Random(shape.seed)
    if trouble.is_deep:
        visible[max(visible, default=0) + FAR] = START + rng.uniform(0, 60)
    model = Model(visible, shape.page, trouble, rng)
    end = max(visible.values(), default=START)
    for _ in range(20_000):
        rng.choice([model.poll, lambda: model.work(jobs)])()
        is_idle = model.backfills.running is None and model.begun == len(jobs)
        if (
            model.now > end
            and is_idle
            and not model.tail
            and len(model.topic) >= len(model.expected(visible))
        ):
            break
        model.now += rng.choice([0.25, 1.0, 600.0])
    assert sorted(model.topic) == sorted(model.expected(visible))
