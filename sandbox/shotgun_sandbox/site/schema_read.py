"""The site's answers about its own schema."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shotgun_sandbox.site.errors import REQUEST, SiteFault, missing_field
from shotgun_sandbox.site.schema import READ_ONLY, TYPES, Field


def schema_entities() -> dict[str, Any]:
    """Return every type with its display name."""
    return {name: {"name": _value(name), "visible": _value(True)} for name in TYPES}


def schema_everything() -> dict[str, Any]:
    """Return every field of every type."""
    return {
        name: {field: _describe(name, field, spec) for field, spec in fields.items()}
        for name, fields in TYPES.items()
    }


def schema_fields(args: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of one type, or the one that is named. Raises SiteFault when it does not exist."""
    entity_type, name = args.get("type"), args.get("field_name")
    if not isinstance(entity_type, str) or entity_type not in TYPES:
        raise SiteFault(
            REQUEST, f"API schema_field_read() invalid/missing string entity 'type': {entity_type!r}."
        )
    fields = TYPES[entity_type]
    if name is None:
        return {field: _describe(entity_type, field, spec) for field, spec in fields.items()}
    if not isinstance(name, str) or name not in fields:
        raise missing_field("schema_field_read", entity_type, str(name))
    return {name: _describe(entity_type, name, fields[name])}


def _describe(entity_type: str, name: str, spec: Field) -> dict[str, Any]:
    properties: dict[str, Any] = {"default_value": _value(spec.default)}
    if spec.targets:
        properties["valid_types"] = _value(list(spec.targets))
    return {
        "name": _value(spec.label or name),
        "data_type": _value(spec.data_type),
        "entity_type": _value(entity_type),
        "editable": _value(name not in READ_ONLY and entity_type != "EventLogEntry"),
        "mandatory": _value(False),
        "unique": _value(False),
        "description": _value(""),
        "visible": _value(True),
        "properties": properties,
    }


def _value(value: Any) -> dict[str, Any]:
    return {"value": value, "editable": False}
