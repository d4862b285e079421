"""From a file to a plugin that is ready to be started."""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import sys
import traceback
from collections.abc import Iterable
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from .plugin_files import PluginFile
from .registrar import Api, CallbackSpec, Emails, RegistrationError, make_registrar

log = logging.getLogger(__name__)

ENTRY_POINT = "registerCallbacks"


@dataclass(frozen=True, slots=True)
class LoadedPlugin:
    """A plugin whose `registerCallbacks` has run."""

    name: str
    path: Path
    api: Api
    callbacks: tuple[CallbackSpec, ...]
    emails: Emails
    warnings: tuple[str, ...]
    logger: logging.Logger


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
    """The module has no `registerCallbacks`: it is a helper of others."""


def offer_helpers(folders: Iterable[Path]) -> None:
    """Let plugins import modules that lie beside them.

    The folders come last on the module path, so that no plugin's name hides a library from the others.
    """
    for folder in map(str, folders):
        if folder not in sys.path:
            sys.path.append(folder)


def load_plugin(file: PluginFile, api: Api, config: ConfigParser) -> LoadedPlugin:
    """Import the file and let it register its callbacks.

    Raises NotAPluginError for a helper, and PluginError for whatever else keeps the plugin from being started.
    """
    module = _import(file)
    entry = getattr(module, ENTRY_POINT, None)
    if entry is None:
        raise NotAPluginError(str(file.path))
    if not callable(entry):
        raise PluginError(
            f"plugin '{file.path.name}': {ENTRY_POINT} must be a function, got {type(entry).__name__}; "
            f"write 'def {ENTRY_POINT}(reg):'.",
            file.path,
            None,
        )
    registrar = make_registrar(file.name, api, config)
    try:
        entry(registrar)
    except RegistrationError as error:
        raise PluginError(
            f"plugin '{file.path.name}': {error}", file.path, _line(error, file.path)
        ) from error
    except (Exception, SystemExit) as error:
        raise _plugin_error(file, error, f"{ENTRY_POINT} raised") from error
    callbacks = registrar.callbacks()
    warnings = tuple(f"{spec.key}: {text}" for spec in callbacks for text in spec.filter.warnings())
    return LoadedPlugin(file.name, file.path, api, callbacks, registrar.emails(), warnings, registrar.logger)


def _import(file: PluginFile) -> ModuleType:
    digest = hashlib.sha256(str(file.path).encode(errors="surrogateescape")).hexdigest()[:8]
    # A private name: two plugins, or a plugin and a library, never get into each other's way. The module is in
    # sys.modules while it runs, for dataclasses, pickle and multiprocessing look it up there.
    name = f"_shotgun_plugin_{digest}_{file.name}"
    spec = importlib.util.spec_from_file_location(name, file.path)
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
        raise _plugin_error(file, error, "the import raised") from error
    return module


def _plugin_error(file: PluginFile, error: BaseException, what: str) -> PluginError:
    line = _line(error, file.path)
    text = "".join(traceback.format_exception_only(type(error), error)).strip()
    if isinstance(error, SyntaxError) and error.filename == str(file.path):
        text = f"{type(error).__name__}: {error.msg}"
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
