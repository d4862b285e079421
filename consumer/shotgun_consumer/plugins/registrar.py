"""What a plugin is handed to register its callbacks with."""

from __future__ import annotations

import logging
from collections.abc import Callable
from configparser import ConfigParser
from dataclasses import asdict, dataclass
from typing import Any

from ..errors import RegistrationError
from .call_options import CallOptions, FailureAction, OptionError, checked_concurrency
from .decorator import Decorated, line_of
from .filters import Filter, FilterError, parse_filter
from .signatures import Api, CallbackError, CallStyle, Generation, call_style, is_async

__all__ = [
    "Api",
    "CallbackSpec",
    "Emails",
    "RegistrationError",
    "Registrar",
    "SeedRegistrar",
    "make_registrar",
]

Emails = bool | tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CallbackSpec:
    """One registered callback, as the plugin gave it.

    `name` is what logs show; `key` is unique in the plugin and the same in every process, so metrics and
    idempotency keys are built from it. `args` is handed on by identity, never copied. An option that is None was not
    said; `timeout` is in seconds, `retry_on` are names of exceptions.
    """

    name: str
    key: str
    function: Callable[..., Any]
    style: CallStyle
    filter: Filter
    args: Any
    stop_on_error: bool
    script_name: str | None
    script_key: str | None
    logger: logging.Logger
    generation: Generation = "classic"
    is_async: bool = False
    ignore_own_events: bool = False
    concurrency: int | None = None
    max_attempts: int | None = None
    retry_on: tuple[str, ...] | None = None
    timeout: float | None = None
    on_failure: FailureAction | None = None

    @property
    def line(self) -> int | None:
        """Where in its file the callback begins, when that can be told."""
        return line_of(self.function)

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
        self._concurrency: int | None = None

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
        self._classic(sgScriptName, sgScriptKey, callback, matchEvents, args, bool(stopOnError), "classic")

    def setConcurrency(self, n: int) -> None:  # noqa: N802
        """Say that the plugin is thread-safe and may have `n` events running at once; each entity's order is kept.

        The configuration wins over it. Raises RegistrationError for what is no number from 1 to 1000.
        """
        try:
            self._concurrency = checked_concurrency(n)
        except OptionError as error:
            raise RegistrationError(f"setConcurrency: {error}") from None

    def callbacks(self) -> tuple[CallbackSpec, ...]:
        """What was registered so far, in order."""
        return tuple(self._callbacks)

    def emails(self) -> Emails:
        """What `setEmails` was told."""
        return self._emails

    def concurrency(self) -> int | None:
        """How many events the plugin allows at once; None when it said nothing.

        Every callback must allow it, so the smallest number counts, and a callback that says none allows one.
        """
        if self._concurrency is not None:
            return self._concurrency
        said = [spec.concurrency for spec in self._callbacks]
        return None if all(one is None for one in said) else min(one or 1 for one in said)

    def add_decorated(self, decorated: Decorated) -> None:
        """Register a function that stands under `@on`. Raises RegistrationError."""
        try:
            _check_credentials(decorated.script_name, decorated.script_key, ("script_name", "script_key"))
            style = call_style(decorated.function, "context")
        except (CallbackError, RegistrationError) as error:
            raise RegistrationError(str(error), line_of(decorated.function)) from error
        self._append(
            decorated.function,
            style,
            decorated.selections,
            "context",
            args=decorated.args,
            stop_on_error=decorated.stop_on_error,
            credentials=(decorated.script_name, decorated.script_key),
            ignore_own_events=decorated.ignore_own_events,
            options=decorated.options,
        )

    def _classic(
        self,
        script_name: str | None,
        script_key: str | None,
        callback: Callable[..., Any],
        match_events: Any,
        args: Any,
        stop_on_error: bool,
        generation: Api,
    ) -> None:
        _check_credentials(script_name, script_key, ("sgScriptName", "sgScriptKey"))
        try:
            style = call_style(callback, generation)
            event_filter = parse_filter(match_events)
        except (CallbackError, FilterError) as error:
            raise RegistrationError(str(error)) from error
        self._append(
            callback,
            style,
            event_filter,
            generation,
            args=args,
            stop_on_error=stop_on_error,
            credentials=(script_name, script_key),
            ignore_own_events=False,
            options=CallOptions(),
        )

    def _append(
        self,
        callback: Callable[..., Any],
        style: CallStyle,
        event_filter: Filter,
        generation: Generation,
        *,
        args: Any,
        stop_on_error: bool,
        credentials: tuple[str | None, str | None],
        ignore_own_events: bool,
        options: CallOptions,
    ) -> None:
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
                script_name=credentials[0],
                script_key=credentials[1],
                logger=logger,
                generation=generation,
                is_async=is_async(callback),
                ignore_own_events=ignore_own_events,
                **asdict(options),
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
        self._classic(sgScriptName, sgScriptKey, callback, matchEvents, args, bool(stopOnError), "seed")


def make_registrar(plugin: str, api: Api, config: ConfigParser) -> Registrar:
    """The registrar for a plugin of this API."""
    return SeedRegistrar(plugin, config) if api == "seed" else Registrar(plugin, config)


def _check_credentials(script_name: object, script_key: object, names: tuple[str, str]) -> None:
    if script_name is None and script_key is None:
        return
    for what, value in zip(names, (script_name, script_key), strict=True):
        if not isinstance(value, str) or not value:
            shown = "an empty text" if value == "" else type(value).__name__
            raise RegistrationError(
                f"{what} must be a text, got {shown}; pass the script's name and key, "
                "or None for both to use the service's own script."
            )
