"""The demo adds up, and leaves nothing behind."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from support import Process, wait_until

pytestmark = [pytest.mark.kafka, pytest.mark.usefixtures("kafka_installation")]


def processes_of(folder: Path) -> list[str]:
    """Command lines that name a file in this folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            line = entry.read_bytes().replace(b"\0", b" ").decode(errors="replace")
        except OSError:
            continue  # ended in this very moment
        if str(folder) in line:
            found.append(line)
    return found


@pytest.fixture
def temporary(tmp_path: Path) -> Path:
    """Where the demo makes its folders."""
    folder = tmp_path / "tmp"
    folder.mkdir()
    return folder


def test_what_the_site_shows_is_published_once_and_delivered_to_every_plugin(
    spawn: Callable[..., Process], temporary: Path
) -> None:
    demo = spawn(
        ["shotgun-sandbox", "demo", "--for", "5s", "--json", "--history", "700"],
        env={"TMPDIR": str(temporary)},
    )
    assert demo.wait(240) == 0
    totals = json.loads(demo.stdout)
    visible = totals["visible"]
    assert visible >= 700
    assert totals["published"] == totals["distinct"] == visible
    assert {team: set(plugins) for team, plugins in totals["teams"].items()} == {
        "anim": {"ready_next_task", "version_status_to_task"},
        "prod": {"log_everything", "notify_chat"},
    }
    for plugins in totals["teams"].values():
        for counts in plugins.values():
            assert counts["delivered"] == visible
            ended = ("filtered", "succeeded", "dead_lettered", "skipped")
            assert sum(counts[outcome] for outcome in ended) == visible
            assert counts["succeeded"] > 0
            assert counts["failed"] == 0
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_stopped_demo_leaves_no_process_and_no_folder(
    spawn: Callable[..., Process], temporary: Path, number: signal.Signals
) -> None:
    demo = spawn(["shotgun-sandbox", "demo"], env={"TMPDIR": str(temporary)})
    demo.wait_for_line("^site shows", 120)
    assert len(processes_of(temporary)) >= 4
    demo.signal(number)
    assert demo.wait() == 0
    assert processes_of(temporary) == []
    assert list(temporary.iterdir()) == []


def test_a_killed_demo_leaves_no_process(spawn: Callable[..., Process], temporary: Path) -> None:
    demo = spawn(["shotgun-sandbox", "demo"], env={"TMPDIR": str(temporary)})
    demo.wait_for_line("^site shows", 120)
    demo.kill()
    wait_until(lambda: not processes_of(temporary), message="every process of the demo has ended")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--json"], "--json prints the totals at the end, so it needs --for"),
        (["--for", "soon"], "duration such as 250ms, 1s"),
        (["--plugins", "/nowhere"], "/nowhere: there is no such folder"),
    ],
)
def test_a_wrong_option_is_named(spawn: Callable[..., Process], arguments: list[str], message: str) -> None:
    demo = spawn(["shotgun-sandbox", "demo", *arguments])
    assert demo.wait() == 2
    assert message in " ".join(demo.stderr.split())
    assert "Traceback" not in demo.stderr
