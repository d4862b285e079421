"""From a file to a plugin that is ready to be started."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sys
import traceback
from collections.abc import Iterator
from configparser import ConfigParser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ..errors import RegistrationError
from .decorator import bare_callback, decorated_in
from .plugin_files import PluginFile
from .plugin_modules import spec_of
from .python2 import explain_syntax
from .registrar import Api, CallbackSpec, Emails, Registrar, make_registrar
from .signatures import CallbackError, call_style

log = logging.getLogger(__name__)

ENTRY_POINT = "registerCallbacks"
BARE_CALLBACK = "on_event"


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin whose callbacks are registered. `concurrency` is how many events it allows at once, if it said so."""

    name: str
    path: Path
    api: Api
    callbacks: tuple[CallbackSpec, ...]
    emails: Emails
    warnings: tuple[str, ...]
    logger: logging.Logger
    concurrency: int | None = None

    @property
    def is_async(self) -> bool:
        """Whether a callback of it is `async`, so that its events run in an event loop."""
        return any(spec.is_async for spec in self.callbacks)


class PluginError(Exception):
    """A plugin that cannot be started.

    The message names the plugin and what is wrong; `path` and `line` say where, `details` is the traceback when
    the plugin's own code raised.
    """

    def __init__(self, message: str, path: Path, line: int | None, details: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.details = details

    def where(self) -> str:
        """File and line."""
        return f"{self.path}:{self.line}" if self.line else str(self.path)


class NotAPluginError(Exception):
    """The module registers nothing and has no `registerCallbacks`: it is a helper of others."""


def load_plugin(file: PluginFile, api: Api, config: ConfigParser) -> LoadedPlugin:
    """Import the file and let it register its callbacks.

    Raises NotAPluginError for a helper, and PluginError for whatever else keeps the plugin from being started.
    """
    return register_plugin(import_plugin(file), file, api, config)


def register_plugin(module: ModuleType, file: PluginFile, api: Api, config: ConfigParser) -> LoadedPlugin:
    """Let a module that was imported from this file register its callbacks. Raises as `load_plugin`."""
    registrar = make_registrar(file.name, api, config)
    entry = getattr(module, ENTRY_POINT, None)
    try:
        _register(module, entry, registrar)
        if entry is not None:
            _enter(file, entry, registrar)
        elif not registrar.callbacks():
            raise NotAPluginError(str(file.path))
    except RegistrationError as error:
        raise _refused(file, error) from error
    except (Exception, SystemExit) as error:
        if isinstance(error, NotAPluginError | PluginError):
            raise
        raise _plugin_error(file, error, f"{ENTRY_POINT} raised") from error
    return LoadedPlugin(
        file.name,
        file.path,
        api,
        registrar.callbacks(),
        registrar.emails(),
        tuple(_warnings(registrar)),
        registrar.logger,
        registrar.concurrency(),
    )


def _register(module: ModuleType, entry: object, registrar: Registrar) -> None:
    """What registers without being asked: functions under `@on`, else a bare `on_event`."""
    decorated = decorated_in(module)
    for one in decorated:
        registrar.add_decorated(one)
    bare: Any = vars(module).get(BARE_CALLBACK)
    # Existing plugins and helpers name their own functions so: only a file that registers in no other way, and a
    # function that takes a context, mean this.
    if not decorated and entry is None and getattr(bare, "__module__", None) == module.__name__:
        with suppress(CallbackError):
            call_style(bare, "context")
            registrar.add_decorated(bare_callback(bare))


def _enter(file: PluginFile, entry: object, registrar: Registrar) -> None:
    if not callable(entry):
        raise PluginError(
            f"plugin '{file.path.name}': {ENTRY_POINT} must be a function, got {type(entry).__name__}; "
            f"write 'def {ENTRY_POINT}(reg):'.",
            file.path,
            None,
        )
    entry(registrar)


def _warnings(registrar: Registrar) -> Iterator[str]:
    callbacks = registrar.callbacks()
    for spec in callbacks:
        yield from (f"{spec.key}: {text}" for text in spec.filter.warnings())
    silent = [spec.key for spec in callbacks if spec.concurrency is None]
    if registrar.concurrency() == 1 and silent and len(silent) < len(callbacks):
        yield (
            f"concurrency has no effect, because {', '.join(silent)} allows one event at once; "
            "say concurrency= over each callback"
        )


def _refused(file: PluginFile, error: RegistrationError) -> PluginError:
    line = error.line or _line(error, file.path)
    return PluginError(f"plugin '{file.path.name}': {error}", file.path, line)


def helper_error(path: Path) -> PluginError | None:
    """What keeps a helper from being imported at all; None when it can be compiled. It is not run."""
    try:
        compile(path.read_bytes(), str(path), "exec", dont_inherit=True)
    except SyntaxError as error:
        text = f"helper '{path.name}': {explain_syntax(error)}; correct the file."
        return PluginError(text, path, error.lineno)
    except (OSError, ValueError, RecursionError) as error:
        return PluginError(f"helper '{path.name}': it cannot be read: {error}; correct the file.", path, None)
    return None


def import_plugin(file: PluginFile) -> ModuleType:
    """The file as a new module, under a name that no other has. Raises PluginError."""
    digest = hashlib.sha256(str(file.path).encode(errors="surrogateescape")).hexdigest()[:8]
    # A private name: two plugins, or a plugin and a library, never get into each other's way. The module is in
    # sys.modules while it runs, for dataclasses, pickle and multiprocessing look it up there.
    name = f"_shotgun_plugin_{digest}_{file.name}"
    spec = spec_of(name, file.path)
    if spec is None or spec.loader is None:
        raise PluginError(
            f"plugin '{file.path.name}': not a Python source file; its name must end in .py", file.path, None
        )
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException as error:
        del sys.modules[name]
        if not isinstance(error, Exception | SystemExit):
            raise
        if isinstance(error, RegistrationError):
            raise _refused(file, error) from error
        raise _plugin_error(file, error, "the import raised") from error
    return module


def _plugin_error(file: PluginFile, error: BaseException, what: str) -> PluginError:
    line = _line(error, file.path)
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    if isinstance(error, SyntaxError) and error.filename == str(file.path):
        text = explain_syntax(error)
        return PluginError(f"plugin '{file.path.name}': {text}; correct the file.", file.path, line)
    if isinstance(error, OSError) and error.filename == str(file.path):
        return PluginError(
            f"plugin '{file.path.name}': the file cannot be read: {error.strerror}; make it readable.",
            file.path,
            None,
        )
    return PluginError(
        f"plugin '{file.path.name}': {what} {text}; correct the file.",
        file.path,
        line,
        "".join(traceback.format_exception(type(error), error, error.__traceback__)),
    )


def _line(error: BaseException, path: Path) -> int | None:
    """The innermost line of the plugin's own file that the error went through."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    lines = [
        line
        for frame, line in traceback.walk_tb(error.__traceback__)
        if frame.f_code.co_filename == str(path)
    ]
    return lines[-1] if lines else None
