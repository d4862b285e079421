"""How the modules of plugins are imported: from what stands in the files now, and anew after a change."""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from importlib.machinery import (
    EXTENSION_SUFFIXES,
    SOURCE_SUFFIXES,
    ExtensionFileLoader,
    FileFinder,
    ModuleSpec,
    SourceFileLoader,
)
from pathlib import Path
from types import CodeType, ModuleType


class FreshLoader(SourceFileLoader):
    """Compiles the source that stands in the file.

    Python's own loader takes compiled code from `__pycache__` when size and whole second of the file's time are the
    same as when it was compiled: a file that is replaced quickly, or by an older one, would run as it was.
    """

    def get_code(self, fullname: str) -> CodeType | None:
        """The code of the module. Raises what compiling it raises, and OSError."""
        path = self.get_filename(fullname)
        code: CodeType | None = self.source_to_code(self.get_data(path), path)
        return code


def offer_helpers(folders: Iterable[Path]) -> None:
    """Let plugins import modules that lie beside them.

    The folders come last on the module path, so that no plugin's name hides a library from the others.
    """
    for folder in map(str, folders):
        if folder not in sys.path:
            sys.path.append(folder)
            sys.path_hooks.insert(0, _fresh_finder(folder))
            sys.path_importer_cache.pop(folder, None)


def spec_of(name: str, path: Path) -> ModuleSpec | None:
    """The spec to import a plugin's file under this name; None when it is no Python source file."""
    if path.suffix not in SOURCE_SUFFIXES:
        return None
    return importlib.util.spec_from_file_location(name, path, loader=FreshLoader(name, str(path)))


def helper_modules(folders: Iterable[Path]) -> dict[str, Path]:
    """The imported modules, by name, whose files lie in these folders."""
    prefixes = tuple(f"{folder}{os.sep}" for folder in folders)
    found = {}
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and file.startswith(prefixes):
            found[name] = Path(file)
    return found


@contextmanager
def imported_anew(names: Iterable[str]) -> Iterator[None]:
    """Have these modules imported anew by whoever imports them in this block.

    A module that nobody could import anew is there again afterwards as it was: whoever has it already goes on.
    """
    before = {name: module for name in names if (module := sys.modules.get(name)) is not None}
    for name in before:
        del sys.modules[name]
        _set_in_package(name, None)
    # Finders remember what lay in a folder, by the folder's time.
    importlib.invalidate_caches()
    try:
        yield
    finally:
        for name, module in before.items():
            if name not in sys.modules:
                sys.modules[name] = module
                _set_in_package(name, module)


def _set_in_package(name: str, module: ModuleType | None) -> None:
    # `from package import module` takes the package's attribute, without looking into sys.modules.
    package, _, own = name.rpartition(".")
    holder = sys.modules.get(package)
    if holder is None:
        return
    if module is not None:
        setattr(holder, own, module)
    elif own in vars(holder):
        delattr(holder, own)


def _fresh_finder(folder: str) -> Callable[[str], FileFinder]:
    def hook(path: str) -> FileFinder:
        if path != folder and not path.startswith(folder + os.sep):
            raise ImportError(f"{path} is no plugin folder")
        return FileFinder(path, (ExtensionFileLoader, EXTENSION_SUFFIXES), (FreshLoader, SOURCE_SUFFIXES))

    return hook
