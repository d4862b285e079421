"""When which member owned which partition, as the members' own logs tell it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone

GAVE_UP, LOST, KILLED, RUNNING = "gave up", "lost", "killed", "running"

_LINE = re.compile(r"^(?P<time>\S+Z) \w+ +shotgun_consumer\.[\w.]+: Group (?P<group>[^:]+): (?P<said>.*)$")
_ASSIGNED = re.compile(r"\[(\d+)\] from offset (\d+)")
_PARTITION = re.compile(r"\[(\d+)\]")
_NEVER = 2**63
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(slots=True, eq=False)
class Life:
    """One partition in one member, from its assignment to its end. Times are nanoseconds of the machine's clock.

    `clean` tells that nothing of it may be repeated: all that had run was committed when it was given up.
    """

    pid: int
    group: str
    partition: int
    offset: int
    begun: int
    over: int = _NEVER
    how: str = RUNNING
    clean: bool = True
    was_put_out: bool = False


@dataclass(slots=True)
class Lives:
    """All lives, those of each member and partition in their order."""

    by_member: dict[tuple[int, str, int], list[Life]] = field(default_factory=dict)

    def read(self, pid: int, log: str, killed_at: int | None) -> None:
        """Take in all that one member has said."""
        open_lives: dict[tuple[str, int], Life] = {}
        for line in log.splitlines():
            found = _LINE.match(line)
            if found is not None:
                self._take(pid, open_lives, _nanoseconds(found["time"]), found["group"], found["said"])
        for life in open_lives.values():
            if killed_at is not None:
                life.over, life.how, life.clean = killed_at, KILLED, False

    def of(self, pid: int, group: str, partition: int, at: int) -> Life | None:
        """The life in which this member has begun an event at this time."""
        lives = self.by_member.get((pid, group, partition), [])
        # The last one that had begun: times in logs are rounded down, so an event is never before its life.
        return next((life for life in reversed(lives) if life.begun <= at), None)

    def others_begun(self, life: Life, before: int) -> bool:
        """Whether another member had taken over the partition meanwhile."""
        return any(
            life.begun < other.begun < before
            for (pid, group, partition), lives in self.by_member.items()
            if (group, partition) == (life.group, life.partition) and pid != life.pid
            for other in lives
        )

    def _take(
        self, pid: int, open_lives: dict[tuple[str, int], Life], at: int, group: str, said: str
    ) -> None:
        if said.startswith("assigned "):
            for partition, offset in _ASSIGNED.findall(said):
                life = Life(pid, group, int(partition), int(offset), at)
                open_lives[group, int(partition)] = life
                self.by_member.setdefault((pid, group, int(partition)), []).append(life)
        elif said.startswith(("gave up ", "lost ")):
            for partition in _partitions(said):
                life = open_lives.pop((group, partition), None)  # type: ignore[arg-type]
                if life is not None:
                    # Whoever was put out of the group while it slept may be asked to give up before it is told so.
                    how = LOST if life.was_put_out or said.startswith("lost ") else GAVE_UP
                    life.over, life.how, life.clean = at, how, life.clean and how == GAVE_UP
        elif "Kafka did not take its position" in said or "it is not waited for any longer" in said:
            # A refusal is said once, not for each partition.
            for (name, _), life in open_lives.items():
                if name == group:
                    life.clean = False
                    life.was_put_out = life.was_put_out or "UNKNOWN_MEMBER_ID" in said


def _nanoseconds(time: str) -> int:
    since = datetime.fromisoformat(time.replace("Z", "+00:00")) - _EPOCH
    return since // timedelta(microseconds=1) * 1_000


def _partitions(said: str) -> Iterable[int]:
    return map(int, _PARTITION.findall(said))


@dataclass(frozen=True, slots=True)
class Place:
    """Where a group stands in a partition: its position, and what its marks say had ended ahead."""

    offset: int
    top: int = -1
    unfinished: frozenset[int] = frozenset()

    def covers(self, offset: int) -> bool:
        """Whether the event at this offset would not be run again from here."""
        ahead = self.offset < offset <= self.top and offset not in self.unfinished
        return offset < self.offset or ahead


Snapshot = Mapping[str, Mapping[int, Place]]
"""The places of each group, by partition."""


@dataclass(frozen=True, slots=True)
class Kill:
    """The end of a member by SIGKILL; `snapshot` is what Kafka held right after it, None when nobody could tell."""

    pid: int
    at: int
    snapshot: Snapshot | None
