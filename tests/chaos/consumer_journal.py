"""What the callbacks of the consumer's chaos suite write down, so that a kill takes none of it away."""

from __future__ import annotations

import textwrap
import threading
from dataclasses import dataclass
from pathlib import Path

BEGIN, END, FAIL = "B", "E", "F"

HEAD = """
    import os, random, time
    from shotgun_consumer import on

    journal = os.open({path!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)

    def say(what, number, attempt=1):
        line = "%s %d %d %d %d {version}\\n" % (what, number, attempt, os.getpid(), time.time_ns())
        os.write(journal, line.encode())
"""
PLAIN = """
    def registerCallbacks(reg):
        reg.registerCallback(None, None, work)

    def work(sg, logger, event, args):
        say("B", event["id"])
        time.sleep(0.001)
        say("E", event["id"])
"""
SLOW = """
    @on(concurrency={concurrency})
    def work(context):
        number = context.event["id"]
        say("B", number, context.attempt)
        time.sleep(0.4 if number % 101 == 0 else random.uniform(0.0, 0.04))
        say("E", number, context.attempt)
"""
FAILING = """
    @on(max_attempts={attempts}, on_failure="dead_letter")
    def work(context):
        number = context.event["id"]
        say("B", number, context.attempt)
        if number % 41 == 0 or random.Random("%d %d {seed}" % (number, context.attempt)).random() < 0.15:
            say("F", number, context.attempt)
            raise ValueError("chaos: event %d does not please" % number)
        say("E", number, context.attempt)
"""
AWAITING = """
    import asyncio

    @on(concurrency={concurrency})
    async def work(context):
        number = context.event["id"]
        say("B", number, context.attempt)
        await asyncio.sleep(random.uniform(0.0, 0.1))
        say("E", number, context.attempt)
"""


@dataclass(frozen=True, slots=True)
class Plugin:
    """One of the plugins under chaos. `by_entity`: order is kept for each entity, else for the whole partition."""

    name: str
    text: str
    concurrency: int = 1
    attempts: int = 1

    @property
    def by_entity(self) -> bool:
        return self.concurrency > 1

    def source(self, journal: Path, version: int, seed: int) -> str:
        """The plugin's file."""
        return textwrap.dedent(HEAD).format(path=str(journal), version=version) + textwrap.dedent(
            self.text
        ).format(concurrency=self.concurrency, attempts=self.attempts, seed=seed)


PLUGINS = (
    Plugin("plain", PLAIN),
    Plugin("slow", SLOW, concurrency=4),
    Plugin("failing", FAILING, attempts=3),
    Plugin("awaiting", AWAITING, concurrency=50),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a callback has begun, ended, or is about to fail. `at` is the machine's clock in nanoseconds."""

    what: str
    event: int
    attempt: int
    pid: int
    at: int
    version: int


class Journal:
    """What one plugin has written in all processes, in the order in which it happened. For any thread."""

    def __init__(self, plugin: Plugin, path: Path) -> None:
        self.plugin = plugin
        self.path = path
        self._lock = threading.Lock()
        self._read = 0
        self._entries: list[Entry] = []
        self._over: set[int] = set()

    def entries(self) -> list[Entry]:
        """All entries up to now."""
        with self._lock:
            self._read_on()
            return list(self._entries)

    def count(self) -> int:
        """How many entries there are."""
        with self._lock:
            self._read_on()
            return len(self._entries)

    def entries_behind(self, known: int) -> list[Entry]:
        """All entries up to now but the first `known`."""
        with self._lock:
            self._read_on()
            return self._entries[known:]

    def over(self) -> frozenset[int]:
        """The events that have run to their end, or failed for the last time, at least once."""
        with self._lock:
            self._read_on()
            return frozenset(self._over)

    def count_over(self) -> int:
        """How many events `over` has."""
        with self._lock:
            self._read_on()
            return len(self._over)

    def _read_on(self) -> None:
        if not self.path.exists():
            return
        with self.path.open("rb") as file:
            file.seek(self._read)
            data = file.read()
        whole, newline, _ = data.rpartition(b"\n")
        self._read += len(whole) + len(newline)
        for line in whole.decode().splitlines():
            what, *numbers = line.split()
            entry = Entry(what, *map(int, numbers))
            self._entries.append(entry)
            if is_last(entry, self.plugin):
                self._over.add(entry.event)


def is_last(entry: Entry, plugin: Plugin) -> bool:
    """Whether nothing of the event follows in this run."""
    return entry.what == END or (entry.what == FAIL and entry.attempt >= plugin.attempts)
