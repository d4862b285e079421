"""Record headers of the event topic: what a consumer can filter on without decoding the value.

Values are UTF-8 text. A null field is an absent header.

| header | value |
|---|---|
| `event_type`, `attribute_name` | the event's own fields |
| `entity` | what the event is about, `Type:id`; always there (see `event.subject`) |
| `project` | the project's id, decimal |
| `site` | the site's URL |
| `late` | seconds for which the event's id was a hole, only above ten |
| `backfill` | the job that published an event older than the stream's start |
| `schema` | fingerprint of the value's schema, 16 hexadecimal digits |
| `meta_bytes` | size of the value that was too large; the fields named in `absent` were left out |
"""

from __future__ import annotations

from functools import lru_cache

from .event import Event, subject

EVENT_TYPE = "event_type"
ATTRIBUTE_NAME = "attribute_name"
ENTITY = "entity"
PROJECT = "project"
SITE = "site"
LATE = "late"
BACKFILL = "backfill"
SCHEMA = "schema"
META_BYTES = "meta_bytes"

Headers = list[tuple[str, str | bytes | None]]
"""As Kafka's client takes them; ours are all bytes."""

LATE_FROM_SECONDS = 10.0
"""Most events fill some hole, because sites draw ids in blocks; only from this age on is it news."""


def event_headers(
    event: Event, *, site: str, schema: str, late_seconds: float | None = None, backfill: str | None = None
) -> Headers:
    """The headers of one event. `late_seconds` is the age of the hole that it fills, None when it fills none.

    `backfill` is the job that publishes it, None for an event of the live stream. Raises ValueError when the row has
    no integer id.
    """
    row = event.row
    headers: Headers = [(ENTITY, _encode(subject(event))), (SITE, _usual(site)), (SCHEMA, _usual(schema))]
    for name in (EVENT_TYPE, ATTRIBUTE_NAME):
        value = row.get(name)
        if isinstance(value, str):
            headers.append((name, _usual(value)))
    project = row.get(PROJECT)
    if type(project) is dict and type(project.get("id")) is int:
        headers.append((PROJECT, b"%d" % project["id"]))
    if late_seconds is not None and late_seconds > LATE_FROM_SECONDS:
        headers.append((LATE, str(round(late_seconds)).encode()))
    if backfill is not None:
        headers.append((BACKFILL, _encode(backfill)))
    return headers


def _encode(text: str) -> bytes:
    return text.encode(errors="surrogatepass")


_usual = lru_cache(4096)(_encode)
"""For texts that many events share."""


def decode(value: bytes) -> str:
    """Text of a header. What is not UTF-8 is replaced, never refused: a header only helps to filter."""
    try:
        return value.decode(errors="surrogatepass")
    except UnicodeDecodeError:
        return value.decode(errors="replace")
