"""Avro's single-object encoding: two marker bytes, the schema's fingerprint, the body."""

from __future__ import annotations

import io
import json
from importlib import resources
from typing import Any

import fastavro
from fastavro.schema import fingerprint, parse_schema, to_parsing_canonical_form

MARKER = b"\xc3\x01"
FRAME_BYTES = 10
"""Length of marker and fingerprint. Source: Apache Avro specification, "Single-object encoding"."""


class DecodeError(ValueError):
    """A value that cannot be read. The message says where it stands and what was found there."""


class Schema:
    """A parsed Avro schema that knows its fingerprint, and reads and writes bodies."""

    __slots__ = ("_parsed", "fingerprint", "frame", "text")

    def __init__(self, text: str) -> None:
        """`text` is the schema as JSON. Raises ValueError when it is not a schema."""
        try:
            source = json.loads(text)
            self._parsed = parse_schema(source, named_schemas={})
            # fastavro gives the 64-bit fingerprint in the byte order of the wire.
            self.fingerprint = str(fingerprint(to_parsing_canonical_form(source), "CRC-64-AVRO"))
        except Exception as error:
            raise ValueError(f"not an Avro schema: {error}") from error
        self.text = text
        self.frame = MARKER + bytes.fromhex(self.fingerprint)

    @classmethod
    def load(cls, name: str) -> Schema:
        """The schema file `name` of this package."""
        return cls(resources.files(__package__).joinpath(name).read_text(encoding="utf-8"))

    def write(self, record: dict[str, Any]) -> bytes:
        """`record`, framed. Raises what fastavro raises when the record does not fit."""
        out = io.BytesIO()
        out.write(self.frame)
        fastavro.schemaless_writer(out, self._parsed, record)
        return out.getvalue()

    def read(self, data: bytes, writer: Schema | None = None) -> dict[str, Any]:
        """The record in `data`, a framed value written with `writer` (None: with this very schema).

        Raises DecodeError when the body ends too early or goes on after its end.
        """
        body = io.BytesIO(data)
        body.seek(FRAME_BYTES)
        try:
            if writer is None:
                record = fastavro.schemaless_reader(body, self._parsed, None)
            else:
                record = fastavro.schemaless_reader(body, writer._parsed, self._parsed)
        except Exception as error:
            what = str(error) or type(error).__name__
            raise DecodeError(
                f"the Avro body of {len(data) - FRAME_BYTES} bytes is damaged: {what}"
            ) from error
        if body.tell() != len(data):
            raise DecodeError(f"{len(data) - body.tell()} bytes stand after the end of the Avro body")
        if not isinstance(record, dict):
            raise DecodeError(f"the Avro body is no record but {type(record).__name__}")
        return record


def frame_fingerprint(data: bytes) -> str:
    """The fingerprint in a framed value, 16 hexadecimal digits. Raises DecodeError for anything else."""
    if len(data) >= FRAME_BYTES and data[:2] == MARKER:
        return data[2:FRAME_BYTES].hex()
    start = data[:FRAME_BYTES].hex(" ")
    if not data:
        raise DecodeError("the value is empty")
    if data[:1] == b"\x00" and len(data) >= 5:
        number = int.from_bytes(data[1:5], "big")
        raise DecodeError(
            f"found {start}: the wire format of a schema registry (schema {number}), and none is configured"
        )
    if data[:1] in b"{[":
        raise DecodeError(f"found {start}: JSON, not an Avro event")
    raise DecodeError(f"found {start}, expected c3 01 and eight bytes of a schema's fingerprint")
