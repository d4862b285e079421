"""`make image` takes the engine that works, not one that is only installed."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
WORKS = "exit 0"
BROKEN = (
    'case "$1" in build) exit 9;; esac; echo "Client: 1"; echo "Cannot connect to the daemon." >&2; exit 1'
)


def build(folder: Path, engines: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command where these engines are installed, each a script."""
    for name, script in engines.items():
        path = folder / name
        path.write_text(
            f'#!/bin/sh\nif [ "$1" = build ]; then echo "{name} $*" >> {folder}/log; fi\n{script}\n'
        )
        path.chmod(0o755)
    git = Path("/usr/bin/git")
    if git.exists():
        (folder / "git").symlink_to(git)
    return subprocess.run(
        [sys.executable, ROOT / "deploy" / "build_image.py", *arguments],
        env={"PATH": f"{folder}", "HOME": os.environ.get("HOME", "/")},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_docker_client_without_its_daemon_is_passed_over(tmp_path: Path) -> None:
    done = build(tmp_path, {"docker": BROKEN, "podman": WORKS})
    assert done.returncode == 0, done.stderr
    [line] = (tmp_path / "log").read_text().splitlines()
    assert line.startswith("podman build --file deploy/Dockerfile --tag shotgun-stream:")
    assert re.search(r"--build-arg VERSION=\d+\.\d+\.\d+ --build-arg REVISION=\S+ \.$", line)


def test_without_any_engine_it_says_why_not_of_each(tmp_path: Path) -> None:
    done = build(tmp_path, {"docker": BROKEN})
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: no container engine works here; install and start one of these:",
        "  buildah: not installed",
        "  docker: Cannot connect to the daemon.",
        "  podman: not installed",
    ]
    assert not (tmp_path / "log").exists()


@pytest.mark.parametrize("code", [0, 3])
def test_name_and_options_are_the_callers_and_so_is_the_engines_failure(tmp_path: Path, code: int) -> None:
    done = build(
        tmp_path,
        {"buildah": f'[ "$1" = build ] && exit {code}; exit 0'},
        *("--tag", "studio/stream:7", "--options=--network host --pull"),
    )
    assert done.returncode == code
    line = (tmp_path / "log").read_text()
    assert "--tag studio/stream:7 " in line
    assert line.endswith("--network host --pull .\n")


def test_the_image_gets_what_the_wheel_is_built_from_and_nothing_else() -> None:
    lines = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    rules = [line for line in lines if line and not line.startswith("#")]
    assert rules[0] == "*"
    let_in = {rule[1:] for rule in rules if rule.startswith("!")}
    packages = re.findall(
        r'^ +"(\w+)/shotgun_\w+",$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE
    )
    assert let_in == {*packages, "plugins", "constraints.txt", "pyproject.toml", "README.md", "LICENSE"}
