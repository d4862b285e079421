"""What the journals must show after the chaos. Functions return what is wrong, in words; nothing when all is well."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from consumer_journal import BEGIN, Entry, Plugin, is_last
from consumer_lives import KILLED, LOST, Kill, Life, Lives

MOST_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Record:
    """Where an event lies in the topic, and whose it is."""

    partition: int
    offset: int
    entity: str


@dataclass(slots=True, eq=False)
class Run:
    """One member runs one event, its retries included. `life` is the assignment in which it does.

    `waits` tells that it has failed and would be tried again in any case.
    """

    event: int
    record: Record
    pid: int
    begun: int
    life: Life | None
    waits: bool = False


@dataclass(slots=True)
class Story:
    """One plugin's journal, told as runs.

    `overlaps` are runs of one lane side by side, `early` those that began before an earlier event of it had ended.
    """

    plugin: Plugin
    group: str
    runs: dict[int, list[Run]] = field(default_factory=lambda: defaultdict(list))
    over: set[int] = field(default_factory=set)
    unknown: set[int] = field(default_factory=set)
    early: list[Run] = field(default_factory=list)
    overlaps: list[tuple[Run, Run]] = field(default_factory=list)

    def count(self) -> str:
        """Figures for people."""
        runs = sum(map(len, self.runs.values()))
        return f"{self.plugin.name}: {len(self.over)} events ended, {runs - len(self.runs)} began again"


def tell(
    plugin: Plugin,
    group: str,
    entries: Iterable[Entry],
    records: Mapping[int, Record],
    lives: Lives,
    kills: Sequence[Kill],
) -> Story:
    """Follow the journal from its beginning to its end."""
    story = Story(plugin, group)
    lanes = _Lanes(plugin, records)
    killed = {kill.pid: kill.at for kill in kills}
    open_runs: dict[object, dict[tuple[int, int], Run]] = defaultdict(dict)
    for entry in entries:
        record = records.get(entry.event)
        if record is None:
            story.unknown.add(entry.event)
            continue
        key, in_lane = (entry.pid, entry.event), open_runs[lanes.of(record)]
        run = in_lane.get(key)
        if entry.what == BEGIN:
            life = lives.of(entry.pid, group, record.partition, entry.at)
            if run is not None and run.waits and run.life is life:
                run.waits = False  # another try
                continue
            for ceased in [k for k, other in in_lane.items() if _has_ceased(other, killed, entry.at)]:
                del in_lane[ceased]
            run = Run(entry.event, record, entry.pid, entry.at, life)
            story.overlaps += [(other, run) for other in in_lane.values()]
            if not lanes.may_begin(record):
                story.early.append(run)
            story.runs[entry.event].append(run)
            in_lane[key] = run
        elif run is not None:
            run.waits = not is_last(entry, plugin)
            if not run.waits:
                del in_lane[key]
                story.over.add(entry.event)
                lanes.end(entry.event)
    return story


def _has_ceased(run: Run, killed: Mapping[int, int], now: int) -> bool:
    """Whether an open run is none any more: its member was killed, or gave it up while it waited for another try."""
    given_up = run.waits and run.life is not None and run.life.over <= now
    return given_up or killed.get(run.pid, now) < now


class _Lanes:
    """Which events of a lane have ended, counted from its first."""

    def __init__(self, plugin: Plugin, records: Mapping[int, Record]) -> None:
        self._by_entity = plugin.by_entity
        self._events: dict[object, list[int]] = defaultdict(list)
        self._index: dict[int, int] = {}
        self._records = records
        self._ended: set[int] = set()
        self._first_open: dict[object, int] = defaultdict(int)
        for event, record in sorted(records.items(), key=lambda pair: pair[1].offset):
            lane = self._events[self.of(record)]
            self._index[event] = len(lane)
            lane.append(event)
        self._event_at = {(r.partition, r.offset): event for event, r in records.items()}

    def of(self, record: Record) -> object:
        return (record.partition, record.entity) if self._by_entity else record.partition

    def may_begin(self, record: Record) -> bool:
        """Whether every earlier event of the lane has ended."""
        event = self._event_at[record.partition, record.offset]
        return self._index[event] <= self._first_open[self.of(record)]

    def end(self, event: int) -> None:
        self._ended.add(event)
        lane = self.of(self._records[event])
        events, first = self._events[lane], self._first_open[lane]
        while first < len(events) and events[first] in self._ended:
            first += 1
        self._first_open[lane] = first


def lost_events(story: Story, records: Mapping[int, Record]) -> list[str]:
    """Every event that is in the topic was run to its end, and no other was ever seen."""
    missing = sorted(set(records) - story.over)
    wrong = [f"{story.group}: {len(missing)} events never ended: {_some(missing)}"] if missing else []
    if story.unknown:
        wrong.append(f"{story.group}: events that were never committed: {_some(sorted(story.unknown))}")
    return wrong


def disorder(story: Story, lives: Lives, troubled: Sequence[tuple[int, int]]) -> list[str]:
    """No event began before an earlier one of its lane had ended, and two of a lane never ran side by side.

    Only a member that had lost its partition without knowing it may still run what another one already runs.
    `troubled` are the times in which that may happen to a member that was killed before it could say so.
    """
    wrong = [f"{story.group}: began before an earlier one had ended: {_shown(run)}" for run in story.early]
    for older, younger in story.overlaps:
        excused = _was_lost(older, troubled) or _is_late(younger, lives)
        if not excused:
            wrong.append(f"{story.group}: side by side in one lane: {_shown(older)} and {_shown(younger)}")
    return wrong[:MOST_SHOWN]


def repeats(story: Story, lives: Lives, kills: Sequence[Kill], max_uncommitted: int) -> list[str]:
    """What ran again had not been acknowledged when its member was killed or lost its partition; at most so many."""
    bound = max_uncommitted + story.plugin.concurrency - 1
    snapshots = {kill.pid: kill.snapshot for kill in kills}
    wrong: list[str] = []
    causes: dict[tuple[int, int], set[int]] = defaultdict(set)
    for event, runs in story.runs.items():
        for number, run in enumerate(runs[1:], 1):
            if all(earlier.waits for earlier in runs[:number]):
                continue  # another try, only in another place
            life = _cause(run, runs[:number], lives)
            if life is None or life.clean:
                earlier = ", ".join(map(_shown, runs[:number]))
                wrong.append(f"{story.group}: repeated without a reason: {_shown(run)}, after {earlier}")
                continue
            causes[life.pid, life.over].add(event)
            # Where another member has gone on meanwhile, the snapshot tells what that one has done.
            told = life.how == KILLED and not lives.others_begun(life, life.over)
            snapshot = snapshots.get(life.pid) if told else None
            place = (snapshot or {}).get(story.group, {}).get(run.record.partition)
            if place is not None and place.covers(run.record.offset):
                wrong.append(f"{story.group}: repeated although it was acknowledged: {_shown(run)}")
    for (pid, _), events in causes.items():
        if len(events) > bound:
            wrong.append(f"{story.group}: {len(events)} repeats after the end of {pid}, more than {bound}")
    return wrong[:MOST_SHOWN]


def unacknowledged(story: Story, kills: Sequence[Kill], max_uncommitted: int) -> list[str]:
    """What had begun in a member that was killed and was not acknowledged is within the bound, repeated or not."""
    bound = max_uncommitted + story.plugin.concurrency - 1
    wrong = []
    for kill in kills:
        places = (kill.snapshot or {}).get(story.group, {})
        events = {
            run.event
            for runs in story.runs.values()
            for run in runs
            if not run.waits and run.life is not None
            if (run.life.pid, run.life.over) == (kill.pid, kill.at)
            if run.record.partition in places and not places[run.record.partition].covers(run.record.offset)
        }
        if len(events) > bound:
            wrong.append(
                f"{story.group}: {len(events)} not acknowledged when {kill.pid} was killed, > {bound}"
            )
    return wrong


def _cause(run: Run, earlier: Sequence[Run], lives: Lives) -> Life | None:
    """The life whose end made this run a repeat; None when it belongs to no assignment."""
    if _is_late(run, lives):
        return run.life
    known = [one.life for one in earlier if one.life is not None and not one.waits]
    return max(known, key=lambda life: life.begun, default=None) if run.life is not None else None


def _is_late(run: Run, lives: Lives) -> bool:
    """Whether another member had taken over when this one began the event: it did not know yet."""
    return run.life is not None and not run.life.clean and lives.others_begun(run.life, run.begun)


def _was_lost(run: Run, troubled: Sequence[tuple[int, int]]) -> bool:
    life = run.life
    if life is None or life.how not in (LOST, KILLED):
        return False
    return life.how == LOST or any(begun <= life.over <= over for begun, over in troubled)


def _shown(run: Run) -> str:
    life = "no assignment" if run.life is None else f"from {run.life.offset}, {run.life.how}"
    place = f"[{run.record.partition}]@{run.record.offset} {run.record.entity}"
    return f"event {run.event} {place} in {run.pid} ({life}) at {run.begun / 1e9:.3f}"


def _some(events: Sequence[int]) -> str:
    return ", ".join(map(str, events[:MOST_SHOWN])) + ("…" if len(events) > MOST_SHOWN else "")
