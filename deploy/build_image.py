"""Builds the container image from this checkout: `make image`."""

from __future__ import annotations

import argparse
import re
import shlex
import subprocess
import sys
from pathlib import Path

from engines import BUILDERS, NoEngineError, find_engine

ROOT = Path(__file__).parents[1]


def version() -> str:
    """The project's version, as pyproject.toml has it."""
    found = re.search(r'^version = "([^"]+)"$', (ROOT / "pyproject.toml").read_text("utf-8"), re.MULTILINE)
    assert found is not None
    return found[1]


def revision() -> str:
    """The commit that is checked out, with a mark when files differ from it; unknown outside of a clone."""
    done = subprocess.run(
        ["git", "describe", "--always", "--abbrev=40", "--dirty", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--tag", default=f"shotgun-stream:{version()}", help="Name of the image (default: %(default)s)."
    )
    parser.add_argument("--engine", choices=BUILDERS, help="Use this one, and not the first that works.")
    parser.add_argument(
        "--options", default="", help="More options for the engine, such as '--network host'."
    )
    options = parser.parse_args()
    try:
        engine = find_engine([options.engine] if options.engine else BUILDERS)
    except NoEngineError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    command = [
        *(engine, "build", "--file", "deploy/Dockerfile", "--tag", options.tag),
        *("--build-arg", f"VERSION={version()}", "--build-arg", f"REVISION={revision()}"),
        *shlex.split(options.options),
        ".",
    ]
    print(shlex.join(command), flush=True)
    done = subprocess.run(command, cwd=ROOT, check=False)
    if done.returncode == 0:
        print(f"built {options.tag} with {engine}")
    return done.returncode


if __name__ == "__main__":
    sys.exit(main())
