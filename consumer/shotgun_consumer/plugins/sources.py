"""What plugins consist of: their own source and that of every helper they import, as a version that can be compared."""

from __future__ import annotations

import ast
import hashlib
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from .plugin_files import may_register

# Some file systems keep times to two seconds only: of a file that is younger, an equal time proves nothing.
_YOUNG_SECONDS = 2.0
_IMPORT_CALLS = ("import_module", "__import__")


@dataclass(frozen=True, slots=True)
class Import:
    """One imported module: how many packages up it is looked for (0: from the top), and its dotted name."""

    level: int
    name: str


@dataclass(frozen=True, slots=True)
class Source:
    """One file's content, as far as it matters: its hash, what it imports, whether it may register callbacks."""

    digest: str
    imports: frozenset[Import]
    registers: bool


@dataclass(frozen=True, slots=True)
class Content:
    """A module with its helpers. Two of one `version` have the same content, in every process.

    `modules` are those that it was made from with their files, itself among them.
    """

    version: str
    modules: Mapping[str, Path]


class Sources:
    """The sources in the plugin folders, as they were at the last look.

    What counts is the content; size, times and inode only tell whether a file must be read anew. `folders` are searched
    in their order, as `import` does. Belongs to one thread.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._folders = tuple(folders)
        self._known: dict[Path, tuple[tuple[int, ...], Source]] = {}
        self._seen: dict[Path, Source] = {}
        self._resolved: dict[tuple[Import, str], tuple[tuple[str, Path], ...]] = {}

    def look(self) -> None:
        """Begin a new look: what is asked for from here on is what the files hold now."""
        self._seen.clear()
        self._resolved.clear()

    def read(self, path: Path) -> Source:
        """A file. Raises OSError when it cannot be read."""
        if path not in self._seen:
            self._seen[path] = self._read(path)
        return self._seen[path]

    def _read(self, path: Path) -> Source:
        status = path.stat()
        mark = (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
        known = self._known.get(path)
        if known is not None and known[0] == mark:
            return known[1]
        source = _parse(path.read_bytes())
        if time.time() - max(status.st_mtime, status.st_ctime) > _YOUNG_SECONDS:
            self._known[path] = (mark, source)
        return source

    def content(self, path: Path, module: str) -> Content:
        """What a module consists of: its source and those of the modules in the plugin folders that it imports,
        directly or through others. Raises OSError when one of them is there and cannot be read."""
        found: dict[str, tuple[Path, str]] = {}
        waiting = [(module, path)]
        while waiting:
            name, file = waiting.pop()
            if name in found:
                continue
            source = self.read(file)
            found[name] = (file, source.digest)
            package = name if file.name == "__init__.py" else name.rpartition(".")[0]
            for wanted in source.imports:
                key = (wanted, package if wanted.level else "")
                if key not in self._resolved:
                    self._resolved[key] = tuple(self._resolve(wanted, package))
                waiting.extend(self._resolved[key])
        lines = [f"{name} {digest}\n" for name, (_, digest) in sorted(found.items())]
        version = hashlib.sha256("".join(lines).encode(errors="surrogateescape")).hexdigest()[:12]
        return Content(version, {name: file for name, (file, _) in found.items()})

    def _resolve(self, wanted: Import, package: str) -> Iterator[tuple[str, Path]]:
        """The files that this import runs: those of the packages on the way, and the module's own."""
        name = wanted.name
        if wanted.level:
            above = package.split(".")
            if not package or wanted.level > len(above):
                return
            name = ".".join([*above[: len(above) - wanted.level + 1], name])
        parts = name.split(".")
        for folder in self._folders:
            file, is_there = _locate(folder / parts[0])
            if not is_there:
                continue
            for count in range(1, len(parts) + 1):
                file, is_there = _locate(folder.joinpath(*parts[:count]))
                if file is not None:
                    yield ".".join(parts[:count]), file
                if not is_there:
                    return
            return


def _locate(base: Path) -> tuple[Path | None, bool]:
    """The file of the module that would lie here, None without one, and whether there is such a module or package."""
    package = base / "__init__.py"
    if os.path.isfile(package):
        return package, True
    module = base.with_name(f"{base.name}.py")
    if os.path.isfile(module):
        return module, True
    return None, os.path.isdir(base)


def _parse(content: bytes) -> Source:
    try:
        imports = frozenset(_imports(ast.parse(content)))
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        # It cannot be imported either; what is wrong is told by the loader.
        imports = frozenset()
    return Source(hashlib.sha256(content).hexdigest(), imports, may_register(content))


def _imports(tree: ast.AST) -> Iterator[Import]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (Import(0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            if node.module:
                yield Import(node.level, node.module)
            # What is imported from a package may be a module of it.
            prefix = f"{node.module}." if node.module else ""
            yield from (Import(node.level, prefix + alias.name) for alias in node.names if alias.name != "*")
        elif isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            first = node.args[0] if node.args else None
            if name in _IMPORT_CALLS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                relative = first.value.lstrip(".")
                if relative == first.value and relative:
                    yield Import(0, relative)
