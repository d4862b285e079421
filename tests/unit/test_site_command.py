"""The command `shotgun-sandbox site`: its ready line, its end, its refusals."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

import pytest
import shotgun_api3
from click.testing import CliRunner
from support import Process

from shotgun_sandbox.site import SiteAdmin
from shotgun_sandbox.site.command import site_command

Spawn = Callable[..., Process]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_says_when_it_is_ready_and_ends_with_zero(spawn: Spawn, number: signal.Signals) -> None:
    options = [
        "--events",
        "1200",
        "--dead",
        "0.01",
        "--rate",
        "5",
        "--seed",
        "3",
        "--start",
        "2026-03-02T09:00:00Z",
    ]
    process = spawn(["shotgun-sandbox", "site", "--port", "0", *options])
    ready = process.wait_for_json()
    sg = shotgun_api3.Shotgun(ready["url"], ready["script_name"], ready["api_key"])
    assert len(sg.find("EventLogEntry", [], limit=500)) == 500
    assert SiteAdmin(ready["admin_url"]).state().visible >= 1200
    process.signal(number)
    assert process.wait() == 0
    assert process.stdout.count("\n") == 1
    assert process.stderr == ""


def test_a_taken_port_is_one_clear_message_and_exit_code_2(spawn: Spawn) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        process = spawn(["shotgun-sandbox", "site", "--port", str(port)])
        assert process.wait() == 2
    assert f"port {port} on 127.0.0.1 is taken; choose another one" in process.stderr
    assert "Traceback" not in process.stderr
    assert process.stdout == ""


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--start", "yesterday"], "'yesterday' is no ISO date"),
        (["--late", "1.5"], "--late"),
        (["--tls-cert", __file__], "not a certificate with its key"),
        (["--writers", "0"], "--writers"),
        (["--nonsense"], "No such option"),
    ],
)
def test_wrong_options_are_exit_code_2(options: list[str], message: str) -> None:
    result = CliRunner().invoke(site_command, options)
    assert result.exit_code == 2
    assert message in result.output
