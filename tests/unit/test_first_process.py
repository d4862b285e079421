"""In a container our commands are the first process, to which the kernel gives no signal that it does not handle."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from support import wait_until

UNSHARE = ("unshare", "--pid", "--fork", "--kill-child", "--mount-proc")


def _can_be_first() -> bool:
    try:
        return subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode == 0
    except OSError:
        return False


pytestmark = pytest.mark.skipif(
    sys.platform != "linux" or not _can_be_first(), reason="no process may be made the first one here"
)


def start(command: list[str], env: dict[str, str], log: Path) -> tuple[subprocess.Popen[bytes], int]:
    """Run a command as the first process of its namespace. Returns unshare, and the command's id out here."""
    with log.open("wb") as out:
        outer = subprocess.Popen([*UNSHARE, *command], env={**os.environ, **env}, stdout=out, stderr=out)
    children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children")
    inner = int(wait_until(lambda: children.read_text().split())[0])
    return outer, inner


def handles_sigterm(process: int) -> bool:
    [caught] = [
        int(line.split()[1], 16)
        for line in Path(f"/proc/{process}/status").read_text().splitlines()
        if line.startswith("SigCgt:")
    ]
    return bool(caught >> (signal.SIGTERM - 1) & 1)


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_sigterm_ends_a_service_that_still_starts(service: str, tmp_path: Path) -> None:
    # Given a service as the first process, at the moment from which on it can hear a signal
    outer, inner = start([sys.executable, "-m", f"shotgun_{service}", "run"], {}, tmp_path / "log")
    wait_until(lambda: handles_sigterm(inner))
    # When it is asked to end
    os.kill(inner, signal.SIGTERM)
    # Then it has ended before its work began, of which it would say something
    assert outer.wait(60) == 128 + signal.SIGTERM
    assert (tmp_path / "log").read_text() == ""


@pytest.mark.parametrize("service", ["producer", "consumer"])
def test_sigterm_stops_a_running_service_in_order(service: str, tmp_path: Path) -> None:
    (tmp_path / "plugin.py").write_text(
        "def registerCallbacks(reg):\n    reg.registerCallback(None, None, print)\n"
    )
    env = {
        "SHOTGUN_STREAM_SHOTGUN__URL": "http://127.0.0.1:9",
        "SHOTGUN_STREAM_SHOTGUN__SCRIPT_NAME": "first",
        "SHOTGUN_STREAM_SHOTGUN__API_KEY": "key",
        "SHOTGUN_STREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
        "SHOTGUN_STREAM_HTTP__PORT": "0",
        "SHOTGUN_STREAM_CONSUMER__TEAM": "anim",
        "SHOTGUN_STREAM_CONSUMER__PLUGIN_PATHS": str(tmp_path / "plugin.py"),
    }
    log = tmp_path / "log"
    outer, inner = start([sys.executable, "-m", f"shotgun_{service}", "run"], env, log)
    wait_until(lambda: "are served on port" in log.read_text())
    os.kill(inner, signal.SIGTERM)
    assert outer.wait(60) == 0
    assert "Stopping: SIGTERM received" in log.read_text()
