"""Which groups a classic installation becomes, and where each goes on. Pure."""

from __future__ import annotations

import ntpath
import posixpath
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from shotgun_runtime.errors import ConfigurationError

from .classic_state import ClassicState, PluginState


@dataclass(frozen=True, slots=True)
class Origin:
    """One plugin of the classic daemon. `state` None: nothing is known, it begins at `consumer.start`.

    `note` says what a person should know about it.
    """

    plugin: str
    folder: str
    state: PluginState | None
    note: str = ""


def origins(
    state: ClassicState, folders: Sequence[str], files: Mapping[str, Collection[str] | None]
) -> list[Origin]:
    """The plugins of these folders, in order.

    `files` has the plugins that lie in each folder now, None for a folder that cannot be seen from here. Raises
    ConfigurationError when two folders have a plugin of the same name, or when nothing tells which plugins there are.
    """
    found = [one for folder in folders for one in _of_folder(state, folder, files.get(folder))]
    if not found:
        raise ConfigurationError(
            f"no plugin is known: the state file has none in {', '.join(folders) or 'any folder'}, and none lies "
            "there; check the paths in [plugins], and run this where the plugins lie"
        )
    seen: dict[str, str] = {}
    for one in found:
        if one.plugin in seen:
            raise ConfigurationError(
                f"plugin {one.plugin!r} is in {seen[one.plugin]} and in {one.folder}; a plugin's name is its consumer "
                "group's, so take over one folder after the other with --folder, and rename one of the two files"
            )
        seen[one.plugin] = one.folder
    return found


def left_out(state: ClassicState, folders: Sequence[str]) -> list[str]:
    """The folders of the state file that are not taken over."""
    kept = {normalised(folder) for folder in folders}
    return [folder for folder in state.folders if normalised(folder) not in kept]


def normalised(path: str) -> str:
    """A folder as it is meant: the daemon took `/plugins` and `/plugins/` for two."""
    if "\\" in path or ntpath.splitdrive(path)[0]:
        return ntpath.normcase(ntpath.normpath(path.strip()))
    return posixpath.normpath(path.strip())


def _of_folder(state: ClassicState, folder: str, files: Collection[str] | None) -> list[Origin]:
    if state.everywhere is not None:
        if files is None:
            raise ConfigurationError(
                f"the state file holds one number for all plugins, and {folder} cannot be seen from here, so it is "
                "unknown which plugins there are; run this where the plugins lie"
            )
        return [Origin(name, folder, state.everywhere) for name in sorted(files)]
    known = _known(state, folder)
    names = sorted({*known, *(files or ())})
    return [_origin(state, folder, name, known, files) for name in names]


def _known(state: ClassicState, folder: str) -> dict[str, PluginState]:
    """What the state file has of a folder, however its name was spelled there."""
    spellings = [spelled for spelled in state.folders if normalised(spelled) == normalised(folder)]
    found: dict[str, PluginState] = {}
    for spelled in spellings:
        for name, one in state.folders[spelled].items():
            if name not in found or (one.last or -1) > (found[name].last or -1):
                found[name] = one
    # The daemon went by the spelling in its configuration; another one is from an earlier time.
    return {**found, **state.folders.get(folder, {})}


def _origin(
    state: ClassicState,
    folder: str,
    name: str,
    known: Mapping[str, PluginState],
    files: Collection[str] | None,
) -> Origin:
    notes = [] if files is None or name in files else ["its file is no longer there"]
    mine = known.get(name)
    if mine is None and not known:
        # A folder that the daemon had not seen yet: it took the furthest position of that name in another folder.
        elsewhere = [plugins[name] for plugins in state.folders.values() if name in plugins]
        mine = max(elsewhere, key=lambda one: one.last or -1, default=None)
        if mine is not None:
            notes.append("its position is that of the same name in another folder")
    if mine is None or mine.last is None:
        return Origin(
            name, folder, None, "; ".join([*notes, "it has no position, and begins at consumer.start"])
        )
    return Origin(name, folder, mine, "; ".join(notes))
