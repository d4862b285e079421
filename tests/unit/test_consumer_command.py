"""The command line: `check` needs neither Kafka nor Shotgun, and mistakes get one clear message and exit code 2."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from shotgun_consumer.cli import commands
from shotgun_consumer.service import group_config
from shotgun_runtime.cli import run_cli
from shotgun_runtime.kafka import BrokerWatch
from shotgun_runtime.settings import Settings

GOOD = """
def registerCallbacks(reg):
    reg.registerCallback(None, None, call, {"Shotgun_Task_Change": "sg_status_list"}, stopOnError=False)
def call(sg, logger, event, args): pass
"""
BAD = "def registerCallbacks(reg):\n    reg.registerCallback(None, None, print, ['Shotgun_Task_Change'])\n"
BASICS = {
    "SHOTGUN_STREAM_SHOTGUN__URL": "http://127.0.0.1:9",
    "SHOTGUN_STREAM_SHOTGUN__SCRIPT_NAME": "s",
    "SHOTGUN_STREAM_SHOTGUN__API_KEY": "a-secret-key",
    "SHOTGUN_STREAM_KAFKA__BOOTSTRAP_SERVERS": "127.0.0.1:9",
    "SHOTGUN_STREAM_HTTP__PORT": "0",
}


@dataclass
class Done:
    returncode: int
    stdout: str
    stderr: str


Run = Callable[..., Done]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logging_put_back: None) -> Run:
    """Run the command line in this process: `run("check", "folder", VARIABLE="value")`."""

    def call(*arguments: str, **environ: str) -> Done:
        for name in [name for name in os.environ if name.startswith("SHOTGUN_STREAM_")]:
            monkeypatch.delenv(name)
        for name, value in environ.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as ended:
            run_cli(commands, list(arguments))
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return Done(ended.value.code, said.out, said.err)

    return call


def test_check_lists_callbacks_filters_and_traps(tmp_path: Path, run: Run) -> None:
    (tmp_path / "notify.py").write_text(GOOD)
    done = run("check", str(tmp_path))
    assert done.returncode == 0, done.stderr
    rows = [line.split(maxsplit=2) for line in done.stdout.splitlines() if line.startswith("    ")]
    assert [
        "call",
        "classic",
        "(sg, logger, event, args)  go on     {'Shotgun_Task_Change': 'sg_status_list'}",
    ] in rows
    assert "warning: call: matchEvents['Shotgun_Task_Change'] is the text" in done.stdout


def test_check_exits_with_2_when_a_plugin_cannot_be_started(tmp_path: Path, run: Run) -> None:
    (tmp_path / "notify.py").write_text(GOOD)
    (tmp_path / "wrong.py").write_text(BAD)
    done = run("check", "--json", str(tmp_path))
    assert done.returncode == 2
    found = json.loads(done.stdout)
    assert [plugin["name"] for plugin in found["plugins"]] == ["notify"]
    assert found["failures"][0]["line"] == 2
    assert "use {'Shotgun_Task_Change': None}" in found["failures"][0]["error"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "--team", "anim", "--plugins", "/nowhere"], "plugin folder '/nowhere' does not exist"),
        (["run", "--plugins", "."], "consumer.team is missing"),
        (["run", "--team", "anim"], "consumer.plugin_paths is missing"),
        (["run", "--team", "anim", "--plugins", "EMPTY"], "no plugin in"),
        (["run", "--team", "anim", "--plugins", "BROKEN"], "none of the 1 plugins"),
        (["run", "--team", "anim", "--plugins", "BROKEN", "--start", "soon"], "consumer.start"),
        (
            ["run", "--team", "anim", "--plugins", "GOOD", "--set", "consumer.groups={g: [a, b]}"],
            "consumer.groups, group 'g': there is no plugin 'a'; the plugins are: plugin",
        ),
        (["check"], "no plugins to check"),
        (["rewind", "anim.notify"], "exactly one of"),
        (["rewind", "anim.notify", "--to-event", "soon"], "'soon' is not an event id"),
        (["rewind", "anim.notify", "--to-time", "12"], "'12' is not a date such as"),
        (["rewind", "anim.notify", "--to-time", "2h", "--to-latest"], "exactly one of"),
    ],
)
def test_a_mistake_gets_one_message_and_exit_code_2(
    tmp_path: Path, run: Run, arguments: list[str], words: str
) -> None:
    for name, text in (("EMPTY", ""), ("BROKEN", BAD), ("GOOD", GOOD)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "plugin.py").write_text(text)
    given = [str(tmp_path / one) if one in ("EMPTY", "BROKEN", "GOOD") else one for one in arguments]
    done = run(*given, **BASICS)
    assert done.returncode == 2, done.stdout + done.stderr
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_print_config_shows_the_shortcuts_and_no_secret(run: Run) -> None:
    done = run(
        "run",
        "--team",
        "anim",
        "--plugins",
        "a",
        "--plugins",
        "b",
        "--start",
        "123",
        "--print-config",
        **BASICS,
    )
    assert done.returncode == 0, done.stderr
    for line in ("team: anim", "- a", "- b", "start: '123'"):
        assert line in done.stdout
    assert "a-secret-key" not in done.stdout


def config(**properties: str) -> dict[str, Any]:
    settings = Settings.model_validate(
        {"kafka": {"bootstrap_servers": "b:1", "consumer_properties": properties}}
    )
    return group_config(settings, "anim.notify", BrokerWatch("b:1"), {})


def test_a_group_commits_nothing_by_itself_and_never_resets_its_position() -> None:
    given = config()
    assert given["group.id"] == "anim.notify"
    assert given["enable.auto.commit"] is False
    assert given["auto.offset.reset"] == "error"
    assert given["isolation.level"] == "read_committed"
    assert given["partition.assignment.strategy"] == "cooperative-sticky"


def test_the_users_properties_win_over_defaults_and_the_new_protocol_takes_no_classic_ones() -> None:
    assert config(**{"fetch.wait.max.ms": "100"})["fetch.wait.max.ms"] == "100"
    given = config(**{"group.protocol": "consumer"})
    assert "partition.assignment.strategy" not in given
    assert "session.timeout.ms" not in given


def test_dead_letters_are_not_waited_for_when_there_is_no_broker(
    capsys: pytest.CaptureFixture[str], logging_put_back: None
) -> None:
    words = [
        "dead-letters",
        "list",
        "--set",
        "consumer.team=anim",
        "--set",
        "kafka.bootstrap_servers=127.0.0.1:1",
    ]
    with pytest.raises(SystemExit) as ended:
        run_cli(commands, words)
    assert ended.value.code == 1
    assert "Kafka at 127.0.0.1:1 is not available" in capsys.readouterr().err
