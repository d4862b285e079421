"""How long a row that the site shows waits until it is found, by where it turns up: a simulation without I/O.

The real `Holes` and `Hold` of the producer run against a model of a site, on a virtual clock: 16 writers draw ids from
blocks of 33, some rows appear late, some ids never, and after every 5,000 events a batch of 500 to 1,000 rows is held
back for 48 s. One request a second, at most 500 rows a page; a full page that brought something is followed by the
next one at once. Requests take no time here: what they take comes on top.
Run: python benchmarks/holes.py
The same seed gives the same tables.
"""

from __future__ import annotations

import argparse
import json
import random
from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from sortedcontainers import SortedList

from shotgun_producer.hold import Hold
from shotgun_producer.holes import HOT_SECONDS, NEAR_IDS, Holes, Plan, Sighting, missing_ranges
from shotgun_schemas.checkpoint import Hole
from shotgun_schemas.hole_ranges import encode_holes

START = 1_700_000_000.0
PAGE = 500
BATCH_EVERY = 5_000
BATCH_ROWS = (500, 1_000)
BATCH_SECONDS = 48.0
USUAL_SECONDS = 0.3  # from drawing an id to the row being visible
PAST = 12_000  # events before the first poll, or those of ten minutes: the holes are as on a site of old
SETTLING = 70.0  # seconds that are not measured
RATES = (0.09, 0.9, 20.0, 200.0)
DEAD = (0.0, 0.01)
HOLDS = (0.0, 2.0, 10.0, 60.0)
LATE_BY = {"30 min": 1_800.0, "6 h": 21_600.0, "3 days": 259_200.0}
SAMPLES = 100  # rows of each lateness

Table = list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Studio:
    """A site's habits. `rate` in events a second, `late` and `dead` as shares, times in seconds."""

    rate: float
    dead: float = 0.0
    late: float = 0.03
    late_seconds: float = 60.0
    block: int = 33
    writers: int = 16

    @property
    def past(self) -> float:
        """Seconds before the first poll."""
        return max(PAST / self.rate, HOT_SECONDS)


@dataclass(frozen=True, slots=True)
class Row:
    """A row of the model: when its id was drawn, and when it can be seen."""

    id: int
    created: float
    visible: float


def live(studio: Studio, rng: random.Random, events: int) -> Iterator[Row]:
    """The rows of so many events in the order of drawing, from before `START` on; no dead ones."""
    following = 1
    blocks: list[list[int]] = [[] for _ in range(studio.writers)]
    now = START - studio.past
    for number in range(events):
        now += rng.expovariate(studio.rate)
        if number % BATCH_EVERY == BATCH_EVERY - 1:
            batch = range(following, following + rng.randint(*BATCH_ROWS))
            following = batch.stop
            yield from (Row(one, now, now + BATCH_SECONDS) for one in batch)
        block = rng.choice(blocks)
        if not block:
            block += reversed(range(following, following + studio.block))
            following += studio.block
        drawn = block.pop()
        is_late = rng.random() < studio.late
        delay = rng.uniform(0, studio.late_seconds if is_late else USUAL_SECONDS)
        if rng.random() >= studio.dead:
            yield Row(drawn, now, now + delay)


class Site:
    """Shows rows when they are due. Those that were found are taken away: they are asked for no more."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._coming = sorted(rows, key=lambda row: row.visible, reverse=True)
        self._shown: SortedList[int] = SortedList()
        self.rows = {row.id: row for row in rows}

    def next_due(self) -> float | None:
        """When the next row becomes visible."""
        return self._coming[-1].visible if self._coming else None

    def answer(self, plan: Plan, now: float) -> tuple[list[Sighting], int | None]:
        """One page."""
        while self._coming and self._coming[-1].visible <= now:
            self._shown.add(self._coming.pop().id)
        firsts = [first for first, _ in plan.ranges]
        page: list[Sighting] = []
        for number in self._shown:
            at = bisect_right(firsts, number) - 1
            if number > plan.above or (at >= 0 and number <= plan.ranges[at][1]):
                page.append(Sighting(number, self.rows[number].created))
                if len(page) == PAGE:
                    return page, number
        return page, None

    def is_waiting(self) -> bool:
        """Whether a row is visible that was not found."""
        return bool(self._shown)

    def found(self, number: int) -> None:
        """Takes a row away. Raises ValueError when it was taken away before."""
        self._shown.remove(number)


@dataclass(slots=True)
class Tally:
    """What was measured: delays in seconds by where the row turned up, and the cost of it."""

    above: list[float]
    hot: list[float]
    out_of_order: int
    ranges: list[int]
    checkpoint_bytes: int = 0

    @property
    def delays(self) -> list[float]:
        return self.above + self.hot


def follow(studio: Studio, seconds: float, seed: int, hold_seconds: float = 0.0) -> Tally:
    """Polls for so long after a settling time; every row that is visible at the end has been found once."""
    end = START + SETTLING + seconds
    events = int((studio.past + SETTLING + seconds) * studio.rate)
    rows = list(live(studio, random.Random(seed), events))
    holes = already_followed({row.id: row for row in rows if row.visible <= START})
    head = holes.head
    site = Site([row for row in rows if row.visible > START])
    hold = Hold(hold_seconds)
    tally = Tally([], [], 0, [])
    highest, now = head, START
    while now < end or site.is_waiting():
        plan = holes.plan(now)
        page, reach = site.answer(plan, now)
        before = holes.head
        seen = holes.observe(hold.release(page, before, now), plan, now=now, reach=reach).found
        is_measured = START + SETTLING <= now < end
        for event in seen:
            site.found(event.id)
            if is_measured:
                delays = tally.above if event.id > before else tally.hot
                delays.append(now - site.rows[event.id].visible)
                tally.out_of_order += event.id < highest
            highest = max(highest, event.id)
        if is_measured:
            tally.ranges.append(len(plan.ranges))
        if seen and reach is not None:
            continue
        now = _next_poll(now, site, holes)
    tally.checkpoint_bytes = len(encode_holes(holes.snapshot()))
    return tally


def already_followed(past: Mapping[int, Row]) -> Holes:
    """What is known of rows that were visible before the start: each hole was noticed with the row behind it."""
    head = max(past)
    noticed = {last: int(past[last + 1].visible) for _, last in missing_ranges(1, head, past)}
    return Holes(
        head,
        [Hole(first, last, noticed[last], noticed[last]) for first, last in missing_ranges(1, head, past)],
    )


def _next_poll(now: float, site: Site, holes: Holes) -> float:
    """A second later; polls that would ask for everything and find nothing are left out, they change nothing."""
    due = site.next_due()
    if site.is_waiting() or due is None or holes.hot >= 190:
        return now + 1.0
    return max(now + 1.0, now + float(int(due - now)))


def late_rows(rate: float, late_by: float, seed: int) -> tuple[list[float], float]:
    """Delays of rows that appear so late (give or take a fifth), each alone; and the share whose hole was cold.

    Between polls the head moves on as if the stream were dense: as the producer does when it is restarted.
    """
    rng = random.Random(seed)
    spread = 3_600.0
    drawn = sorted(rng.uniform(0, spread) for _ in range(SAMPLES))
    samples = [
        Row(2 * at + NEAR_IDS, START + moment, START + moment + late_by * rng.uniform(0.8, 1.2))
        for at, moment in enumerate(drawn)
    ]
    site, ahead = Site(samples), iter(samples)
    holes, now, upcoming = Holes(NEAR_IDS - 1), START, next(ahead)
    delays: list[float] = []
    cold = 0
    while len(delays) < SAMPLES:
        head = max(holes.head, NEAR_IDS + 2 * SAMPLES + int((now - START) * rate))
        known = list(holes.snapshot())
        while upcoming is not None and upcoming.created <= now:
            known.append(Hole(upcoming.id, upcoming.id, int(upcoming.created), int(upcoming.created)))
            upcoming = next(ahead, None)
        holes = Holes(head, known)
        plan = holes.plan(now)
        page, reach = site.answer(plan, now)
        cold_ids = {hole.first for hole in holes.snapshot() if hole.interval}
        for event in holes.observe(page, plan, now=now, reach=reach).found:
            site.found(event.id)
            delays.append(now - site.rows[event.id].visible)
            cold += event.id in cold_ids
        longest = 60 if holes.hot or upcoming is not None else 3_600
        now = _next_step(now, site, holes, longest)
    return delays, cold / SAMPLES


def _next_step(now: float, site: Site, holes: Holes, longest: int) -> float:
    """The next full second in which something can happen, at most so far away."""
    moments = [hole.probed + hole.interval for hole in holes.snapshot() if hole.interval]
    due = site.next_due()
    if holes.hot and (due is not None or site.is_waiting()):
        moments.append(now if site.is_waiting() else due or now)
    return now + max(1, min(longest, int(min([*moments, now + longest]) - now) + 1))


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least so many are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


def span(seconds: float) -> str:
    """A time in words of one unit."""
    if seconds < 100:
        return f"{seconds:.1f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"


def _delays(values: Sequence[float]) -> dict[str, str]:
    if not values:
        return dict.fromkeys(("p50", "p90", "p99", "max"), "")
    return {
        "p50": span(quantile(values, 0.5)),
        "p90": span(quantile(values, 0.9)),
        "p99": span(quantile(values, 0.99)),
        "max": span(max(values)),
    }


def _seconds(rate: float, events: int) -> float:
    """The time of so many events, and not less than 100 seconds."""
    return max(100.0, events / rate)


def tiers(seed: int) -> Table:
    """Rows above the head, and rows that fill a hot hole."""
    table: Table = []
    for rate in RATES:
        for dead in DEAD:
            tally = follow(Studio(rate, dead), _seconds(rate, 1_500), seed)
            count = len(tally.delays)
            for name, delays in (("above the head", tally.above), ("in a hot hole", tally.hot)):
                table.append(
                    {
                        "events/s": f"{rate:g}",
                        "dead ids": f"{dead:.0%}",
                        "a row turns up": name,
                        "share": f"{len(delays) / count:.0%}",
                        **_delays(delays),
                        "ranges a poll, mean": f"{sum(tally.ranges) / len(tally.ranges):.0f}",
                        "most": f"{max(tally.ranges)}",
                        "holes in the checkpoint": f"{tally.checkpoint_bytes:,} bytes",
                    }
                )
    return table


def late(seed: int) -> Table:
    """Rows that appear very late."""
    return [
        {"events/s": f"{rate:g}", "late by": name, "in a cold hole": f"{cold:.0%}", **_delays(delays)}
        for rate in RATES
        for name, seconds in LATE_BY.items()
        for delays, cold in [late_rows(rate, seconds, seed)]
    ]


def holds(seed: int) -> Table:
    """Order bought with delay."""
    studios = {
        "0.9/s, blocks of 33": (Studio(0.9), 500),
        "20/s, blocks of 33": (Studio(20.0), 6_000),
        "200/s, blocks of 33": (Studio(200.0), 6_000),
        "20/s, single ids": (Studio(20.0, block=1), 6_000),
    }
    table: Table = []
    for name, (studio, events) in studios.items():
        for dead in DEAD:
            for hold in HOLDS:
                tally = follow(replace(studio, dead=dead), _seconds(studio.rate, events), seed, hold)
                delays = tally.delays
                table.append(
                    {
                        "site": name,
                        "dead ids": f"{dead:.0%}",
                        "hold": f"{hold:g}s",
                        "out of order": f"{tally.out_of_order / len(delays):.1%}",
                        **_delays(delays),
                    }
                )
    return table


TABLES: dict[str, Callable[[int], Table]] = {"tiers": tiers, "late": late, "hold": holds}
TITLES = {
    "tiers": "Delay from visible to found",
    "late": "Delay of rows that appear very late",
    "hold": "Delay and order with `producer.hold`",
}


def show(table: Table) -> Iterator[str]:
    """The lines of a table in Markdown."""
    names = list(table[0])
    widths = {name: max(len(name), *(len(row[name]) for row in table)) for name in names}
    for row in (dict(zip(names, names, strict=True)), {name: "-" * widths[name] for name in names}, *table):
        yield "| " + " | ".join(row[name].ljust(widths[name]) for name in names) + " |"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", choices=tuple(TABLES), action="append")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    tables = {name: TABLES[name](options.seed) for name in options.only or TABLES}
    if options.json:
        print(json.dumps(tables))
        return
    for name, table in tables.items():
        print(f"{TITLES[name]}\n", *show(table), sep="\n", end="\n\n")


if __name__ == "__main__":
    main()
