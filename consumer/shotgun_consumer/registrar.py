"""What a plugin is handed to register its callbacks with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from configparser import ConfigParser
from dataclasses import dataclass
from typing import Any, Literal

from .filters import EventFilter, FilterError, parse_filter
from .signatures import CallbackError, CallStyle, call_style

Api = Literal["classic", "seed"]
Emails = bool | tuple[str, ...]


class RegistrationError(ValueError):
    """A plugin registered something that cannot work. The message is for the plugin's author."""


@dataclass(frozen=True, slots=True)
class CallbackSpec:
    """One registered callback, as the plugin gave it.

    `name` is what logs show; `key` is unique in the plugin and the same in every process, so metrics and
    idempotency keys are built from it. `args` is handed on by identity, never copied.
    """

    name: str
    key: str
    function: Callable[..., Any]
    style: CallStyle
    filter: EventFilter
    args: Any
    stop_on_error: bool
    script_name: str | None
    script_key: str | None
    logger: logging.Logger

    def __repr__(self) -> str:
        return f"CallbackSpec({self.key!r}, {self.style.value}, {self.filter.describe()})"


class Registrar:
    """The `reg` of `registerCallbacks(reg)`.

    `reg.logger` is the plugin's logger `plugin.<name>`; its `config` is a ConfigParser that holds the service's
    settings without secrets. Registering nothing is legal: the plugin takes part and every event is filtered.
    """

    def __init__(self, plugin: str, config: ConfigParser) -> None:
        self.logger = logging.getLogger(f"plugin.{plugin}")
        self.logger.config = config  # type: ignore[attr-defined]
        self._plugin = plugin
        self._config = config
        self._callbacks: list[CallbackSpec] = []
        self._emails: Emails = True

    def getLogger(self) -> logging.Logger:  # noqa: N802
        """The same as `reg.logger`."""
        return self.logger

    def setEmails(self, *emails: Any) -> None:  # noqa: N802
        """Where this plugin's errors are mailed to: True (the configured addresses, the default), False (nowhere),
        or addresses, as several arguments or as one list. Raises RegistrationError for anything else."""
        values = emails[0] if len(emails) == 1 and isinstance(emails[0], list | tuple | set) else emails
        if emails in ((True,), (False,)):
            self._emails = bool(emails[0])
        elif all(isinstance(value, str) and value for value in values):
            self._emails = tuple(values) or False
        else:
            raise RegistrationError(
                f"setEmails takes True, False or e-mail addresses, got {emails!r}; "
                "use reg.setEmails('td@studio.example')."
            )

    def registerCallback(  # noqa: N802
        self,
        sgScriptName: str | None,  # noqa: N803
        sgScriptKey: str | None,  # noqa: N803
        callback: Callable[..., Any],
        matchEvents: Any = None,  # noqa: N803
        args: Any = None,
        stopOnError: Any = True,  # noqa: N803
    ) -> None:
        """Have `callback` called for the events that `matchEvents` takes.

        The name and key are those of the script whose connection the callback gets; None for both takes the
        service's own. With `stopOnError` an exception leaves the event unfinished and stops the plugin there;
        without, it is logged and the plugin goes on. Raises RegistrationError.
        """
        self._add(sgScriptName, sgScriptKey, callback, matchEvents, args, bool(stopOnError), seed=False)

    def callbacks(self) -> tuple[CallbackSpec, ...]:
        """What was registered so far, in order."""
        return tuple(self._callbacks)

    def emails(self) -> Emails:
        """What `setEmails` was told."""
        return self._emails

    def _add(
        self,
        script_name: str | None,
        script_key: str | None,
        callback: Callable[..., Any],
        match_events: Any,
        args: Any,
        stop_on_error: bool,
        *,
        seed: bool,
    ) -> None:
        _check_credentials(script_name, script_key)
        try:
            style = call_style(callback, seed=seed)
            event_filter = parse_filter(match_events)
        except (CallbackError, FilterError) as error:
            raise RegistrationError(str(error)) from error
        name = getattr(callback, "__name__", None) or f"{type(callback).__name__}_{id(callback):x}"
        logger = logging.getLogger(f"{self.logger.name}.{name}")
        logger.config = self._config  # type: ignore[attr-defined]
        self._callbacks.append(
            CallbackSpec(
                name=name,
                key=self._key(getattr(callback, "__name__", None) or type(callback).__name__),
                function=callback,
                style=style,
                filter=event_filter,
                args=args,
                stop_on_error=stop_on_error,
                script_name=script_name,
                script_key=script_key,
                logger=logger,
            )
        )

    def _key(self, stem: str) -> str:
        taken = {callback.key for callback in self._callbacks}
        key, number = stem, 1
        while key in taken:
            number += 1
            key = f"{stem}#{number}"
        return key


class SeedRegistrar(Registrar):
    """The `reg` of plugins written for the first daemon, where the fourth positional argument is `args`.

    Such plugins know no filters and no stop: an exception is logged and the plugin goes on.
    """

    def registerCallback(  # type: ignore[override]  # noqa: N802
        self,
        sgScriptName: str | None,  # noqa: N803
        sgScriptKey: str | None,  # noqa: N803
        callback: Callable[..., Any],
        args: Any = None,
        matchEvents: Any = None,  # noqa: N803
        stopOnError: Any = False,  # noqa: N803
    ) -> None:
        """As `Registrar.registerCallback`, with the seed's order of arguments and `stopOnError` False."""
        self._add(sgScriptName, sgScriptKey, callback, matchEvents, args, bool(stopOnError), seed=True)


def make_registrar(plugin: str, api: Api, config: ConfigParser) -> Registrar:
    """The registrar for a plugin of this API."""
    return SeedRegistrar(plugin, config) if api == "seed" else Registrar(plugin, config)


def _check_credentials(script_name: object, script_key: object) -> None:
    if script_name is None and script_key is None:
        return
    for what, value in (("sgScriptName", script_name), ("sgScriptKey", script_key)):
        if not isinstance(value, str) or not value:
            shown = "an empty text" if value == "" else type(value).__name__
            raise RegistrationError(
                f"{what} must be a text, got {shown}; pass the script's name and key, "
                "or None for both to use the service's own script."
            )
