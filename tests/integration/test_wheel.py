"""The wheel is enough: built from the checkout, it works in an environment that has nothing else."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("shotgun_schemas", "shotgun_runtime", "shotgun_producer", "shotgun_consumer", "shotgun_sandbox")
COMMANDS = ("shotgun-producer", "shotgun-consumer", "shotgun-sandbox")


def _run(*command: str | Path, cwd: Path) -> str:
    # Away from the checkout, and without what points Python at it.
    environ = {key: value for key, value in os.environ.items() if not key.startswith("PYTHON")}
    result = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    # Without isolation: hatchling is one of the pinned development tools.
    _run(
        *(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT),
        cwd=folder,
    )
    [built] = folder.glob("shotgun_stream-*.whl")
    return built


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a new environment in which only the wheel and its dependencies are installed."""
    folder = tmp_path_factory.mktemp("environment")
    venv.create(folder, with_pip=True)
    python = folder / "bin" / "python"
    install = (python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
    _run(*install, "--constraint", ROOT / "constraints.txt", wheel, cwd=folder)
    return python


def test_it_holds_the_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)
    assert all(f"{package}/py.typed" in names for package in PACKAGES)
    # Files that are no Python, and that the code reads.
    assert "shotgun_schemas/event_log_entry.avsc" in names
    assert any(name.startswith("shotgun_sandbox/broker/kafka-") for name in names)
    # The plugins that the demo runs.
    assert "shotgun_sandbox/example_plugins/log_everything.py" in names


def test_every_package_can_be_imported_without_the_checkout(python: Path, tmp_path: Path) -> None:
    where = _run(
        *(python, "-c", f"import {', '.join(PACKAGES)}; print(shotgun_schemas.__file__)"), cwd=tmp_path
    )
    assert str(python.parents[1]) in where


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_tells_its_version(python: Path, command: str, tmp_path: Path) -> None:
    version = _run(
        python, "-c", "from importlib.metadata import version; print(version('shotgun-stream'))", cwd=tmp_path
    )
    assert _run(python.with_name(command), "--version", cwd=tmp_path) == f"{command} {version}"


@pytest.mark.parametrize("arguments", [["demo"], ["broker", "--port", "0"]])
def test_a_sandbox_command_without_its_extra_says_what_to_install(
    python: Path, arguments: list[str], tmp_path: Path
) -> None:
    command = python.with_name("shotgun-sandbox")
    result = subprocess.run([command, *arguments], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert result.returncode == 2
    assert "pip install 'shotgun-stream[sandbox]'" in result.stderr
    assert "Traceback" not in result.stderr
