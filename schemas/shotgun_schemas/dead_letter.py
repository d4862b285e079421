"""Dead letters: events that one callback of one group could not take in, with what is needed to run them again.

The key is `<group>|<callback>|<event id>`, so a letter stands for one event at one callback; a tombstone takes it back
(replayed with success, or dropped). The value is the event's own, byte by byte. The headers are the event's own, and:

| header | value |
|---|---|
| `__connect.errors.topic`, `.partition`, `.offset` | where the event stands |
| `__connect.errors.connector.name` | the group |
| `__connect.errors.stage` | `TASK_PUT`: the event was read, and the callback failed |
| `__connect.errors.exception.class.name`, `.message`, `.stacktrace` | what it raised; of a long one the end |
| `shotgun.errors.key` | the key of the event's own record; absent when that had none |
| `shotgun.errors.team`, `.plugin`, `.group`, `.callback` | whose letter it is |
| `shotgun.errors.attempts` | how often the callback was tried |
| `shotgun.errors.time` | when it was put aside, ISO 8601 in UTC |

The first ones have the names of Kafka Connect, whose tools then show them. Values are UTF-8 text.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from . import headers
from .framing import DecodeError

CONNECT = "__connect.errors."
TOPIC = f"{CONNECT}topic"
PARTITION = f"{CONNECT}partition"
OFFSET = f"{CONNECT}offset"
CONNECTOR = f"{CONNECT}connector.name"
STAGE = f"{CONNECT}stage"
EXCEPTION_CLASS = f"{CONNECT}exception.class.name"
EXCEPTION_MESSAGE = f"{CONNECT}exception.message"
STACKTRACE = f"{CONNECT}exception.stacktrace"

OURS = "shotgun.errors."
KEY = f"{OURS}key"
TEAM = f"{OURS}team"
PLUGIN = f"{OURS}plugin"
GROUP = f"{OURS}group"
CALLBACK = f"{OURS}callback"
ATTEMPTS = f"{OURS}attempts"
TIME = f"{OURS}time"

MAX_TEXT_BYTES = 16 * 1024
"""Of a message or a stack trace no more is kept, so that a letter always fits where its event did."""

_STAGE = b"TASK_PUT"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One event that one callback could not take in.

    `key`, `value` and `headers` are those of the event's own record, `timestamp` its seconds since 1970 (0.0: unknown).
    `time` is ISO 8601 in UTC.
    """

    group: str
    team: str
    plugin: str
    callback: str
    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    timestamp: float
    attempts: int
    time: str
    exception_class: str
    exception_message: str
    stacktrace: str
    headers: Mapping[str, bytes] = field(default_factory=dict)

    @property
    def event(self) -> str:
        """The event's id as text; for a foreign record `<partition>@<offset>`."""
        if self.key is not None and self.key.isdigit():
            return self.key.decode("ascii")
        return f"{self.partition}@{self.offset}"

    @property
    def record_key(self) -> bytes:
        """The key of the letter's record."""
        return letter_key(self.group, self.callback, self.event)

    def record_headers(self) -> list[tuple[str, str | bytes | None]]:
        """The headers of the letter's record."""
        given = {
            TOPIC: self.topic,
            PARTITION: str(self.partition),
            OFFSET: str(self.offset),
            CONNECTOR: self.group,
            EXCEPTION_CLASS: self.exception_class,
            EXCEPTION_MESSAGE: self.exception_message,
            STACKTRACE: self.stacktrace,
            TEAM: self.team,
            PLUGIN: self.plugin,
            GROUP: self.group,
            CALLBACK: self.callback,
            ATTEMPTS: str(self.attempts),
            TIME: self.time,
        }
        own: list[tuple[str, str | bytes | None]] = [
            (name, value) for name, value in self.headers.items() if not name.startswith((CONNECT, OURS))
        ]
        ours: list[tuple[str, str | bytes | None]] = [(name, _bytes(text)) for name, text in given.items()]
        kept: list[tuple[str, str | bytes | None]] = [] if self.key is None else [(KEY, self.key)]
        return [*own, *ours, (STAGE, _STAGE), *kept]


def letter_key(group: str, callback: str, event: str) -> bytes:
    """The key of a letter's record."""
    return f"{group}|{callback}|{event}".encode(errors="surrogatepass")


def parse_letter(
    value: bytes | None, record_headers: Iterable[tuple[str, bytes | None]], timestamp: float
) -> DeadLetter:
    """The letter in a record, which is no tombstone. Raises DecodeError, which names what is missing."""
    found = {name: content for name, content in record_headers if content is not None}

    def text(name: str) -> str:
        if name not in found:
            raise DecodeError(f"not a dead letter: the header {name} is missing")
        return headers.decode(found[name])

    def number(name: str) -> int:
        written = text(name)
        if not written.isdecimal():
            raise DecodeError(f"not a dead letter: the header {name} is no number but {written!r}")
        return int(written)

    return DeadLetter(
        group=text(GROUP),
        team=text(TEAM),
        plugin=text(PLUGIN),
        callback=text(CALLBACK),
        topic=text(TOPIC),
        partition=number(PARTITION),
        offset=number(OFFSET),
        key=found.get(KEY),
        value=value,
        timestamp=timestamp,
        attempts=number(ATTEMPTS),
        time=text(TIME),
        exception_class=text(EXCEPTION_CLASS),
        exception_message=text(EXCEPTION_MESSAGE),
        stacktrace=text(STACKTRACE),
        headers={name: content for name, content in found.items() if not name.startswith((CONNECT, OURS))},
    )


def _bytes(text: str) -> bytes:
    # The end of a stack trace says where it happened.
    return text.encode(errors="surrogatepass")[-MAX_TEXT_BYTES:]
