"""Which package may import which: the table in pyproject.toml holds, and holds something."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROOTS = ("schemas", "runtime", "producer", "consumer", "sandbox", "deploy")


def _lint_imports(house: Path) -> subprocess.CompletedProcess[str]:
    """Check the table of ROOT against the packages in `house`."""
    return subprocess.run(
        [Path(sys.executable).with_name("lint-imports"), "--config", ROOT / "pyproject.toml", "--no-cache"],
        env={
            **os.environ,
            "PYTHONPATH": os.pathsep.join(str(house / root) for root in ROOTS),
            "COLUMNS": "200",
        },
        cwd=house,
        capture_output=True,
        text=True,
        check=False,
    )


def test_every_package_keeps_to_the_import_table() -> None:
    result = _lint_imports(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "0 broken" in result.stdout


@pytest.mark.parametrize(
    ("importer", "imported"),
    [
        ("schemas/shotgun_schemas", "shotgun_runtime"),
        ("runtime/shotgun_runtime", "shotgun_producer"),
        ("producer/shotgun_producer", "shotgun_consumer"),
        ("consumer/shotgun_consumer", "shotgun_sandbox"),
        ("producer/shotgun_producer", "shotgun_sandbox"),
        ("deploy/shotgun_chart", "shotgun_consumer"),
    ],
)
def test_an_import_that_the_table_forbids_is_found(importer: str, imported: str, tmp_path: Path) -> None:
    for root in ROOTS:
        shutil.copytree(ROOT / root, tmp_path / root, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / importer / "trespass.py").write_text(f"import {imported}\n")

    result = _lint_imports(tmp_path)

    assert result.returncode == 1
    module = f"{Path(importer).name}.trespass"
    assert f"{module} -> {imported}" in result.stdout
