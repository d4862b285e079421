"""An event as one readable line. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_LONGEST = 40


def event_line(row: Mapping[str, Any]) -> str:
    """Time, id, type, entity, what changed, and who did it."""
    parts = [
        str(row.get("created_at") or "-"),
        str(row.get("id")),
        str(row.get("event_type") or "-"),
        _entity(row.get("entity"), row.get("meta")),
        _change(row.get("attribute_name"), row.get("meta")),
        _user(row.get("user")),
    ]
    return "  ".join(part for part in parts if part)


def _entity(entity: Any, meta: Any) -> str:
    if isinstance(entity, Mapping):
        return f"{entity.get('type')} {entity.get('id')} {_quoted(entity.get('name'))}".rstrip()
    # The entity of what is gone is null; its description is in meta.
    if isinstance(meta, Mapping) and isinstance(meta.get("entity_id"), int):
        name = _quoted(meta.get("display_name"))
        return f"{meta.get('entity_type') or meta.get('class_name')} {meta['entity_id']} {name}".rstrip()
    return ""


def _change(attribute: Any, meta: Any) -> str:
    if not attribute:
        return ""
    if not isinstance(meta, Mapping):
        return str(attribute)
    if "old_value" in meta or "new_value" in meta:
        return f"{attribute}: {_value(meta.get('old_value'))} → {_value(meta.get('new_value'))}"
    signs = (("+", meta.get("added")), ("-", meta.get("removed")))
    changes = [f"{sign}{_value(one)}" for sign, some in signs if isinstance(some, list) for one in some]
    return f"{attribute}: {_cut(' '.join(changes))}" if changes else str(attribute)


def _user(user: Any) -> str:
    return f"by {user.get('name') or user.get('id')}" if isinstance(user, Mapping) else ""


def _quoted(name: Any) -> str:
    return f"{_cut(name)!r}" if isinstance(name, str) and name else ""


def _value(value: Any) -> str:
    if value is None or value == "":
        return "(none)"
    if isinstance(value, Mapping):
        return _cut(str(value.get("name") or f"{value.get('type')} {value.get('id')}"))
    if isinstance(value, list):
        return _cut(", ".join(_value(one) for one in value)) or "(none)"
    return _cut(str(value))


def _cut(text: str) -> str:
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONGEST else flat[: _LONGEST - 1] + "…"
