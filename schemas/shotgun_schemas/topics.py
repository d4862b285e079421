"""Names and settings of the topics. The names are defaults: the configuration may change each of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

EVENTS = "shotgun.events"
CHECKPOINT = "shotgun.events.checkpoint"
CONTROL = "shotgun.events.control"
DEAD_LETTERS = "shotgun.events.dead-letters"

MAX_EVENT_BYTES = 8 * 1024 * 1024
"""A value above this is published without its `meta` (header `meta_bytes`)."""

MAX_RECORD_BYTES = 9 * 1024 * 1024
"""Largest record that topics and producers take: the largest event plus key, headers and framing."""

EVENTS_SETTINGS: Mapping[str, str] = MappingProxyType(
    {
        "cleanup.policy": "delete",
        "retention.ms": "-1",
        "message.timestamp.type": "CreateTime",
        # Event times come from the site's clock; Kafka 4 refuses more than an hour ahead of the broker's.
        "message.timestamp.after.max.ms": "9223372036854775807",
        "max.message.bytes": str(MAX_RECORD_BYTES),
    }
)

_COMPACTED: dict[str, str] = {
    "cleanup.policy": "compact",
    "segment.bytes": str(16 * 1024 * 1024),
    "segment.ms": str(60 * 60 * 1000),
    "min.cleanable.dirty.ratio": "0.1",
}

CHECKPOINT_SETTINGS: Mapping[str, str] = MappingProxyType(dict(_COMPACTED))
CONTROL_SETTINGS: Mapping[str, str] = MappingProxyType(dict(_COMPACTED))
DEAD_LETTERS_SETTINGS: Mapping[str, str] = MappingProxyType(
    {"cleanup.policy": "compact", "max.message.bytes": str(MAX_RECORD_BYTES)}
)


def dead_letter_topic(base: str, team: str) -> str:
    """Name of one team's dead-letter topic."""
    return f"{base}.{team}"
