"""Where plugins lie: every `*.py` directly in the configured folders."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path

from shotgun_runtime.errors import ConfigurationError

log = logging.getLogger(__name__)

_MAY_REGISTER = re.compile(rb"registerCallbacks|import\s*\*|shotgun_consumer|@(?:\w+\.)*on\b|\bon_event\b")


@dataclass(frozen=True, slots=True)
class PluginFile:
    """A file that may be a plugin. Its name is the file's stem, unless the configuration gives it another one."""

    name: str
    path: Path


def stem(path: Path) -> str:
    """The name of the plugin in a file that the configuration does not name."""
    return path.stem


def is_chosen(name: str, only: Sequence[str]) -> bool:
    """Whether a plugin's name matches one of the patterns; any does without a pattern."""
    return not only or any(fnmatchcase(name, pattern) for pattern in only)


def find_plugin_files(
    folders: Sequence[Path], only: Sequence[str] = (), name_of: Callable[[Path], str] = stem
) -> list[PluginFile]:
    """The plugin files in these folders: folder by folder, in each by file name.

    `name_of` gives the name of the plugin in a file; `only` keeps the names that match one of its patterns. A path may
    also be one file. Helpers (`_*.py`, and files that mention neither `registerCallbacks` nor our decorator nor
    `on_event`) are left out with a line at INFO. Raises ConfigurationError for a folder that is missing, and for two
    files of one name.
    """
    found: dict[str, PluginFile] = {}
    for path in (path for folder in folders for path in _python_files(folder)):
        name = name_of(path)
        if not is_chosen(name, only):
            continue
        if _is_helper(path):
            log.info("%s is a helper, not a plugin: it does not register callbacks", path)
            continue
        known = found.get(name)
        if known is not None and known.path != path:
            raise ConfigurationError(
                f"two plugins are named {name!r}: {known.path} and {path}; a plugin's name is its consumer "
                f"group's, so rename one of the files, or give it another name: consumer.names: {{{path}: ..}}"
            )
        found[name] = PluginFile(name, path)
    return list(found.values())


def helper_files(folders: Sequence[Path]) -> list[Path]:
    """The Python files in these folders that are no plugins. Raises ConfigurationError for a folder that is missing."""
    files = (path for folder in folders for path in _python_files(folder))
    return list(dict.fromkeys(path for path in files if _is_helper(path)))


def plugin_folders(folders: Iterable[Path]) -> list[Path]:
    """The folders from which plugins import their helpers."""
    return list(dict.fromkeys(absolute(path) if path.is_dir() else absolute(path).parent for path in folders))


def python_files(folder: Path, names: Iterable[str]) -> list[Path]:
    """Of what a folder holds, the files that may be plugins or helpers, by name."""
    return [
        absolute(folder / name) for name in sorted(names) if name.endswith(".py") and not name.startswith(".")
    ]


def absolute(path: Path) -> Path:
    """The path from the root. Symbolic links are kept: a file's name is what the studio called it, also where it is
    mounted as a link."""
    return path.expanduser().absolute()


def may_register(content: bytes) -> bool:
    """Whether this source may be a plugin's: a helper never mentions the function that registers callbacks."""
    return _MAY_REGISTER.search(content) is not None


def is_private(path: Path) -> bool:
    """Whether the name alone says that this is a helper."""
    return path.name.startswith("_")


def _python_files(folder: Path) -> list[Path]:
    if folder.is_file():
        if folder.suffix != ".py":
            raise ConfigurationError(
                f"{str(folder)!r} is no Python file; name a folder with plugins, or a file whose name ends in .py"
            )
        return [absolute(folder)]
    if not folder.is_dir():
        raise ConfigurationError(
            f"plugin folder {str(folder)!r} does not exist; create it, or correct consumer.plugin_paths or --plugins"
        )
    try:
        names = [path.name for path in folder.iterdir()]
    except OSError as error:
        raise ConfigurationError(
            f"plugin folder {str(folder)!r} cannot be read: {error.strerror}; make it readable"
        ) from error
    return python_files(folder, names)


def _is_helper(path: Path) -> bool:
    if is_private(path):
        return True
    try:
        return not may_register(path.read_bytes())
    except OSError:
        # A dangling link or an unreadable file is for the loader to report.
        return False
