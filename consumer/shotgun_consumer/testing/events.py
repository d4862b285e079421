"""Events as a site would log them, in the form in which a plugin gets them.

Each function makes one event; `**changes` replace any of its keys. Links are what `FakeSite.add` returns, or any dict
with `type`, `id` and `name`.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from datetime import datetime, timezone
from typing import Any

from shotgun_api3.shotgun import SG_TIMEZONE

Link = Mapping[str, Any]
Event = dict[str, Any]

PROJECT: Link = {"id": 70, "name": "Harbour Lights", "type": "Project"}
PERSON: Link = {"id": 240, "name": "Ines Moreau", "type": "HumanUser"}
SESSION = "5e2c1d00-7a31-11ef-8f00-0242ac110002"
CREATED_AT = datetime(2026, 1, 21, 19, 47, 33, tzinfo=timezone.utc)

_ids = itertools.count(1_000_001)


def event(event_type: str | None, /, **changes: Any) -> Event:
    """An event of any type, with every key that a plugin may rely on; those that are not given are None.

    Its id is larger than that of the event made before. It is from a person, in a project, with a web session.
    """
    base = {
        "type": "EventLogEntry",
        "id": next(_ids),
        "event_type": event_type,
        "attribute_name": None,
        "description": None,
        "meta": None,
        "entity": None,
        "user": dict(PERSON),
        "project": dict(PROJECT),
        "session_uuid": SESSION,
        "created_at": CREATED_AT.astimezone(SG_TIMEZONE.local),
    }
    return {**base, **changes}


def change(
    entity: Link, /, attribute: str, old: Any, new: Any, *, data_type: str = "text", **changes: Any
) -> Event:
    """One field of an entity has changed. `data_type` is the field's type on the site, such as `entity` or `date`."""
    values = {"old_value": old, "new_value": new}
    return _change(entity, attribute, {"field_data_type": data_type, **values}, changes)


def status_change(entity: Link, /, old: str | None, new: str | None, **changes: Any) -> Event:
    """The status (`sg_status_list`) of an entity has changed."""
    return change(entity, "sg_status_list", old, new, data_type="status_list", **changes)


def list_change(
    entity: Link, /, attribute: str, added: Iterable[Link] = (), removed: Iterable[Link] = (), **changes: Any
) -> Event:
    """A list of links has changed, such as `task_assignees`: such events name what was added and removed."""
    values = {"added": [_member(one) for one in added], "removed": [_member(one) for one in removed]}
    return _change(entity, attribute, {"field_data_type": "multi_entity", **values}, changes)


def thumbnail(entity: Link, /, attachment: int = 41001, *, transient: bool = False, **changes: Any) -> Event:
    """An entity has a new thumbnail. A site sends two: first `transient`, and the real one some 30 s later."""
    values = {
        "field_data_type": "image",
        "old_value": None,
        "new_value": attachment,
        "is_transient": transient,
    }
    return _change(entity, "image", values, changes)


def new_entity(entity: Link, /, **changes: Any) -> Event:
    """An entity was created. It has no attribute; the events of its fields are separate."""
    meta = {"type": "new_entity", "entity_type": entity["type"], "entity_id": entity["id"]}
    return event(f"Shotgun_{entity['type']}_New", **{"entity": _link(entity), "meta": meta, **changes})


def retirement(entity: Link, /, **changes: Any) -> Event:
    """An entity was deleted. Its link is already gone (`entity` is None): `meta` tells what it was."""
    meta = {
        "type": "entity_retirement",
        **_identity(entity),
        "retirement_date": CREATED_AT.strftime("%Y-%m-%d %H:%M:%S UTC"),
    }
    return event(f"Shotgun_{entity['type']}_Retirement", **{"meta": meta, **changes})


def revival(entity: Link, /, **changes: Any) -> Event:
    """A deleted entity was brought back."""
    meta = {"type": "entity_revival", **_identity(entity)}
    return event(f"Shotgun_{entity['type']}_Revival", **{"entity": _link(entity), "meta": meta, **changes})


def note(entity: Link | None = None, /, **changes: Any) -> Event:
    """A Note was written; without `entity`, some Note."""
    return new_entity(entity or {"id": 6101, "name": "Note on sh010_anim_v012", "type": "Note"}, **changes)


def reply(content: str, entity: Link | None = None, /, **changes: Any) -> Event:
    """A Reply to a Note was written."""
    made = new_entity(entity or {"id": 3201, "name": content, "type": "Reply"})
    return {**made, "meta": {**made["meta"], "content": content}, **changes}


def version(entity: Link | None = None, /, **changes: Any) -> Event:
    """A Version was created; without `entity`, some Version."""
    return new_entity(entity or {"id": 7115, "name": "sh010_anim_v012", "type": "Version"}, **changes)


def by_script(made: Event, /, name: str = "other_script", id: int = 31) -> Event:  # noqa: A002
    """The same event, made by a script: its user is an ApiUser, named with its version, and there is no session."""
    return {**made, "user": {"id": id, "name": f"{name} 1.0", "type": "ApiUser"}, "session_uuid": None}


def _change(entity: Link, attribute: str, values: Mapping[str, Any], changes: Mapping[str, Any]) -> Event:
    meta = {
        "type": "attribute_change",
        "attribute_name": attribute,
        "entity_type": entity["type"],
        "entity_id": entity["id"],
        **values,
    }
    given = {"attribute_name": attribute, "entity": _link(entity), "meta": meta, **changes}
    return event(f"Shotgun_{entity['type']}_Change", **given)


def _link(entity: Link) -> dict[str, Any]:
    return {"id": entity["id"], "name": entity.get("name"), "type": entity["type"]}


def _member(entity: Link) -> dict[str, Any]:
    return {**_link(entity), "status": entity.get("status"), "valid": "valid"}


def _identity(entity: Link) -> dict[str, Any]:
    return {
        "class_name": entity["type"],
        "display_name": entity.get("name"),
        "entity_id": entity["id"],
        "entity_type": entity["type"],
        "id": entity["id"],
    }
