"""Records of the control topic: how producer, consumers and commands tell each other what must survive them.

| key | meaning | fields beside `by`, `at`, `reason` |
|---|---|---|
| `schema/<fingerprint>` | a writer's schema, so that older readers can resolve it | `schema`: the Avro schema as text |
| `backfill/<job>` | a job for the active producer | set by the job |
| `group/<group>` | witness of a position, refreshed each minute | `topic_id`, `partitions`, `event_id`, `event_at` |
| `hold/<group>` | members drain and leave the group until it is lifted | `until`: seconds since 1970, see below |
| `pause/<group>` | an operator's pause: members start no event until it is taken back | |
| `resume/<group>` | members try again the events that they stopped at; counts when it is new | |
| `skip/<group>/<partition>/<offset>` | the event is passed over | `event_id` |
| `stop/<group>/<partition>` | by members: the event that the partition stays at, and why | `offset`, `event_id` |
| `replay/<group>/<partition>/<offset>/<callback>` | the event is run again; `*`: by all callbacks | `event_id` |

The value is a JSON object; a tombstone takes the record back. A hold that nobody renews ends at `until` by itself.
For a dead letter, `replay` also has its key, `letter`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from . import json_bytes
from .framing import DecodeError

SCHEMA_PREFIX = "schema/"
BACKFILL_PREFIX = "backfill/"
GROUP_PREFIX = "group/"
HOLD_PREFIX = "hold/"
PAUSE_PREFIX = "pause/"
RESUME_PREFIX = "resume/"
STOP_PREFIX = "stop/"
SKIP_PREFIX = "skip/"
REPLAY_PREFIX = "replay/"
ORDER_PREFIXES = (PAUSE_PREFIX, RESUME_PREFIX, STOP_PREFIX, SKIP_PREFIX, REPLAY_PREFIX)
"""What members look at before each event. The others change all the time, or are asked for by key."""


def schema_key(fingerprint: str) -> str:
    """Key of a writer's schema."""
    return SCHEMA_PREFIX + fingerprint


def backfill_key(job: str) -> str:
    """Key of a backfill job."""
    return BACKFILL_PREFIX + job


def group_key(group: str) -> str:
    """Key of a group's witness."""
    return GROUP_PREFIX + group


def hold_key(group: str) -> str:
    """Key of a group's hold."""
    return HOLD_PREFIX + group


def pause_key(group: str) -> str:
    """Key of an operator's pause of a group."""
    return PAUSE_PREFIX + group


def resume_key(group: str) -> str:
    """Key of an operator's order to try again what a group stopped at."""
    return RESUME_PREFIX + group


def stop_key(group: str, partition: int) -> str:
    """Key of the event that a group's partition stays at."""
    return f"{STOP_PREFIX}{group}/{partition}"


def skip_key(group: str, partition: int, offset: int) -> str:
    """Key of an event that a group passes over."""
    return f"{SKIP_PREFIX}{group}/{partition}/{offset}"


def replay_key(group: str, partition: int, offset: int, callback: str) -> str:
    """Key of an event that one callback of a group runs again."""
    return f"{REPLAY_PREFIX}{group}/{partition}/{offset}/{callback}"


@dataclass(frozen=True, slots=True)
class ControlRecord:
    """One record: who wrote it (`by`), when (`at`, ISO 8601 in UTC), why (`reason`), and its own fields."""

    key: str
    by: str
    at: str
    reason: str
    fields: Mapping[str, Any]


def encode_value(*, by: str, at: str, reason: str, fields: Mapping[str, Any]) -> bytes:
    """The value of a record. Raises TypeError for fields that JSON cannot hold."""
    return json_bytes.dumps({**fields, "by": by, "at": at, "reason": reason})


def decode_record(key: bytes, value: bytes) -> ControlRecord:
    """The record. Raises DecodeError, which says what was found."""
    try:
        content = json_bytes.loads(value)
        name = key.decode()
    except ValueError as error:
        raise DecodeError(f"not a control record: {error}") from error
    if not isinstance(content, dict):
        raise DecodeError(f"not a control record: the value is no JSON object but {type(content).__name__}")
    common = {field: str(content.pop(field, "")) for field in ("by", "at", "reason")}
    return ControlRecord(key=name, fields=MappingProxyType(content), **common)
