"""Events to bytes and back, without loss.

Every row survives: what fits the schema is Avro, `meta` and unknown keys are JSON inside it, and a row of which a
value fits no field goes whole as JSON in the field `row`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from . import json_bytes
from .event import ENTITY_TYPE, Event
from .framing import DecodeError, Schema, frame_fingerprint

__all__ = [
    "FINGERPRINT",
    "SCHEMA",
    "DecodeError",
    "Decoder",
    "MisfitError",
    "encode",
    "encode_fields",
    "encode_whole",
    "encode_without_meta",
]

SCHEMA = Schema.load("event_log_entry.avsc")
FINGERPRINT = SCHEMA.fingerprint

_TEXTS = ("event_type", "attribute_name", "description", "session_uuid", "created_at")
_LINKS = ("entity", "user", "project")
_FIELDS = (*_TEXTS, *_LINKS, "meta")
_NAMED = frozenset(("type", "id", *_FIELDS))
_LINK_KEYS = frozenset(("type", "id", "name"))
_LINK_NAME = "shotgun_stream.Link"
_LONG = 2**63


class MisfitError(Exception):
    """A value of the row fits no field of the schema."""


def encode(event: Event) -> bytes:
    """The value of the event's record: its fields, or the whole row where they do not fit.

    Raises ValueError when the row has no 64-bit integer id.
    """
    try:
        return encode_fields(event)
    except MisfitError:
        return encode_whole(event)


def encode_fields(event: Event) -> bytes:
    """The event field by field. Raises MisfitError when one does not fit, else as `encode`."""
    number = _long(event)
    try:
        return SCHEMA.write(_to_record(number, event.row))
    except UnicodeEncodeError as error:
        raise MisfitError(f"event {number}: {error}") from error


def encode_whole(event: Event) -> bytes:
    """The event as one piece of JSON in the field `row`. Raises as `encode`."""
    return SCHEMA.write({"id": _long(event), "row": json_bytes.dumps(dict(event.row))})


def encode_without_meta(event: Event) -> bytes:
    """The value of an event that is too large: `meta`, `description` and unknown keys are left out and named in
    `absent`. The record's header `meta_bytes` tells the reader. Raises as `encode`."""
    kept = {key: value for key, value in event.row.items() if key in _NAMED - {"meta", "description"}}
    return encode(Event(kept))


class Decoder:
    """Reads values of the event topic, also those of older and newer writers.

    `resolve` gives the schema (JSON) of a fingerprint, or None when nobody knows it. Answers are kept.
    One thread at a time.
    """

    def __init__(self, resolve: Callable[[str], str | None] = lambda _: None) -> None:
        self._resolve = resolve
        self._writers: dict[str, Schema | None] = {FINGERPRINT: None}

    def decode(self, value: bytes | None, *, topic: str, partition: int, offset: int) -> Event:
        """The event in `value`. Raises DecodeError, which names topic, partition, offset and what was found."""
        try:
            if value is None:
                raise DecodeError("a tombstone: the record has no value")
            return Event(_to_row(SCHEMA.read(value, self._writer(frame_fingerprint(value)))))
        except DecodeError as error:
            raise DecodeError(f"{topic}[{partition}] offset {offset}: {error}") from error

    def _writer(self, fingerprint: str) -> Schema | None:
        try:
            return self._writers[fingerprint]
        except KeyError:
            pass
        text = self._resolve(fingerprint)
        if text is None:
            raise DecodeError(
                f"written with schema {fingerprint}, which the control topic does not know; "
                f"this reader has {FINGERPRINT}"
            )
        try:
            schema = Schema(text)
        except ValueError as error:
            raise DecodeError(f"written with schema {fingerprint}, which is damaged: {error}") from error
        self._writers[fingerprint] = schema
        return schema


def _long(event: Event) -> int:
    number = event.id
    if not -_LONG <= number < _LONG:
        raise ValueError(f"the id {number} of a row of the event log does not fit into 64 bits")
    return number


def _to_record(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    if row.get("type", ENTITY_TYPE) != ENTITY_TYPE:
        raise MisfitError(f"event {number}: type is {row['type']!r}")
    record: dict[str, Any] = {"id": number}
    for name in _TEXTS:
        text = row.get(name)
        if text is not None:
            if type(text) is not str:
                raise MisfitError(f"event {number}: {name} is no text but {type(text).__name__}")
            # The hint names the union's branch, which saves fastavro a validation of every branch.
            record[name] = ("string", text)
    for name in _LINKS:
        link = row.get(name)
        if link is not None:
            if not _is_link(link):
                raise MisfitError(f"event {number}: {name} is no link but {str(link)[:80]!r}")
            record[name] = (_LINK_NAME, _link_to_record(link))
    meta = row.get("meta")
    if meta is not None:
        record["meta"] = ("bytes", json_bytes.dumps(meta))
    if row.keys() != _NAMED:
        extra = {key: row[key] for key in row.keys() - _NAMED}
        if extra:
            record["extra"] = ("bytes", json_bytes.dumps(extra))
        absent = [name for name in ("type", *_FIELDS) if name not in row]
        if absent:
            record["absent"] = absent
    return record


def _is_link(value: Any) -> bool:
    return (
        type(value) is dict
        and type(value.get("type")) is str
        and type(value.get("id")) is int
        and -_LONG <= value["id"] < _LONG
    )


def _link_to_record(link: dict[str, Any]) -> dict[str, Any]:
    record: dict[str, Any] = {"type": link["type"], "id": link["id"]}
    if link.keys() == _LINK_KEYS and type(link["name"]) is str:
        record["name"] = ("string", link["name"])
        return record
    extra = {key: link[key] for key in link.keys() - _LINK_KEYS}
    name = link.get("name")
    if type(name) is str:
        record["name"] = ("string", name)
    elif "name" in link:
        extra["name"] = name
    if extra:
        record["extra"] = ("bytes", json_bytes.dumps(extra))
    return record


def _to_row(record: dict[str, Any]) -> dict[str, Any]:
    whole = record["row"]
    if whole is not None:
        row = _json(whole, "row")
        if not isinstance(row, dict):
            raise DecodeError(f"the field row holds no JSON object but {type(row).__name__}")
        return row
    row = {"type": ENTITY_TYPE, "id": record["id"]}
    for name in _TEXTS:
        row[name] = record[name]
    for name in _LINKS:
        link = record[name]
        row[name] = None if link is None else _link_to_row(link)
    meta = record["meta"]
    row["meta"] = None if meta is None else _json(meta, "meta")
    if record["extra"] is not None:
        row.update(_json(record["extra"], "extra"))
    for name in record["absent"]:
        row.pop(name, None)
    return row


def _link_to_row(record: dict[str, Any]) -> dict[str, Any]:
    link = {"type": record["type"], "id": record["id"]}
    if record["name"] is not None:
        link["name"] = record["name"]
    if record["extra"] is not None:
        link.update(_json(record["extra"], "extra"))
    return link


def _json(data: bytes, field: str) -> Any:
    try:
        return json_bytes.loads(data)
    except ValueError as error:
        raise DecodeError(f"the field {field} holds damaged JSON: {error}") from error
