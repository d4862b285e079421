"""The plugins of a process from their files: loaded at the start, and again when their content has changed."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from configparser import ConfigParser
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ConsumerSettings

from .plugin_files import PluginFile, is_chosen, is_private, plugin_folders
from .plugin_folders import PluginFolder, watched_folders
from .plugin_loader import LoadedPlugin, NotAPluginError, PluginError, load_plugin
from .plugin_modules import helper_modules, imported_anew
from .plugin_options import plugin_options
from .plugin_set import PluginSet, load_plugins
from .settling import GONE, Settling
from .sources import Content, Sources

log = logging.getLogger(__name__)

QUIET_SECONDS = 0.3
GONE_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin was loaded. `version` tells its content and its helpers' apart from any other."""

    plugin: LoadedPlugin
    version: str


@dataclass(frozen=True, slots=True)
class Broken:
    """What a plugin's file holds now cannot be loaded. What was loaded before is as good as it was."""

    name: str
    error: PluginError


@dataclass(frozen=True, slots=True)
class Removed:
    """A plugin's file is no longer there."""

    name: str


Change = Loaded | Broken | Removed


class PluginLibrary:
    """Finds out what has become of the plugin files. Belongs to one thread at a time.

    A file counts as changed when its content, or that of a helper in the plugin folders that it imports, is another
    one. What cannot be seen at present has not changed.
    """

    def __init__(self, paths: Sequence[Path], settings: ConsumerSettings, config: ConfigParser) -> None:
        self._paths = tuple(paths)
        self._settings = settings
        self._config = config
        self._folders = [PluginFolder(path) for path in paths]
        self._places = plugin_folders(paths)
        self._sources = Sources(self._places)
        self._settling = Settling(QUIET_SECONDS, GONE_SECONDS)
        self._known: dict[str, tuple[Path, Content]] = {}
        self._acted: dict[str, str] = {}
        self._good: set[str] = set()
        self._in_memory: dict[str, str] = {}
        self._troubles: dict[str, str] = {}

    def load(self) -> PluginSet:
        """Load all plugins for the first time. Raises ConfigurationError as `load_plugins` does."""
        # Looked at before they are run, so that what is written meanwhile is found by the next look.
        self._acted = self._look()
        in_files = self._in_files(self._acted)
        plugins = load_plugins(self._paths, self._settings, self._config)
        self._good.update(plugin.name for plugin in plugins.loaded)
        self._in_memory = in_files
        return plugins

    def version_of(self, name: str) -> str:
        """The version of a plugin's content at the last look; empty for one that could not be read."""
        known = self._known.get(name)
        return known[1].version if known is not None else ""

    def refresh(self, now: float) -> list[Change]:
        """Look at the files, and load what has changed and come to rest."""
        troubles = self._troubles
        seen = self._look()
        self._say(troubles)
        due = self._settling.due(now, seen, self._acted)
        if not due:
            return []
        self._acted |= {name: seen[name] for name in due}
        there = [name for name in due if seen[name] != GONE]
        in_files = self._in_files(there)
        own = {self._known[name][0] for name in there}
        stale = {
            name
            for name, path in helper_modules(self._places).items()
            if path in own or (name in in_files and self._in_memory.get(name) != in_files[name])
        }
        with imported_anew(stale):
            changes = [change for name in due if (change := self._act(name, seen[name])) is not None]
            old = stale - helper_modules(self._places).keys()
        # What was imported in a callback, later, is the version of the files too.
        self._in_memory |= {name: version for name, version in in_files.items() if name not in old}
        return changes

    def next_look(self, now: float) -> float | None:
        """Seconds until a change that was seen may have come to rest; None without one."""
        return self._settling.next_look(now)

    def folders(self) -> set[Path]:
        """The folders in which something happens when a plugin is changed."""
        files = {file for _, content in self._known.values() for file in content.modules.values()}
        return watched_folders([*files, *(folder.folder / "any.py" for folder in self._folders)])

    def rank(self, path: Path) -> tuple[int, str]:
        """Where a plugin stands in the classic order: by folder as configured, then by file name."""
        places = [folder.folder for folder in self._folders]
        return (places.index(path.parent) if path.parent in places else len(places), path.name)

    # Looking

    def _look(self) -> dict[str, str]:
        """The state of each plugin, known or new, that can be seen."""
        self._troubles = {}
        self._sources.look()
        found: dict[str, list[Path]] = {}
        away: set[Path] = set()
        for folder in self._folders:
            paths = self._list(folder)
            if paths is None:
                away.add(folder.folder)
            for path in paths or ():
                name = self._settings.plugin_name(path)
                if is_chosen(name, self._settings.only):
                    found.setdefault(name, []).append(path)
        seen: dict[str, str] = {}
        for name in (*found, *(name for name in self._acted if name not in found)):
            state = self._state(name, list(dict.fromkeys(found.get(name, ()))), away)
            if state is not None:
                seen[name] = state
        return seen

    def _list(self, folder: PluginFolder) -> list[Path] | None:
        """The Python files in a folder; None while it cannot be seen."""
        try:
            return folder.files()
        except OSError as error:
            self._troubles[f"plugin folder {str(folder.path)!r}"] = (
                f"it cannot be seen: {error.strerror or error}; its plugins go on as they are"
            )
            return None

    def _state(self, name: str, paths: list[Path], away: set[Path]) -> str | None:
        """The state of one plugin; None when it cannot be seen, or is none."""
        known = self._known.get(name)
        if known is not None and any(
            file.is_relative_to(folder) for file in known[1].modules.values() for folder in away
        ):
            return None
        if not paths:
            return GONE
        path = known[0] if known is not None and known[0] in paths else paths[0]
        shown = f"plugin {name!r}"
        if len(paths) > 1:
            self._troubles[shown] = (
                f"{paths[0]} and {paths[1]} have this name; {path} is used. Rename the other file, or name it in "
                "consumer.names"
            )
        try:
            if name not in self._acted and (is_private(path) or not self._sources.read(path).registers):
                return None
            content = self._sources.content(path, name)
        except OSError as error:
            self._troubles[shown] = f"{error.filename or path} cannot be read: {error.strerror or error}"
            return None
        self._known[name] = (path, content)
        return f"{content.version} {path}"

    def _say(self, before: Mapping[str, str]) -> None:
        """Say what cannot be seen, when that is new, and what can be seen again."""
        for what, text in self._troubles.items():
            if before.get(what) != text:
                log.warning("%s: %s", what, text)
        for what in before.keys() - self._troubles.keys():
            log.info("%s can be seen again", what)

    # Loading

    def _act(self, name: str, state: str) -> Change | None:
        if state == GONE:
            del self._acted[name]
            self._known.pop(name, None)
            self._good.discard(name)
            return Removed(name)
        path, content = self._known[name]
        try:
            options = plugin_options(self._settings, name)
            plugin = options.applied(load_plugin(PluginFile(name, path), options.api, self._config))
        except NotAPluginError:
            if name not in self._good:
                return None
            text = f"plugin '{path.name}': it no longer has the function registerCallbacks; remove the file to end it."
            return Broken(name, PluginError(text, path, None))
        except PluginError as error:
            return Broken(name, error)
        except ConfigurationError as error:
            return Broken(name, PluginError(f"plugin '{path.name}': {error}.", path, None))
        except BaseException as error:  # noqa: BLE001 - whatever a plugin raises, the others go on
            text = f"plugin '{path.name}': loading it raised {type(error).__name__}: {error}."
            return Broken(name, PluginError(text, path, None))
        self._good.add(name)
        return Loaded(plugin, content.version)

    # Modules

    def _in_files(self, plugins: Iterable[str]) -> dict[str, str]:
        """The versions, as the files are, of the modules that these plugins consist of."""
        versions = {}
        for module, path in {
            m: p for name in plugins for m, p in self._known[name][1].modules.items()
        }.items():
            with suppress(OSError):
                versions[module] = self._sources.content(path, module).version
        return versions
