"""Connections that make no change: what a plugin would write is taken down instead."""

from __future__ import annotations

import abc
import itertools
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import shotgun_api3
from shotgun_api3.shotgun import ServerCapabilities

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings_sections import ShotgunSettings
from shotgun_runtime.shotgun import connect_with

from ..running.connections import Connect, settings_of

FIRST_MADE_ID = 1_000_000_001
"""What is created by a recording connection has ids from here on."""

NO_SITE = "http://no-site.invalid"

READS = frozenset(
    (
        "activity_stream",
        "export_page",
        "followers",
        "following",
        "get_session_token",
        "info",
        "nav_expand",
        "nav_search_entity",
        "nav_search_string",
        "note_thread_contents",
        "preferences_read",
        "query_display_name_cache",
        "read",
        "schema_entity_read",
        "schema_field_read",
        "schema_read",
        "summarize",
        "user_subscriptions_read",
        "work_schedule_read",
    )
)
"""Requests that change nothing. Every other is a write."""


@dataclass(frozen=True, slots=True)
class Write:
    """One change: `create`, `update`, `delete`, `revive`, `upload`, or another request by its name.

    `data` are the fields as they are sent: links as type and id alone, dates as the plugin gave them. `modes` has the
    fields of an update whose values are to be added to or removed from a list.
    """

    method: str
    entity_type: str | None = None
    entity_id: int | None = None
    data: Mapping[str, Any] = field(default_factory=dict)
    modes: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        about = f" {self.entity_type}" if self.entity_type else ""
        number = f" {self.entity_id}" if self.entity_id is not None else ""
        modes = (
            f" ({', '.join(f'{name}: {mode}' for name, mode in self.modes.items())})" if self.modes else ""
        )
        return f"{self.method}{about}{number} {dict(self.data)!r}{modes}"


class Journal:
    """The writes of all connections that share it, in order."""

    def __init__(self, first_id: int = FIRST_MADE_ID) -> None:
        self.writes: list[Write] = []
        self._ids = itertools.count(first_id)

    def add(self, write: Write) -> None:
        """Take down one write."""
        self.writes.append(write)

    def new_id(self) -> int:
        """An id for what is created."""
        return next(self._ids)


class JournalShotgun(shotgun_api3.Shotgun, abc.ABC):  # type: ignore[misc]
    """The site's own client up to the point where a request would be sent. Sub-classes say what comes back."""

    journal: Journal

    @abc.abstractmethod
    def apply(self, write: Write) -> Any:
        """What the site would answer to this write, in the site's own form."""

    @abc.abstractmethod
    def _look(self, method: str, params: Any, *, include_auth_params: bool, first: bool) -> Any:
        """What the client returns for a request that changes nothing."""

    def upload(
        self,
        entity_type: str,
        entity_id: int,
        path: str,
        field_name: str | None = None,
        display_name: str | None = None,
        tag_list: str | None = None,
        created_at: Any = None,  # noqa: ARG002
    ) -> Any:
        """Take the upload down; the file is not looked at. Returns the id that the attachment would have."""
        given = {"path": path, "field_name": field_name, "display_name": display_name, "tag_list": tag_list}
        data = {name: value for name, value in given.items() if value is not None}
        return self._take("upload", entity_type, entity_id, data)

    def share_thumbnail(
        self, entities: Any, thumbnail_path: Any = None, source_entity: Any = None, **more: Any
    ) -> Any:
        """Take it down. Returns the id that the attachment would have."""
        source = thumbnail_path or _bare(source_entity)
        return self._take(
            "share_thumbnail", None, None, {"entities": _bare(entities), "source": source, **more}
        )

    def _take(
        self, method: str, entity_type: str | None, entity_id: int | None, data: Mapping[str, Any]
    ) -> Any:
        return self.apply(self._noted(Write(method, entity_type, entity_id, data)))

    def _noted(self, write: Write) -> Write:
        self.journal.add(write)
        return write

    def _call_rpc(
        self, method: str, params: Any, include_auth_params: bool = True, first: bool = False
    ) -> Any:
        if method in READS:
            return self._look(method, params, include_auth_params=include_auth_params, first=first)
        if method == "batch":
            answer: Any = [self._write(one["request_type"], one) for one in params]
        else:
            answer = self._write(method, params)
        return self._transform_inbound(answer)

    def _write(self, method: str, params: Any) -> Any:
        if not isinstance(params, Mapping) or "fields" not in params:
            given = params if isinstance(params, Mapping) else {"params": params}
            entity_type, number = given.get("type"), given.get("id")
            rest = (
                {}
                if number is not None
                else {key: _bare(value) for key, value in given.items() if key != "type"}
            )
            return self.apply(self._noted(Write(method, entity_type, number, rest)))
        data = {one["field_name"]: _bare(one["value"]) for one in params["fields"]}
        modes = {
            one["field_name"]: one["multi_entity_update_mode"]
            for one in params["fields"]
            if "multi_entity_update_mode" in one
        }
        answer = self.apply(self._noted(Write(method, params["type"], params.get("id"), data, modes)))
        wanted = [name for name in params.get("return_fields") or () if name not in answer]
        return {**answer, **self._more(answer, wanted)} if wanted else answer

    def _more(self, answer: Mapping[str, Any], fields: list[str]) -> Mapping[str, Any]:  # noqa: ARG002
        """The fields that a create was asked to return and was not given."""
        return dict.fromkeys(fields)


class RecordingShotgun(JournalShotgun):
    """Reads from the site, and writes nothing: see `journal`. What it created can be read back by its id alone."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.journal = Journal()
        self._made: dict[tuple[str, int], dict[str, Any]] = {}

    def apply(self, write: Write) -> Any:
        """The usual answer to such a write."""
        data = self._transform_outbound(dict(write.data))
        if write.method == "create":
            row = {"type": write.entity_type, "id": self.journal.new_id(), **data}
            self._made[str(write.entity_type), int(row["id"])] = row
            return dict(row)
        if write.method == "update":
            return {"type": write.entity_type, "id": write.entity_id, **data}
        if write.method in ("delete", "revive"):
            return True
        if write.method in ("upload", "share_thumbnail"):
            return self.journal.new_id()
        return None

    def _look(self, method: str, params: Any, *, include_auth_params: bool, first: bool) -> Any:
        made = self._one_made(params) if method == "read" else None
        if made is not None:
            entity = {name: made.get(name) for name in ("type", "id", *params["return_fields"])}
            return self._transform_inbound({"entities": [entity], "paging_info": {"has_next_page": False}})
        return shotgun_api3.Shotgun._call_rpc(self, method, params, include_auth_params, first)

    def _one_made(self, params: Any) -> dict[str, Any] | None:
        """What a read asks for by an id that only this connection knows."""
        for condition in params["filters"].get("conditions") or ():
            if condition.get("path") == "id" and condition.get("relation") == "is":
                return self._made.get((params["type"], condition["values"][0]))
        return None


class SitelessShotgun(RecordingShotgun):
    """Takes down writes where no site is configured; a read says so."""

    def _look(self, method: str, params: Any, **_more: Any) -> Any:
        raise ConfigurationError(
            f"the plugin reads from the site ({method} {(params or {}).get('type', '')}), and none is configured; "
            "set shotgun.url, shotgun.script_name and shotgun.api_key"
        )


def has_site(settings: ShotgunSettings) -> bool:
    """Whether a site is configured to read from."""
    return bool(settings.url and settings.script_name and settings.api_key.get_secret_value())


def recording_connector(settings: ShotgunSettings, journal: Journal) -> Connect:
    """Connections that read from the configured site, if there is one, and take down in the journal what they would
    write."""

    def make(script_name: str | None, script_key: str | None) -> RecordingShotgun:
        if has_site(settings):
            handle: RecordingShotgun = connect_with(
                settings_of(settings, script_name, script_key), RecordingShotgun
            )
        else:
            handle = SitelessShotgun(
                NO_SITE, script_name=script_name or "nobody", api_key=script_key or "none", connect=False
            )
            handle._server_caps = ServerCapabilities(handle.config.server, {"version": [8, 0, 0]})
        handle.journal = journal
        return handle

    return make


def _bare(value: Any) -> Any:
    """Links without what the site does not look at."""
    if isinstance(value, list | tuple):
        return [_bare(one) for one in value]
    if isinstance(value, Mapping) and "type" in value and "id" in value:
        return {"type": value["type"], "id": value["id"]}
    return value
