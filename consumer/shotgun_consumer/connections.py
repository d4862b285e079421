"""Connections to Shotgun: one for each callback in each worker thread, made when it is first used."""

from __future__ import annotations

from collections.abc import Callable

import shotgun_api3
from pydantic import SecretStr

from shotgun_runtime.settings_sections import ShotgunSettings
from shotgun_runtime.shotgun import connect

from .registrar import CallbackSpec

Connect = Callable[[str | None, str | None], shotgun_api3.Shotgun]
"""Makes a connection for a script's name and key; None for both is the service's own script."""


def connector(settings: ShotgunSettings) -> Connect:
    """Connections to the configured site. Making one sends nothing; the client tries each request three times."""

    def make(script_name: str | None, script_key: str | None) -> shotgun_api3.Shotgun:
        if script_name is None or script_key is None:
            return connect(settings)
        return connect(
            settings.model_copy(update={"script_name": script_name, "api_key": SecretStr(script_key)})
        )

    return make


class CallbackConnection:
    """The connection of one callback in one thread; its `config` is nobody else's."""

    def __init__(self, spec: CallbackSpec, connect: Connect) -> None:
        self._spec = spec
        self._connect = connect
        self._sg: shotgun_api3.Shotgun | None = None

    def get(self, session_uuid: str | None) -> shotgun_api3.Shotgun:
        """The connection, with the event's session set (None clears it). A failure to make it is tried anew."""
        if self._sg is None:
            self._sg = self._connect(self._spec.script_name, self._spec.script_key)
        self._sg.set_session_uuid(session_uuid)
        return self._sg
