"""What builds and runs images here: buildah, docker or podman, whichever works and not only is there."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterable

BUILDERS = ("buildah", "docker", "podman")
RUNNERS = ("docker", "podman")

# What only an engine that works answers: a docker client without its daemon tells its version, but not the daemon's.
_PROBES = {
    "buildah": ("buildah", "info"),
    "docker": ("docker", "version", "--format", "{{.Server.Version}}"),
    "podman": ("podman", "info"),
}
_PROBE_SECONDS = 30


class NoEngineError(Exception):
    """None of the engines works here; the message says of each why not."""


def find_engine(candidates: Iterable[str]) -> str:
    """The first of the candidates that works. Raises NoEngineError."""
    problems = []
    for name in candidates:
        problem = _problem(name)
        if problem is None:
            return name
        problems.append(f"  {name}: {problem}")
    raise NoEngineError(
        "no container engine works here; install and start one of these:\n" + "\n".join(problems)
    )


def _problem(name: str) -> str | None:
    if shutil.which(name) is None:
        return "not installed"
    try:
        done = subprocess.run(
            _PROBES[name], capture_output=True, text=True, timeout=_PROBE_SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"`{' '.join(_PROBES[name])}` gave no answer within {_PROBE_SECONDS} s"
    if done.returncode == 0:
        return None
    said = (done.stderr or done.stdout).strip().splitlines()
    return said[-1] if said else f"`{' '.join(_PROBES[name])}` failed with {done.returncode}"
