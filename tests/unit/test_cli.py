"""What all command lines share: options, messages and exit codes."""

from __future__ import annotations

from pathlib import Path

import click
import pytest

from shotgun_runtime.cli import config_options, run_cli, version_option
from shotgun_runtime.errors import (
    ConfigurationError,
    DecisionNeededError,
    KafkaRefusedError,
    SiteRefusedError,
    StreamError,
)
from shotgun_runtime.settings import Settings


@click.group()
@version_option
def main() -> None:
    """A service."""


@main.command()
@config_options
@click.argument("word", default="topic")
def show(settings: Settings, word: str) -> None:
    """Show a value."""
    click.echo(f"{word}={settings.stream.topic}")


def run(*args: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run_cli(main, list(args))
    assert isinstance(caught.value.code, int)
    return caught.value.code


def raising(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (StreamError("what"), 1),
        (ConfigurationError("what"), 2),
        (SiteRefusedError("what"), 3),
        (KafkaRefusedError("what"), 4),
        (DecisionNeededError("what"), 5),
    ],
)
def test_each_failure_is_one_message_and_its_exit_code(
    error: StreamError, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as caught:
        run_cli(raising(error), [])

    assert caught.value.code == code
    assert capsys.readouterr() == ("", "error: what\n")


def test_an_interrupt_exits_with_130() -> None:
    with pytest.raises(SystemExit) as caught:
        run_cli(raising(KeyboardInterrupt()), [])

    assert caught.value.code == 130


def test_an_unexpected_error_is_logged_with_its_traceback(caplog: pytest.LogCaptureFixture) -> None:
    with pytest.raises(SystemExit) as caught:
        run_cli(raising(ZeroDivisionError("oops")), [])

    assert caught.value.code == 1
    assert "ZeroDivisionError: oops" in caplog.text


def test_options_reach_the_command_with_the_merged_settings(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "stream.yaml"
    path.write_text("stream: {topic: from-file}")

    assert run("show", "--config", str(path)) == 0
    assert run("show", "word", "--config", str(path), "--set", "stream.topic=a=b.c".replace("a=", "")) == 0
    assert capsys.readouterr().out == "topic=from-file\nword=b.c\n"


def test_the_configuration_file_may_be_named_by_the_environment(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "stream.yaml"
    path.write_text("stream: {topic: from-file}")
    monkeypatch.setenv("SHOTGUN_STREAM_CONFIG", str(path))

    assert run("show") == 0
    assert capsys.readouterr().out == "topic=from-file\n"


def test_print_config_prints_all_and_no_secret(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("show", "--set", "shotgun.api_key=top-secret", "--set", "http.port=0", "--print-config") == 0

    out = capsys.readouterr().out
    assert "top-secret" not in out
    assert "api_key: '********'" in out
    assert "port: 0" in out
    assert "topic=" not in out


@pytest.mark.parametrize(
    ("args", "told"),
    [
        (["show", "--set", "http.port"], "no KEY=VALUE"),
        (["show", "--set", "http.prot=1"], "did you mean http.port?"),
        (["show", "--config", "/no/such.yaml"], "/no/such.yaml does not exist"),
        (["show", "--cnofig", "x"], "No such option"),
        (["shwo"], "No such command"),
    ],
)
def test_wrong_usage_exits_with_2_and_says_what(
    args: list[str], told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*args) == 2
    assert told in capsys.readouterr().err


def test_help_and_version_exit_with_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--version") == 0
    assert run("show", "--help") == 0

    out = capsys.readouterr().out
    assert "--print-config" in out
    assert "SHOTGUN_STREAM_CONFIG" in out
