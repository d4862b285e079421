"""One look at the plugin folders while the service runs: what is there, and which folder cannot be seen."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterable
from pathlib import Path

from .plugin_files import absolute, python_files


class PluginFolder:
    """One entry of `consumer.plugin_paths`: a folder, or a single file. It must exist when this is made."""

    def __init__(self, path: Path) -> None:
        self.path = absolute(path)
        self._single = self.path.is_file()
        self._identity: tuple[int, int] | None = None

    @property
    def folder(self) -> Path:
        """The folder that is listed."""
        return self.path.parent if self._single else self.path

    def files(self) -> list[Path]:
        """The Python files that are there, by name. Raises OSError when the folder cannot be seen at present."""
        names = os.listdir(self.folder)
        status = self.folder.stat()
        identity = (status.st_dev, status.st_ino)
        if names:
            self._identity = identity
        elif self._identity not in (None, identity):
            # A mount point whose mount is away is there, and empty. A folder that was emptied is still the same one.
            raise FileNotFoundError(
                errno.ENOENT, "it is empty and another folder than before, as if its mount were away"
            )
        if self._single:
            return [self.path] if self.path.name in names else []
        return python_files(self.folder, names)


def watched_folders(paths: Iterable[Path]) -> set[Path]:
    """The folders in which something happens when the content behind one of these paths is replaced.

    Of a file it is the folder that it lies in, and of each symbolic link on the way the one that holds the link:
    Kubernetes and git-sync replace a link and leave what it points to.
    """
    folders: set[Path] = set()
    for path in paths:
        folders.add(path.parent)
        _follow(path, folders)
    return {folder for folder in folders if folder.is_dir()}


def _follow(path: Path, folders: set[Path]) -> None:
    for _ in range(40):  # as many links as Linux follows
        link = next((part for part in (*reversed(path.parents), path) if part.is_symlink()), None)
        if link is None:
            folders.add(path.parent)
            return
        folders.add(link.parent)
        try:
            target = Path(os.path.normpath(link.parent / os.readlink(link)))
        except OSError:
            return
        path = target / path.relative_to(link)
