"""Runs helm over the chart, each rendering once in a process."""

from __future__ import annotations

import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from helm_binaries import HELMS, HelmNotFetchedError, helm_binary
from manifests import Object, parse
from schema_checks import CHART, NEWEST
from support import cannot_be_had

from shotgun_runtime.errors import ConfigurationError

CASES = sorted(path.name for path in (CHART / "ci").glob("*-values.yaml"))
MAJORS = sorted(HELMS)
RELEASE, NAMESPACE = "stream", "studio"


@dataclass(frozen=True, slots=True)
class Said:
    """What helm answered: its exit code, and both outputs."""

    code: int
    out: str
    err: str


def helm(major: str, *arguments: str) -> Said:
    """Runs helm 3 or 4. It reaches no cluster and no network for what is asked of it here.

    Where helm cannot be had the test is skipped with the reason; on CI it fails: a chart that nobody rendered proves
    nothing.
    """
    try:
        binary = helm_binary(major)
    except (HelmNotFetchedError, ConfigurationError) as error:
        cannot_be_had(f"helm {major}", str(error), os.environ)
        raise
    done = subprocess.run(
        [str(binary), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        stdin=subprocess.DEVNULL,
        env=_surroundings(),
    )
    return Said(done.returncode, done.stdout, done.stderr)


def _surroundings() -> dict[str, str]:
    """Without what users have set for helm and clusters of their own; not collecting garbage is a quarter faster."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("HELM_", "KUBE"))}
    return {**own, "GOGC": "off"}


def case(name: str) -> Path:
    """The file of one case of the chart's `ci` folder."""
    return CHART / "ci" / name


def template(major: str, *files: Path, kubernetes: str = NEWEST, release: str = RELEASE) -> Said:
    """`helm template` of the chart with these files of values, for a version of Kubernetes."""
    values = [argument for file in files for argument in ("--values", str(file))]
    where = ["--namespace", NAMESPACE, "--kube-version", kubernetes]
    return helm(major, "template", release, str(CHART), *where, *values)


kept_template = cache(template)
"""`template` for files that do not change while tests run: each is rendered once in a process."""


def rendered(major: str, *files: Path, kubernetes: str = NEWEST, release: str = RELEASE) -> list[Object]:
    """The objects that helm makes of these files. An error of helm fails the test with helm's words."""
    said = kept_template(major, *files, kubernetes=kubernetes, release=release)
    assert said.code == 0, f"helm {major} with {', '.join(file.name for file in files)}: {said.err}"
    return parse(said.out)


def with_values(major: str, values: dict[str, Any], *files: Path, release: str = RELEASE) -> Said:
    """`helm template` with files of values, and these values over them."""
    with tempfile.NamedTemporaryFile("w", suffix=".yaml") as file:
        yaml.safe_dump(values, file)
        file.flush()
        return template(major, *files, Path(file.name), release=release)


def canonical(objects: list[Object]) -> list[str]:
    """The objects as texts that are equal when the objects are, in an order that does not depend on helm's."""
    return sorted(json.dumps(found, sort_keys=True) for found in objects)
