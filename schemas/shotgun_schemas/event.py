"""One row of the event log, and what it is about."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ENTITY_TYPE = "EventLogEntry"

FIELDS: tuple[str, ...] = (
    "id",
    "event_type",
    "attribute_name",
    "description",
    "meta",
    "entity",
    "user",
    "project",
    "session_uuid",
    "created_at",
)
"""The fields that the producer asks the site for: those of the classic daemon, and `description`."""


def event_id_of(key: bytes | None) -> int | None:
    """The event id in a record's key; None when it holds none."""
    return int(key) if key and key.isdigit() else None


@dataclass(frozen=True, slots=True)
class Event:
    """A row exactly as the site sent it: JSON types only, dates still text.

    The caller may rely on `row` being kept as it is, key by key; the properties only read it.
    """

    row: Mapping[str, Any]

    @property
    def id(self) -> int:
        """The row's id. Raises ValueError when the row has no integer id: it cannot be published."""
        value = self.row.get("id")
        if type(value) is not int:
            raise ValueError(f"a row of the event log has no integer id but {value!r}")
        return value

    @property
    def event_type(self) -> str | None:
        """For example `Shotgun_Task_Change`."""
        return self.row.get("event_type")

    @property
    def attribute_name(self) -> str | None:
        """The field that changed."""
        return self.row.get("attribute_name")

    @property
    def entity(self) -> Mapping[str, Any] | None:
        """Link to what the event is about; None once that is retired."""
        return self.row.get("entity")

    @property
    def user(self) -> Mapping[str, Any] | None:
        """Link to who did it."""
        return self.row.get("user")

    @property
    def project(self) -> Mapping[str, Any] | None:
        """Link to the project."""
        return self.row.get("project")

    @property
    def session_uuid(self) -> str | None:
        """The web session."""
        return self.row.get("session_uuid")

    @property
    def created_at(self) -> str | None:
        """The site's text, usually `2026-01-21T19:47:33Z`."""
        return self.row.get("created_at")

    @property
    def meta(self) -> Any:
        """Details; a mapping of any shape, or None."""
        return self.row.get("meta")


def subject(event: Event) -> str:
    """What the event is about, as `Type:id`: events of one subject keep their order, whatever runs in parallel.

    The entity; else what meta names, because the entity of a retired thing is null, and a retirement must not
    overtake the changes before it; else the project; else the event itself.
    """
    return (
        _link_key(event.entity)
        or _meta_key(event.meta)
        or _link_key(event.project)
        or f"{ENTITY_TYPE}:{event.id}"
    )


def _link_key(link: object) -> str | None:
    # `type` first, here and below: the abstract class alone costs more than all the rest.
    if type(link) is dict or isinstance(link, Mapping):
        return _key(link.get("type"), link.get("id"))
    return None


def _meta_key(meta: object) -> str | None:
    if type(meta) is dict or isinstance(meta, Mapping):
        return _key(meta.get("entity_type") or meta.get("class_name"), meta.get("entity_id"))
    return None


def _key(kind: object, number: object) -> str | None:
    if type(number) is int and isinstance(kind, str) and kind:
        return f"{kind}:{number}"
    return None
