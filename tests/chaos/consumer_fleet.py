"""The members under chaos, what is done to them, and a watch over what their groups commit meanwhile."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from confluent_kafka import Consumer, KafkaException, TopicPartition
from consumer_faults import Round
from consumer_journal import BEGIN, PLUGINS, Journal
from consumer_lives import Kill, Place, Snapshot
from consumer_stream import PARTITIONS, Publisher
from consumer_support import Member, Team
from support import PATIENCE, Process, wait_until

from shotgun_consumer.positions.marks import decode_marks
from shotgun_sandbox.broker import Broker

MAX_UNCOMMITTED = 20
HEALS_WITHIN = 400.0
"""Seconds until events flow again after a fault. After a kill of the broker (Kafka 4.1.1, "out of sync with the
underlying log") groups once stood still for more than 240: as if a request to join had got no answer, which
librdkafka repeats after `max.poll.interval.ms`, five minutes."""
LOOK_SECONDS = 5.0
LINES = 25


class Fleet:
    """Three members, started again when they were ended, and their four plugins."""

    def __init__(
        self, folder: Path, publisher: Publisher, spawn: Callable[..., Process], broker: Broker, seed: int
    ) -> None:
        self._broker = broker
        self._publisher = publisher
        self._seed = seed
        self.team = Team(folder, publisher.stream, spawn)
        self.journals = [Journal(plugin, folder / f"{plugin.name}.journal") for plugin in PLUGINS]
        self._versions = [0] * len(PLUGINS)
        self.kills: list[Kill] = []
        self.troubled: list[tuple[int, int]] = []
        self.started: list[Member] = []
        self.groups = [self.team.group(plugin.name) for plugin in PLUGINS]
        self._positions = Positions(self.team, self.groups)
        for number in range(len(PLUGINS)):
            self._write(number)
        self.members = [self._start() for _ in range(3)]

    def run(self, one: Round) -> None:
        """The disturbance from its begin to its end, and the kill in the middle of it."""
        begun = time.time_ns()
        {
            "kill": self._kill_one,
            "kill_all": self._kill_all,
            "freeze": self._freeze,
            "doze": self._doze,
            "join_and_leave": self._join_and_leave,
            "broker": self._restart_broker,
            "reload": self._reload,
            "broken_reload": self._broken_reload,
        }[one.disturbance](one)
        if one.disturbance in ("freeze", "doze", "broker"):
            self.troubled.append((begun, time.time_ns()))

    def wait_for_more(self, events: int, what: str) -> None:
        """Until the slowest plugin has ended so many events more."""
        goal = min(journal.count_over() for journal in self.journals) + events
        self._wait(lambda: all(journal.count_over() >= goal for journal in self.journals), what)

    def wait_for_flow(self, what: str) -> None:
        """Until each plugin has begun, from now on, an event of each partition."""
        for condition in [Everywhere(journal) for journal in self.journals]:
            self._wait(condition, what)

    def wait_for_all(self) -> None:
        """Until each plugin has ended all that was published."""
        goal = self._publisher.published
        for journal in self.journals:
            self._wait(lambda journal=journal: journal.count_over() >= goal, "all events end")  # type: ignore[misc]

    def end(self) -> list[int]:
        """End all members in an orderly way; their exit codes."""
        self._positions.close()
        for member in self.members:
            # One that was killed a moment ago may still be on its way to where it can end in an orderly way.
            member.wait_ready()
        for member in self.members:
            member.process.signal(signal.SIGTERM)
        return [member.process.wait() for member in self.members]

    def describe(self) -> str:
        """How far each plugin is, and what the members have said last of their groups."""
        lines = [f"{self._publisher.published} events published"]
        lines += [f"{journal.plugin.name}: {journal.count_over()} ended" for journal in self.journals]
        for member in self.members:
            process = member.process
            lines.append(f"--- {process.pid}, exit code {process.returncode}, in {process.stdout_file.name}")
            said = [line for line in process.stdout.splitlines() if " shotgun_" in line]
            lines += said[-LINES:]
        return "\n".join(lines)

    def logs(self) -> Iterator[tuple[int, str]]:
        """What all that were ever started have said, by process id."""
        for member in self.started:
            yield member.process.pid, f"{member.process.stdout}\n{member.process.stderr}"

    # What is done to them

    def _kill_one(self, one: Round) -> None:
        self._strike(one)

    def _kill_all(self, one: Round) -> None:
        killed = [member.process for member in self.members]
        for process in killed:
            process.signal(signal.SIGKILL)
        for process in killed:
            process.wait()
        self._note_kills(killed)
        self.members = [self._start() for _ in self.members]
        if one.blow_at is not None:
            _pass(one.seconds)
            self._strike(one)

    def _freeze(self, one: Round) -> None:
        """Longer than the session: until the others run what was its own."""
        frozen = self._pick(one)
        frozen.process.signal(signal.SIGSTOP)
        others = [Everywhere(journal, but=frozen.process.pid) for journal in self.journals]
        if one.blow_at is not None:
            _pass(one.seconds * one.blow_at)
            self._strike(one, but=frozen)
        for condition in others:
            self._wait(condition, "the others take over from a frozen member")
        frozen.process.signal(signal.SIGCONT)
        self.wait_for_flow("after a frozen member woke up")

    def _doze(self, one: Round) -> None:
        """Shorter than the session: nobody need notice."""
        frozen = self._pick(one)
        frozen.process.signal(signal.SIGSTOP)
        _pass(one.seconds)
        frozen.process.signal(signal.SIGCONT)
        if one.blow_at is not None:
            self._strike(one)

    def _join_and_leave(self, one: Round) -> None:
        newest = self._start()
        self.members.append(newest)
        shares = [Everywhere(journal, by=newest.process.pid, partitions=1) for journal in self.journals]
        if one.blow_at is not None:
            _pass(one.seconds * one.blow_at)
            self._strike(one, but=newest)
        for condition in shares:
            self._wait(condition, "a member that joins gets its share")
        leaver = self.members.pop(one.victim % len(self.members))
        assert leaver.process.terminate() == 0, leaver.process.describe()

    def _restart_broker(self, one: Round) -> None:
        if one.orderly:
            self._broker.stop()
        else:
            self._broker.kill()
        _pass(one.seconds * (one.blow_at or 0.0))
        if one.blow_at is not None:
            self._strike(one)
        self._broker.start()
        self.wait_for_flow("after a restart of the broker")

    def _reload(self, one: Round) -> None:
        number = one.plugin % len(PLUGINS)
        self._write(number)
        if one.blow_at is not None:
            self._strike(one)
        self._wait_for_version(number)

    def _broken_reload(self, one: Round) -> None:
        number = one.plugin % len(PLUGINS)
        old = list(self.members)
        name = PLUGINS[number].name
        self._replace(name, f"def registerCallbacks(reg:  # version {self._versions[number]}\n")
        for member in old:
            member.process.wait_for_line(rf"ERROR.*{name}\.py.*The version that was loaded last runs on")
        if one.blow_at is not None:
            _pass(one.seconds * one.blow_at)
            self._strike(one)
        self._write(number)
        self._wait_for_version(number)

    def _strike(self, one: Round, but: Member | None = None) -> None:
        number = one.victim % len(self.members)
        if self.members[number] is but:
            number = (number + 1) % len(self.members)
        process = self.members[number].process
        process.kill()
        self._note_kills([process])
        self.members[number] = self._start()

    def _note_kills(self, processes: list[Process]) -> None:
        at = time.time_ns()
        snapshot = self._positions.read(LOOK_SECONDS) if self._broker.pid is not None else None
        self.kills += [Kill(process.pid, at, snapshot) for process in processes]

    def _pick(self, one: Round) -> Member:
        return self.members[one.victim % len(self.members)]

    def _start(self) -> Member:
        member = self.team.run(
            max_uncommitted=MAX_UNCOMMITTED,
            plugins={"failing": {"retry_backoff": "20ms", "retry_backoff_max": "100ms"}},
        )
        self.started.append(member)
        return member

    def _write(self, number: int) -> None:
        self._versions[number] += 1
        plugin, journal = PLUGINS[number], self.journals[number]
        self._replace(plugin.name, plugin.source(journal.path, self._versions[number], self._seed))

    def _replace(self, name: str, text: str) -> None:
        # As an editor or a deployment does it: the file is there as a whole.
        new = self.team.folder / f"{name}.new"
        new.write_text(text, "utf-8")
        os.replace(new, self.team.folder / f"{name}.py")

    def _wait_for_version(self, number: int) -> None:
        version = self._versions[number]
        what = f"version {version} of {PLUGINS[number].name} takes over everywhere"
        self._wait(Everywhere(self.journals[number], version=version), what)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        def holds() -> bool:
            self._publisher.check()
            return condition() or self._ended() != []

        try:
            wait_until(holds, HEALS_WITHIN, what)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.describe()}") from None
        assert self._ended() == [], "a member ended that nobody had ended: " + "\n".join(self._ended())

    def _ended(self) -> list[str]:
        return [m.process.describe() for m in self.members if m.process.returncode is not None]


class Auditor:
    """Compares, at moments of the seed's choosing, what the groups have committed with what has really ended."""

    def __init__(self, fleet: Fleet, publisher: Publisher, rng: random.Random) -> None:
        self._fleet = fleet
        self._publisher = publisher
        self._rng = rng
        self._stopping = threading.Event()
        self._last = {(group, partition): 0 for group in fleet.groups for partition in range(PARTITIONS)}
        self.looks = 0
        self.marks = 0
        self.wrong: list[str] = []
        self._thread = threading.Thread(target=self._run, name="auditor", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, after a last look."""
        self._stopping.set()
        self._thread.join(PATIENCE)
        assert not self._thread.is_alive(), "the auditor does not end"

    def _run(self) -> None:
        positions = Positions(self._fleet.team, self._fleet.groups)
        try:
            while not self._stopping.wait(self._rng.uniform(0.05, 1.0)):
                snapshot = positions.read(LOOK_SECONDS)
                if snapshot is not None:
                    self._compare(snapshot)
                    self.looks += 1
        except BaseException as error:
            self.wrong.append(f"the auditor failed: {error!r}")
            raise
        finally:
            positions.close()

    def _compare(self, snapshot: Snapshot) -> None:
        # The journals are read after the positions: what was committed by then must have ended by then.
        for group, journal in zip(self._fleet.groups, self._fleet.journals, strict=True):
            over = journal.over()
            for partition, place in snapshot[group].items():
                last = self._last[group, partition]
                if place.offset < last:
                    self.wrong.append(f"{group}[{partition}]: went back from {last} to {place.offset}")
                self._last[group, partition] = place.offset
                self.marks += place.top > place.offset
                end = max(place.offset, place.top + 1)
                for offset, event in self._publisher.below(partition, end, last):
                    if place.covers(offset) and event not in over:
                        self.wrong.append(
                            f"{group}[{partition}]: {place} says that {event}@{offset} has ended"
                        )


class Everywhere:
    """Whether, since this was made, an event of each partition has begun.

    Counted are those in another process than `but`, in the process `by`, in this version or a later one; and so many
    `partitions` are enough.
    """

    def __init__(
        self, journal: Journal, *, by: int = 0, but: int = 0, version: int = 0, partitions: int = PARTITIONS
    ) -> None:
        self._journal = journal
        self._known = journal.count()
        self._by, self._but, self._version = by, but, version
        self._wanted = partitions
        self._partitions: set[int] = set()

    def __call__(self) -> bool:
        entries = self._journal.entries_behind(self._known)
        self._known += len(entries)
        self._partitions |= {
            entry.event % PARTITIONS
            for entry in entries
            if entry.what == BEGIN and entry.pid != self._but and self._by in (0, entry.pid)
            if entry.version >= self._version
        }
        return len(self._partitions) >= self._wanted


class Positions:
    """Asks Kafka where the groups stand, without joining any. For one thread.

    Not with an AdminClient: one that asks for positions while the broker goes away may end the whole process, by an
    assertion of librdkafka's (`rd_kafka_enq_once_del_source_return`).
    """

    def __init__(self, team: Team, groups: list[str]) -> None:
        self._groups = groups
        self._asked = [TopicPartition(team.stream.topic, partition) for partition in range(PARTITIONS)]
        self._servers = team.stream.kafka.bootstrap_servers
        self._consumers: dict[str, Consumer] = {}

    def read(self, seconds: float) -> Snapshot | None:
        """Where they stand now; None when Kafka does not tell in time."""
        try:
            return {group: self._places(group, seconds) for group in self._groups}
        except KafkaException:
            self.close()  # a client that lost its broker may not find it again
            return None

    def close(self) -> None:
        """Give the connections back."""
        for consumer in self._consumers.values():
            consumer.close()
        self._consumers.clear()

    def _places(self, group: str, seconds: float) -> dict[int, Place]:
        if group not in self._consumers:
            config = {"bootstrap.servers": self._servers, "group.id": group, "log_level": 2}
            self._consumers[group] = Consumer({**config, "enable.auto.commit": False})
        places = {}
        for one in self._consumers[group].committed(self._asked, timeout=seconds):
            if one.error is not None:
                raise KafkaException(one.error)
            if one.offset >= 0:
                marks = decode_marks(one.offset, one.metadata)
                assert marks is not None, f"{group}[{one.partition}]: foreign marks {one.metadata!r}"
                places[one.partition] = Place(one.offset, marks.top, frozenset(marks.unfinished))
        return places


def _pass(seconds: float) -> None:
    """The one place where time passes for its own sake: a disturbance lasts as long as it lasts."""
    threading.Event().wait(seconds)
