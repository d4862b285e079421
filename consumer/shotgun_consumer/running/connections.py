"""Connections to Shotgun: one for each callback in each thread that calls it, made when it is first used."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import shotgun_api3
from pydantic import SecretStr

from shotgun_runtime.settings_sections import ShotgunSettings
from shotgun_runtime.shotgun import connect

from ..plugins.registrar import CallbackSpec
from .threads import Threads

T = TypeVar("T")

Connect = Callable[[str | None, str | None], shotgun_api3.Shotgun]
"""Makes a connection for a script's name and key; None for both is the service's own script."""


def connector(settings: ShotgunSettings) -> Connect:
    """Connections to the configured site. Making one sends nothing; the client tries each request three times."""

    def make(script_name: str | None, script_key: str | None) -> shotgun_api3.Shotgun:
        return connect(settings_of(settings, script_name, script_key))

    return make


def settings_of(
    settings: ShotgunSettings, script_name: str | None, script_key: str | None
) -> ShotgunSettings:
    """The site's settings with a callback's own script; without one, as they are."""
    if script_name is None or script_key is None:
        return settings
    return settings.model_copy(update={"script_name": script_name, "api_key": SecretStr(script_key)})


class Connection(Protocol):
    """Where a callback gets its connection from."""

    def get(self, session_uuid: str | None) -> shotgun_api3.Shotgun:
        """The connection, with the event's session set (None clears it). A failure to make it is tried anew."""

    @property
    def script_name(self) -> str | None:
        """The script that the connection was made for, whatever a plugin wrote into its `config` since."""


class CallbackConnection:
    """The connection of one callback in one thread; its `config` is nobody else's."""

    def __init__(self, spec: CallbackSpec, connect: Connect) -> None:
        self._spec = spec
        self._connect = connect
        self._sg: shotgun_api3.Shotgun | None = None
        self._script_name: str | None = None

    def get(self, session_uuid: str | None) -> shotgun_api3.Shotgun:
        """See `Connection`."""
        sg = self._sg or self._made()
        sg.set_session_uuid(session_uuid)
        return sg

    @property
    def script_name(self) -> str | None:
        """See `Connection`."""
        self._made()
        return self._script_name

    def _made(self) -> shotgun_api3.Shotgun:
        if self._sg is None:
            self._sg = self._connect(self._spec.script_name, self._spec.script_key)
            self._script_name = self._sg.config.script_name
        return self._sg


class ThreadConnections:
    """The connections of one callback, one for each thread that asks."""

    def __init__(self, spec: CallbackSpec, connect: Connect) -> None:
        self._spec = spec
        self._connect = connect
        self._local = threading.local()

    def get(self, session_uuid: str | None) -> shotgun_api3.Shotgun:
        """See `Connection`."""
        return self._mine().get(session_uuid)

    @property
    def script_name(self) -> str | None:
        """See `Connection`."""
        return self._mine().script_name

    def _mine(self) -> CallbackConnection:
        mine: CallbackConnection | None = getattr(self._local, "mine", None)
        if mine is None:
            mine = self._local.mine = CallbackConnection(self._spec, self._connect)
        return mine


class AsyncShotgun:
    """`context.sg` of an `async` callback: the methods of `shotgun_api3.Shotgun`, to be awaited.

    `await context.sg.find("Task", ...)`. For more than one method call, or for `sg.config`, hand over a function:
    `await context.sg.run(lambda sg: ...)`. Each request runs in one of the callback's threads, with the connection
    of that thread.
    """

    def __init__(self, connection: Connection, threads: Threads, session_uuid: str | None) -> None:
        self._connection = connection
        self._threads = threads
        self._session_uuid = session_uuid

    async def run(self, work: Callable[[Any], T]) -> T:
        """Call `work` with the plain client in a thread of the callback. Raises what it raises."""
        return await self._threads.run(lambda: work(self._connection.get(self._session_uuid)))

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_") or not callable(getattr(shotgun_api3.Shotgun, name, None)):
            raise AttributeError(
                f"context.sg.{name} is no method of shotgun_api3.Shotgun; "
                f"in an async callback use 'await context.sg.run(lambda sg: sg.{name})'"
            )

        def call(*args: Any, **kwargs: Any) -> Any:
            return self.run(lambda sg: getattr(sg, name)(*args, **kwargs))

        return call
