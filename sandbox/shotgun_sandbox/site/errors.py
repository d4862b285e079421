"""The refusals of the site, in the words the real one uses."""

from __future__ import annotations

from typing import Any

AUTHENTICATION = 102
REQUEST = 103
CRUD = 104


class SiteFault(Exception):  # noqa: N818 - the client's own word for it
    """A refusal that reaches the client as HTTP 200 with ``exception: true``, a code and a message."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message


class BadQuery(Exception):  # noqa: N818 - it is not an error of the site, but of the query's nesting
    """A request that breaks the site: it answers with HTTP 500."""


def missing_field(method: str, entity_type: str, field: str) -> SiteFault:
    """Refuse a field that the type does not have."""
    return SiteFault(REQUEST, f"API {method}() {entity_type}.{field} doesn't exist.")


def no_such_entity(entity_type: str, entity_id: object) -> SiteFault:
    """Refuse an id that the type does not have, or no longer."""
    return SiteFault(CRUD, f"Entity of type [{entity_type}] with id={entity_id} does not exist.")


def missing_attribute(method: str, attribute: str, given: Any) -> SiteFault:
    """Refuse a call that leaves out something it must have."""
    return SiteFault(REQUEST, f"API {method}() missing '{attribute}' attribute:\n{ruby(given)}")


def bad_paging(key: str, paging: Any) -> SiteFault:
    """Refuse a paging value that is no usable integer."""
    return SiteFault(REQUEST, f"API read() invalid/missing integer 'paging' '{key}':\n{ruby(paging)}")


def event_not_editable(field: str) -> SiteFault:
    """Refuse to change a row of the event log."""
    return SiteFault(
        CRUD,
        f"The field is not editable for this user: [EventLogEntry.{field}]. "
        f"Rule: API Admin -- PermissionRule 306: DENY update_field FOR entity_type => EventLogEntry",
    )


def event_not_deletable() -> SiteFault:
    """Refuse to delete a row of the event log."""
    return SiteFault(
        CRUD,
        "Entity of type EventLogEntry can not be deleted by this user. "
        "Rule: API Admin -- PermissionRule 297: DENY retire_entity FOR entity_type => EventLogEntry",
    )


def ruby(value: Any) -> str:
    """Write ``value`` as the site's own language would print it."""
    if isinstance(value, dict):
        return "{" + ", ".join(f'"{key}"=>{ruby(item)}' for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(ruby(item) for item in value) + "]"
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    return str(value)
