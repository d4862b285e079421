"""The audit against a model of site, topic and producer that never stand still while it looks."""

from __future__ import annotations

import random
import threading
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import cast

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shotgun_producer.audit.id_set import BLOCK
from shotgun_producer.audit.judgment import Beginning, Findings, Ledger, Snapshot
from shotgun_producer.audit.round import AuditRound, Sources, Summary
from shotgun_producer.audit.topic_index import TopicIndex
from shotgun_producer.event_log import EventLog
from shotgun_producer.holes import NEAR_IDS, Holes
from shotgun_producer.log_reader import LogReader
from shotgun_producer.page import Page, Row, read_page

START = 1_800_000_000.0
FIRST = BLOCK - 60
NO_READER = cast(LogReader, None)


@dataclass(frozen=True)
class Shape:
    seed: int
    late: float
    dead: float
    is_deep: bool
    is_filtered: bool


SHAPES = st.builds(
    Shape,
    seed=st.integers(0, 2**32),
    late=st.sampled_from([0.0, 0.2, 0.6]),
    dead=st.sampled_from([0.0, 0.1]),
    is_deep=st.booleans(),
    is_filtered=st.booleans(),
)
MANY = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])


class World:
    """A site, a topic and the producer between them. Every look at one of them lets the others move on."""

    def __init__(self, shape: Shape) -> None:
        self.rng = random.Random(shape.seed)
        self.shape = shape
        self.now = START
        self.visible: dict[int, float] = {}
        self._sorted: list[int] = []
        self.pending: list[int] = []
        self.hidden: set[int] = set()
        self.topic: list[int] = []
        self.holes = Holes(FIRST - 1)
        self.findings: list[Findings] = []
        self.next_id = FIRST
        self.is_busy, self.page_size = True, 25
        for _ in range(4):
            self.write(30)
            self.poll()
        if shape.is_deep:
            # From now on what is missing so far lies deep, and is cold after ten minutes.
            self.next_id += NEAR_IDS + 1_000
            self.write(1)
            self.poll()
            self.now += 1_000
            self.poll()

    def wants(self, row: Row) -> bool:
        return not self.shape.is_filtered or row["id"] % 5 != 0

    def write(self, count: int) -> None:
        for number in range(self.next_id, self.next_id + count):
            if self.rng.random() < self.shape.late:
                self.pending.append(number)
            elif self.rng.random() >= self.shape.dead:
                self.visible[number] = self.now
        self.next_id += count

    def commit(self, count: int) -> None:
        self.rng.shuffle(self.pending)
        for number in self.pending[:count]:
            self.visible[number] = self.now
        del self.pending[:count]

    def shown(self, first: int, last: int) -> list[int]:
        """The visible ids of a range, as they are now."""
        if len(self._sorted) != len(self.visible):
            self._sorted = sorted(self.visible)
        ids = self._sorted[bisect_left(self._sorted, first) : bisect_right(self._sorted, last)]
        return [number for number in ids if number not in self.hidden]

    def page(self, ids: Sequence[int]) -> Page:
        """As many of these rows as the site sends at once."""
        rows: list[Row] = []
        for number in ids[: self.page_size]:
            created = datetime.fromtimestamp(self.visible[number], timezone.utc)
            rows.append({"id": number, "created_at": created.strftime("%Y-%m-%dT%H:%M:%SZ")})
        return read_page(rows, self.page_size)

    def poll(self) -> None:
        """One poll of the producer, and the transaction that follows; it serves the audit as a session does."""
        plan = self.holes.plan(self.now)
        wanted = [number for first, last in plan.ranges for number in self.shown(first, last)]
        page = self.page(sorted({*wanted, *self.shown(plan.above + 1, self.next_id)}))
        found = self.holes.observe(page.sightings, plan, now=self.now, reach=page.reach).found
        self.topic += [event.id for event in found if self.wants({"id": event.id})]
        for findings in self.findings:
            findings.apply(self.holes, self.now)
        self.findings.clear()

    def move(self) -> None:
        """What happens while the audit waits for an answer."""
        if not self.is_busy:
            return
        for _ in range(self.rng.randrange(3)):
            step = self.rng.randrange(4)
            if step == 0:
                self.write(self.rng.randrange(15))
            elif step == 1:
                self.commit(self.rng.randrange(10))
            else:
                self.now += self.rng.choice([0.1, 1.0])
                self.poll()

    def snapshot(self) -> Snapshot:
        self.move()
        self.poll()  # the session gives what it has between two polls, when it has taken the findings
        return Snapshot(self.holes.head, self.holes.snapshot())

    def catch_up(self) -> None:
        """Nothing new comes, and the producer has read what it looks for."""
        self.is_busy, self.page_size = False, 500
        for _ in range(20):
            self.now += 1_000
            self.poll()

    def settle(self) -> None:
        """Everything has come and is shown, and the producer has read what it looks for."""
        self.hidden.clear()
        self.commit(len(self.pending))
        self.catch_up()


class WorldLog(EventLog):
    """The questions of the audit, answered by the world."""

    def __init__(self, world: World) -> None:
        self._world = world

    def now(self) -> float:
        return self._world.now

    def newest_id(self) -> int | None:
        self._world.move()
        return max(self._world.shown(0, self._world.next_id), default=None)

    def first_id_since(self, moment: datetime, until: datetime | None = None) -> int | None:
        self._world.move()
        return FIRST

    def count_between(self, first: int, last: int) -> int:
        self._world.move()
        count = len(self._world.shown(first, last))
        self._world.move()
        return count

    def pages_between(self, first: int, last: int, fields: Sequence[str]) -> Iterator[Page]:
        while True:
            self._world.move()
            page = self._world.page(self._world.shown(first, last))
            yield page
            if page.reach is None:
                return
            first = page.reach + 1


class WorldIndex(TopicIndex):
    """The topic of the world."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        super().__init__("events", 1, ledger.topic, threading.Event())
        self._world = world
        self._ledger = ledger

    def begin(self, reader: LogReader, moment: float) -> None:
        self._ends = [0]

    def read_on(self, reader: LogReader) -> None:
        self._world.move()
        end = len(self._world.topic)
        self._world.move()
        for number in self._world.topic[self._ends[0] : end]:
            self._ledger.topic.add(number)
        self._ends = [end]

    def complete(self, reader: LogReader) -> bool:
        return False

    def cut(self, reader: LogReader) -> int:
        return 0


class Audits:
    """All audits of one session; keeps what they found."""

    def __init__(self, world: World, beginning: Beginning | None = None) -> None:
        self._world = world
        self._beginning = beginning or Beginning(FIRST - 1, ())
        self.ledger = Ledger(self._beginning)
        self._index = WorldIndex(world, self.ledger)
        self.missing: set[int] = set()
        self.forgotten: set[int] = set()

    def run(self) -> Summary:
        world = self._world
        sources = Sources(world.snapshot, WorldLog(world), NO_READER, world.wants)
        return AuditRound(
            sources, self._beginning, self.ledger, self._index, self._take, threading.Event(), pause=0.0
        ).run()

    def _take(self, found: Findings) -> None:
        self._world.findings.append(found)
        for into, ranges in ((self.missing, found.missing), (self.forgotten, found.forgotten)):
            into.update(number for lost in ranges for number in range(lost.first, lost.last + 1))
        self._world.move()


def expected(world: World) -> list[int]:
    return sorted(number for number in world.visible if world.wants({"id": number}))


@MANY
@given(SHAPES, st.integers(1, 6))
def test_whatever_happens_meanwhile_a_stream_without_loss_raises_no_alarm(shape: Shape, rounds: int) -> None:
    world = World(shape)
    audits = Audits(world)
    for _ in range(rounds):
        summary = audits.run()
        assert (summary.losses, summary.hidden, summary.newly_hidden) == (0, 0, 0)
    assert not audits.missing | audits.forgotten
    world.settle()
    audits.run()
    world.catch_up()  # what the audit found in cold holes
    assert sorted(world.topic) == expected(world)


@MANY
@given(SHAPES, st.integers(1, 3))
def test_what_the_holes_or_the_topic_have_lost_comes_back_once(shape: Shape, rounds: int) -> None:
    # Given a producer that has forgotten some holes, and a topic that has lost some records
    world = World(shape)
    forgotten = {hole for hole in world.holes.snapshot() if world.rng.random() < 0.5}
    world.holes = Holes(world.holes.head, [hole for hole in world.holes.snapshot() if hole not in forgotten])
    gone = {number for number in world.topic if world.rng.random() < 0.1}
    world.topic = [number for number in world.topic if number not in gone]

    # When there are audits on a busy site, and one when it has become quiet
    audits = Audits(world)
    for _ in range(rounds):
        audits.run()
    world.settle()
    for _ in range(2):
        audits.run()
        world.settle()

    # Then everything is in the topic once, and nothing else was said to be lost
    assert sorted(world.topic) == expected(world)
    lost = {number for hole in forgotten for number in range(hole.first, hole.last + 1)} | gone
    assert audits.missing | audits.forgotten <= lost
    assert gone <= audits.missing
    last = audits.run()
    assert (last.examined, last.losses, last.hidden) == (0, 0, 0)


@MANY
@given(SHAPES, st.integers(1, 4))
def test_rows_that_are_hidden_for_a_while_are_counted_and_never_doubled(shape: Shape, rounds: int) -> None:
    world = World(shape)
    audits = Audits(world)
    audits.run()
    for _ in range(rounds):
        known = sorted(world.visible)
        world.hidden = set(world.rng.sample(known, len(known) // 3))
        read = set(world.topic) & world.hidden
        audits.run()
        # A count may come out right by chance while rows come and others go; not when all that came is read.
        world.catch_up()
        assert audits.run().hidden >= len(read)
        if not shape.is_filtered:
            assert not audits.missing | audits.forgotten
        world.hidden = set()
        world.catch_up()
        assert audits.run().hidden == 0
        world.is_busy, world.page_size = True, 25
    world.settle()
    audits.run()
    world.catch_up()  # what the audit found in cold holes
    assert sorted(world.topic) == expected(world)


@MANY
@given(SHAPES)
def test_what_was_visible_before_the_stream_began_is_never_published(shape: Shape) -> None:
    world = World(shape)
    before = set(world.topic)
    began = Beginning(world.holes.head, tuple((hole.first, hole.last) for hole in world.holes.snapshot()))
    world.topic = []
    audits = Audits(world, began)
    audits.run()
    world.hidden = set(sorted(before)[::2])
    audits.run()
    world.settle()
    audits.run()
    assert not audits.missing | audits.forgotten
    assert not before & set(world.topic)
    assert len(world.topic) == len(set(world.topic))
