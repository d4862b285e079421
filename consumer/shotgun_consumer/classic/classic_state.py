"""The state file of a classic daemon (`eventIdFile`), read without running anything that is in it.

The file is a pickle, of whatever protocol, written by Python 2 or 3: for each plugin folder and plugin the last event
that was done, and the ids that were still awaited below it. Very old ones hold one number as text.
"""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from shotgun_runtime.errors import ConfigurationError

_LARGEST = 64 * 1024 * 1024
_HINT = "take a copy from before, or begin at a date or an event id with consumer.start"


@dataclass(frozen=True, slots=True)
class PluginState:
    """How far one plugin had come. `last` None: it had never got anything. `gaps`: ids below `last` still awaited."""

    last: int | None
    gaps: tuple[int, ...] = ()

    def is_done(self, event_id: int) -> bool:
        """Whether the classic daemon was through with this event."""
        return self.last is not None and event_id <= self.last and event_id not in self.gaps

    @property
    def first_missing(self) -> int | None:
        """The smallest id that was not done; None when nothing is known."""
        return None if self.last is None else min((self.last + 1, *self.gaps))


@dataclass(frozen=True, slots=True)
class ClassicState:
    """The whole file. `everywhere` is set instead of `folders` where one number held for all plugins."""

    folders: Mapping[str, Mapping[str, PluginState]]
    everywhere: PluginState | None = None


def read_state(path: Path) -> ClassicState:
    """Read a state file. Raises ConfigurationError that says what is wrong with it, and what to do."""
    try:
        with path.open("rb") as file:
            data = file.read(_LARGEST + 1)
    except OSError as error:
        raise ConfigurationError(f"state file {path} cannot be read: {error.strerror}") from None
    if not data.strip():
        raise ConfigurationError(
            f"state file {path} is empty: the daemon was killed while it wrote it; {_HINT}"
        )
    if len(data) > _LARGEST:
        raise ConfigurationError(f"state file {path} is larger than {_LARGEST} bytes; is it the right file?")
    if data.strip().isdigit():
        return _from(path, int(data))
    return _from(path, _unpickle(path, data))


def _unpickle(path: Path, data: bytes) -> Any:
    try:
        # Python 2 wrote texts as bytes; latin-1 takes each of them, and datetime wants its own read so.
        return _Reader(io.BytesIO(data), encoding="latin1").load()
    except _ForbiddenError as error:
        raise ConfigurationError(
            f"state file {path} is refused: it names {error}, which no classic daemon writes; nothing of it was run"
        ) from None
    except Exception as error:  # noqa: BLE001 - damaged pickles fail in every way there is
        raise ConfigurationError(
            f"state file {path} is damaged or cut off ({type(error).__name__}: {error}); {_HINT}"
        ) from None


class _ForbiddenError(Exception):
    """The pickle names something that such a file has no business with."""


def _moment(*state: Any) -> datetime:
    """A datetime out of its pickled form, or the way its constructor is called."""
    return datetime(*state)  # noqa: DTZ001 - the daemon wrote naive local times; they are not used


def _latin1(text: Any, encoding: Any = "latin1") -> bytes:
    """What Python 3 calls to make bytes again in its older protocols."""
    if not isinstance(text, str) or encoding != "latin1":
        raise _ForbiddenError("_codecs.encode with other arguments than its own")
    return text.encode("latin1")


_ALLOWED: Mapping[tuple[str, str], Callable[..., Any]] = {
    ("datetime", "datetime"): _moment,
    ("_codecs", "encode"): _latin1,
}


class _Reader(pickle.Unpickler):
    """Knows containers, numbers, texts and datetimes. Anything else that a pickle can name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        try:
            return _ALLOWED[module, name]
        except KeyError:
            raise _ForbiddenError(f"{module}.{name}") from None

    def persistent_load(self, _pid: Any) -> Any:
        raise _ForbiddenError("a persistent id")


def _from(path: Path, found: Any) -> ClassicState:
    if type(found) is int and found >= 0:
        return ClassicState({}, PluginState(found))
    if not isinstance(found, dict):
        raise _unfit(path, f"it holds {type(found).__name__}, not a table of plugin folders")
    folders: dict[str, Mapping[str, PluginState]] = {}
    for folder, plugins in found.items():
        if not isinstance(folder, str) or not isinstance(plugins, dict):
            raise _unfit(path, f"the entry {folder!r} is no plugin folder")
        folders[folder] = {
            _name(path, folder, name): _plugin(path, folder, name, state) for name, state in plugins.items()
        }
    return ClassicState(folders)


def _name(path: Path, folder: str, name: Any) -> str:
    if not isinstance(name, str):
        raise _unfit(path, f"folder {folder!r} has a plugin {name!r}")
    return name


def _plugin(path: Path, folder: str, name: Any, state: Any) -> PluginState:
    where = f"plugin {name!r} of {folder!r}"
    # Before gaps were kept, the number stood alone.
    last, gaps = (state, {}) if state is None or type(state) is int else _pair(path, where, state)
    if last is not None and (type(last) is not int or last < 0):
        raise _unfit(path, f"{where} has {last!r} as its last event")
    if not isinstance(gaps, dict) or not all(type(one) is int and one >= 0 for one in gaps):
        raise _unfit(path, f"{where} has {gaps!r} as its awaited events")
    return PluginState(last, tuple(sorted(one for one in gaps if last is not None and one <= last)))


def _pair(path: Path, where: str, state: Any) -> tuple[Any, Any]:
    if not isinstance(state, tuple | list) or len(state) != 2:
        raise _unfit(path, f"{where} has {state!r} as its state")
    return state[0], state[1]


def _unfit(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(f"state file {path} is not one of a classic daemon: {reason}")
