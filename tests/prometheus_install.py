"""Prometheus and promtool: those on the path, else Debian's package, unpacked into the user's cache folder.

Nothing of the system is changed, and nobody needs to be root.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path

from shotgun_sandbox.broker.jars import cache_folder

PROGRAMS = ("prometheus", "promtool")
_SECONDS = 120


class PrometheusMissingError(Exception):
    """There is no Prometheus here, and the text says why none can be had."""


def prometheus_folder(environ: Mapping[str, str]) -> Path:
    """The folder that holds `prometheus` and `promtool`. Raises PrometheusMissingError."""
    on_path = shutil.which("promtool", path=environ.get("PATH"))
    if on_path is not None and Path(on_path).with_name("prometheus").exists():
        return Path(on_path).parent
    cache = cache_folder(environ)
    folder = cache / "prometheus"
    try:
        cache.mkdir(parents=True, exist_ok=True)
        # Several test processes may ask at once.
        with (cache / "prometheus.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not folder.is_dir():
                _fetch(folder, environ)
    except OSError as error:
        raise PrometheusMissingError(f"neither on PATH nor in {cache}: {error}") from error
    return folder


def _fetch(folder: Path, environ: Mapping[str, str]) -> None:
    for program in ("apt-get", "dpkg"):
        if shutil.which(program, path=environ.get("PATH")) is None:
            raise PrometheusMissingError(f"{program} is missing, so install prometheus and promtool on PATH")
    with tempfile.TemporaryDirectory(dir=folder.parent) as name:
        work = Path(name)
        package = _download(work)
        unpacked = work / "bin"
        unpacked.mkdir()
        _unpack(package, unpacked)
        unpacked.rename(folder)


def _download(work: Path) -> Path:
    """The package's file. The system's package lists may be missing or old: then with lists of one's own."""
    sandbox = ["-o", "APT::Sandbox::User="]  # root's apt would want to read and write as another user
    try:
        _run(["apt-get", "-qq", *sandbox, "download", "prometheus"], work)
    except PrometheusMissingError:
        (work / "lists" / "partial").mkdir(parents=True)
        (work / "cache" / "archives" / "partial").mkdir(parents=True)
        (work / "status").touch()
        own = {"State::lists": "lists", "Cache": "cache", "State::status": "status"}
        options = [word for key, path in own.items() for word in ("-o", f"Dir::{key}={work / path}")]
        _run(["apt-get", "-qq", *sandbox, *options, "-o", "Acquire::Languages=none", "update"], work)
        _run(["apt-get", "-qq", *sandbox, *options, "download", "prometheus"], work)
    return next(work.glob("prometheus_*.deb"))


def _unpack(package: Path, folder: Path) -> None:
    with tempfile.TemporaryFile(dir=folder) as archive:
        subprocess.run(["dpkg", "--fsys-tarfile", str(package)], stdout=archive, check=True, timeout=_SECONDS)
        archive.seek(0)
        with tarfile.open(fileobj=archive) as tar:
            for program in PROGRAMS:
                source = tar.extractfile(f"./usr/bin/{program}")
                assert source is not None, f"{package.name} has no {program}"
                with (folder / program).open("wb") as target:
                    shutil.copyfileobj(source, target)
                (folder / program).chmod(0o755)


def _run(command: list[str], folder: Path) -> None:
    try:
        subprocess.run(
            command,
            cwd=folder,
            env={**os.environ, "LC_ALL": "C"},
            capture_output=True,
            text=True,
            check=True,
            timeout=_SECONDS,
        )
    except subprocess.CalledProcessError as error:
        raise PrometheusMissingError(f"{' '.join(command)}: {error.stderr.strip()}") from error
    except subprocess.TimeoutExpired as error:
        raise PrometheusMissingError(f"{' '.join(command)} took more than {_SECONDS} s") from error
