"""Which events a script made itself, so that a plugin does not answer its own changes for ever."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Mapping
from typing import Any

log = logging.getLogger(__name__)

# A script's user is named "<script> <version>" on events; the version is any text, and may be missing.
_VERSION = re.compile(r"v?\d\S*")
LOOK_AGAIN_SECONDS = 60.0

FindId = Callable[[str], int | None]
"""The id of the script user with this name; None when there is none that may be seen. May raise anything."""


class OwnEvents:
    """Tells the events of one script, whose name is asked for when the first event of any script comes. One thread.

    An event carries its maker's link, whose name is the script's name and version in one text. Only for events whose
    name begins like the script's, the id is asked for: once. Until it is known, and where the site does not show it,
    a name counts that is the script's, alone or followed by a version.
    """

    def __init__(self, script_name: Callable[[], str | None], find_id: FindId) -> None:
        self._asked_name = script_name
        self._script_name = ""
        self._find_id = find_id
        self._id: int | None = None
        self._look_at = float("-inf")

    def must_ask(self, event: Mapping[str, Any], now: float) -> bool:
        """Whether `made` may have to wait for the site, or for a connection."""
        makers = _makers(event) if self._id is None else []
        if not self._script_name:
            return bool(makers)
        return now >= self._look_at and any(map(self._may_be_own, makers))

    def made(self, event: Mapping[str, Any], now: float) -> bool:
        """Whether the script made this event, under its own name or in somebody's (`sudo_as_login`).

        `now` is the seconds of a clock that only goes on. Raises what asking for the script's name raises.
        """
        makers = _makers(event)
        if not makers:
            return False
        self._script_name = self._script_name or self._asked_name() or ""
        return bool(self._script_name) and any(self._is_own(user, now) for user in makers)

    def _is_own(self, user: Mapping[str, Any], now: float) -> bool:
        if not self._may_be_own(user):
            return False
        if self._id is None and now >= self._look_at:
            self._look(now)
        if self._id is not None:
            return user.get("id") == self._id
        name = user.get("name")
        if not isinstance(name, str):
            return False
        rest = name[len(self._script_name) :].strip()
        return not rest or _VERSION.fullmatch(rest) is not None

    def _may_be_own(self, user: Mapping[str, Any]) -> bool:
        name = user.get("name")
        return (
            not isinstance(name, str) or name == self._script_name or name.startswith(f"{self._script_name} ")
        )

    def _look(self, now: float) -> None:
        try:
            self._id = self._find_id(self._script_name)
        except Exception as error:  # noqa: BLE001 - the client's failures surface as many unrelated classes
            self._look_at = now + LOOK_AGAIN_SECONDS
            log.warning(
                "The id of script %r cannot be read (%s: %s); until then its own events are told by its name",
                self._script_name,
                type(error).__name__,
                error,
            )
            return
        if self._id is None:
            self._look_at = float("inf")
            log.warning(
                "The site shows no script user named %r to this script; its own events are told by its name",
                self._script_name,
            )


def find_script_id(sg: Any, script_name: str) -> int | None:
    """The id of a script user, read from the site. Raises what the client raises."""
    found = sg.find_one("ApiUser", [["firstname", "is", script_name]], ["id"])
    return None if found is None else int(found["id"])


def _makers(event: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    meta = event.get("meta")
    behind = meta.get("sudo_actual_user") if isinstance(meta, Mapping) else None
    return [
        user
        for user in (event.get("user"), behind)
        if isinstance(user, Mapping) and user.get("type") == "ApiUser"
    ]
