"""The types and fields of the simulated site, and which relations a filter may use on each kind of field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type: its data type, what a link may point at, the server's default, and its label."""

    data_type: str
    targets: tuple[str, ...] = ()
    default: Any = None
    label: str = ""


NUMBER = ("is", "is_not", "greater_than", "less_than", "between", "in", "not_in")
TEXT = ("is", "is_not", "contains", "not_contains", "starts_with", "ends_with", "in", "not_in")
LIST = ("is", "is_not", "in", "not_in")
DATE = (
    "is",
    "is_not",
    "greater_than",
    "less_than",
    "in_last",
    "not_in_last",
    "in_next",
    "not_in_next",
    "in_calendar_day",
    "in_calendar_week",
    "in_calendar_month",
    "in_calendar_year",
    "between",
    "in",
    "not_in",
)
ENTITY = (
    "is",
    "is_not",
    "type_is",
    "type_is_not",
    "name_contains",
    "name_not_contains",
    "name_is",
    "in",
    "not_in",
)

# Data types that are not here (serializable) cannot be filtered at all.
RELATIONS: Mapping[str, tuple[str, ...]] = {
    "number": NUMBER,
    "float": NUMBER,
    "duration": NUMBER,
    "percent": NUMBER,
    "text": TEXT,
    "uuid": LIST,
    "list": LIST,
    "status_list": LIST,
    "color": LIST,
    "checkbox": ("is", "is_not"),
    "date": DATE,
    "date_time": DATE,
    "entity": ENTITY,
    "multi_entity": ENTITY,
    "image": ("is", "is_not"),
    "jsonb": (),
}

_TEXT = Field("text")
_STATUS = Field("status_list", default="wtg", label="Status")
_PROJECT = Field("entity", ("Project",))
_PEOPLE = ("HumanUser", "ApiUser", "ClientUser")
_LINKABLE = ("Asset", "Shot", "Sequence", "Version", "Task", "Playlist")
_COMMON: Mapping[str, Field] = {
    "id": Field("number"),
    "cached_display_name": _TEXT,
    "created_at": Field("date_time"),
    "updated_at": Field("date_time"),
    "created_by": Field("entity", _PEOPLE),
    "updated_by": Field("entity", _PEOPLE),
    "image": Field("image", label="Thumbnail"),
    "filmstrip_image": Field("image"),
}
_WORK: Mapping[str, Field] = {
    **_COMMON,
    "project": _PROJECT,
    "code": Field("text", label="Name"),
    "description": Field("text", label="Description"),
    "sg_status_list": _STATUS,
    "notes": Field("multi_entity", ("Note",)),
}

TYPES: Mapping[str, Mapping[str, Field]] = {
    "Project": {
        **_COMMON,
        "name": Field("text", label="Name"),
        "sg_status": Field("list", default="Active", label="Status"),
        "archived": Field("checkbox", default=False),
        "sg_description": _TEXT,
    },
    "HumanUser": {
        **_COMMON,
        "name": _TEXT,
        "login": _TEXT,
        "email": _TEXT,
        "firstname": _TEXT,
        "lastname": _TEXT,
        "sg_status_list": Field("status_list", default="act", label="Status"),
        "projects": Field("multi_entity", ("Project",)),
    },
    "ApiUser": {
        **_COMMON,
        "firstname": Field("text", label="Script Name"),
        "lastname": Field("text", label="Version"),
        "description": _TEXT,
        "email": _TEXT,
        "generate_event_log_entries": Field("checkbox", default=False, label="Generate Events"),
    },
    "ClientUser": {**_COMMON, "name": _TEXT, "email": _TEXT},
    "Sequence": {
        **_WORK,
        "shots": Field("multi_entity", ("Shot",)),
        "tasks": Field("multi_entity", ("Task",)),
    },
    "Shot": {
        **_WORK,
        "sg_sequence": Field("entity", ("Sequence",), label="Sequence"),
        "sg_shot_type": Field("list", label="Type"),
        "sg_latest_vendor_status": Field("status_list", default="wtg", label="Latest Vendor Status"),
        "sg_cut_in": Field("number", label="Cut In"),
        "sg_cut_out": Field("number", label="Cut Out"),
        "sg_fps": Field("float", label="FPS"),
        "sg_locked": Field("checkbox", label="Locked"),
        "sg_delivered_at": Field("date_time", label="Delivered"),
        "assets": Field("multi_entity", ("Asset",), label="Assets"),
        "tasks": Field("multi_entity", ("Task",)),
        "sg_versions": Field("multi_entity", ("Version",)),
        "task_template": Field("entity", ("TaskTemplate",), label="Task Template"),
    },
    "Asset": {
        **_WORK,
        "sg_asset_type": Field("list", label="Type"),
        "shots": Field("multi_entity", ("Shot",)),
        "tasks": Field("multi_entity", ("Task",)),
        "sg_versions": Field("multi_entity", ("Version",)),
        "task_template": Field("entity", ("TaskTemplate",), label="Task Template"),
    },
    "Step": {**_COMMON, "code": _TEXT, "short_name": _TEXT, "entity_type": _TEXT},
    "TaskTemplate": {**_COMMON, "code": _TEXT, "entity_type": _TEXT},
    "Task": {
        **_COMMON,
        "project": _PROJECT,
        "content": Field("text", label="Task Name"),
        "entity": Field("entity", ("Asset", "Shot", "Sequence"), label="Link"),
        "step": Field("entity", ("Step",), label="Pipeline Step"),
        "sg_status_list": _STATUS,
        "sg_description": Field("text", label="Description"),
        "task_assignees": Field("multi_entity", ("HumanUser",), label="Assigned To"),
        "start_date": Field("date", label="Start Date"),
        "due_date": Field("date", label="Due Date"),
        "est_in_mins": Field("duration", label="Bid"),
        "time_percent_of_est": Field("percent"),
        "color": Field("color", default="pipeline_step", label="Gantt Bar Color"),
        "notes": Field("multi_entity", ("Note",)),
        "sg_versions": Field("multi_entity", ("Version",)),
        "upstream_tasks": Field("multi_entity", ("Task",), label="Upstream Dependency"),
        "downstream_tasks": Field("multi_entity", ("Task",), label="Downstream Dependency"),
    },
    "Version": {
        **_WORK,
        "sg_status_list": Field("status_list", default="rev", label="Status"),
        "entity": Field("entity", ("Asset", "Shot", "Sequence"), label="Link"),
        "sg_task": Field("entity", ("Task",), label="Task"),
        "user": Field("entity", _PEOPLE, label="Artist"),
        "sg_path_to_frames": Field("text", label="Path to Frames"),
        "frame_count": Field("number", label="Frame Count"),
        "playlists": Field("multi_entity", ("Playlist",), label="Playlists"),
    },
    "PublishedFile": {
        **_WORK,
        "name": _TEXT,
        "entity": Field("entity", ("Asset", "Shot", "Sequence"), label="Link"),
        "task": Field("entity", ("Task",), label="Task"),
        "version": Field("entity", ("Version",), label="Version"),
        "version_number": Field("number", label="Version Number"),
        "path": Field("url", label="Path"),
    },
    "Note": {
        **_COMMON,
        "project": _PROJECT,
        "subject": Field("text", label="Subject"),
        "content": Field("text", label="Body"),
        "sg_status_list": Field("status_list", default="opn", label="Status"),
        "note_links": Field("multi_entity", _LINKABLE, label="Links"),
        "addressings_to": Field("multi_entity", ("HumanUser",), label="To"),
        "user": Field("entity", _PEOPLE, label="Author"),
        "replies": Field("multi_entity", ("Reply",)),
    },
    "Reply": {
        **_COMMON,
        "content": _TEXT,
        "entity": Field("entity", ("Note",), label="Link"),
        "user": Field("entity", _PEOPLE),
    },
    "Playlist": {**_WORK, "versions": Field("multi_entity", ("Version",), label="Versions")},
    "Page": {**_COMMON, "name": _TEXT, "page_type": _TEXT, "project": _PROJECT},
    "CustomEntity01": {**_WORK},
    "EventLogEntry": {
        "id": Field("number"),
        "event_type": _TEXT,
        "attribute_name": _TEXT,
        "description": _TEXT,
        "meta": Field("serializable"),
        "entity": Field("entity", ("Entity",)),
        "user": Field("entity", _PEOPLE),
        "project": _PROJECT,
        "session_uuid": Field("uuid"),
        "created_at": Field("date_time"),
        "cached_display_name": _TEXT,
        "image": Field("image"),
        "filmstrip_image": Field("image"),
        "image_blur_hash": _TEXT,
        "image_source_entity": Field("entity", ("Entity",)),
        "audit_trail": Field("jsonb"),
    },
}

NAME_FIELDS: Mapping[str, str] = {
    "Project": "name",
    "HumanUser": "name",
    "ClientUser": "name",
    "Task": "content",
    "Note": "subject",
    "Reply": "content",
    "Page": "name",
}

# (type, link field) -> the field of the target that lists the links back, and logs a row of its own
BACK_REFERENCES: Mapping[tuple[str, str], str] = {
    ("Task", "entity"): "tasks",
    ("Version", "entity"): "sg_versions",
    ("Version", "sg_task"): "sg_versions",
    ("Shot", "sg_sequence"): "shots",
    ("Shot", "assets"): "shots",
    ("Note", "note_links"): "notes",
    ("Reply", "entity"): "replies",
}

# What the site sets itself: never written by a client, never logged as a change of its own.
READ_ONLY = frozenset({"id", "cached_display_name", "updated_at", "updated_by", "filmstrip_image"})
UNLOGGED = frozenset({"project", "created_at", "created_by"})


def name_field(entity_type: str) -> str:
    """Return the field that holds the display name of ``entity_type``."""
    return NAME_FIELDS.get(entity_type, "code")
