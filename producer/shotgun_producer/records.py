"""An event as a Kafka record. Whatever a row holds, there is a record for it: one bad row never stops the stream."""

from __future__ import annotations

import logging
from dataclasses import dataclass

from shotgun_schemas import codec, headers
from shotgun_schemas.event import Event, subject
from shotgun_schemas.partition import partition_for
from shotgun_schemas.topics import MAX_EVENT_BYTES

from .page import Row
from .times import kafka_timestamp, parse_created_at

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Record:
    """What is given to Kafka. `timestamp` is in milliseconds, 0 for the broker's own time.

    `is_misfit`: the row did not fit the schema and went as a whole. `left_out`: bytes of the value that was too
    large, None when it was not. `event_type`: that of the row, whatever the site sent there.
    """

    key: bytes
    value: bytes
    headers: headers.Headers
    partition: int
    timestamp: int
    is_misfit: bool = False
    left_out: int | None = None
    event_type: object = None


@dataclass(frozen=True, slots=True)
class RecordMaker:
    """Makes the records of one site for a topic with so many partitions. `schema`: the fingerprint of the values."""

    site: str
    partitions: int
    schema: str = codec.FINGERPRINT

    def make(self, row: Row, *, late: float | None, now: float, backfill: str | None = None) -> Record:
        """The record of a row with an integer id. `late`: age in seconds of the hole that it fills.

        `backfill`: the job that publishes it, None for the live stream.
        """
        event = Event(row)
        value, is_misfit, left_out = _value(event)
        fields = headers.event_headers(
            event, site=self.site, schema=self.schema, late_seconds=late, backfill=backfill
        )
        if left_out is not None:
            fields.append((headers.META_BYTES, str(left_out).encode()))
        return Record(
            key=b"%d" % event.id,
            value=value,
            headers=fields,
            partition=0 if self.partitions == 1 else partition_for(subject(event), self.partitions),
            timestamp=kafka_timestamp(parse_created_at(event.created_at), now),
            is_misfit=is_misfit,
            left_out=left_out,
            event_type=event.event_type,
        )


def _value(event: Event) -> tuple[bytes, bool, int | None]:
    """The value, whether it is the row as a whole, and the size of what was too large."""
    try:
        value, is_misfit = _encode(event)
    except Exception:
        log.exception("event %d cannot be encoded; only its id is published", event.id)
        return codec.encode(_bare(event)), True, 0
    if len(value) <= MAX_EVENT_BYTES:
        return value, is_misfit, None
    log.error(
        "event %d has %d bytes, more than the %d that a record may have; it is published without its meta",
        event.id,
        len(value),
        MAX_EVENT_BYTES,
    )
    shortened = codec.encode_without_meta(event)
    if len(shortened) > MAX_EVENT_BYTES:
        shortened = codec.encode(_bare(event))
    return shortened, is_misfit, len(value)


def _encode(event: Event) -> tuple[bytes, bool]:
    try:
        return codec.encode_fields(event), False
    except codec.MisfitError as error:
        log.warning("%s; the whole row is published as JSON", error)
        return codec.encode_whole(event), True


def _bare(event: Event) -> Event:
    """The least that can be published: consumers read the rest from the site, as the header `meta_bytes` tells."""
    return Event({"type": "EventLogEntry", "id": event.id})
