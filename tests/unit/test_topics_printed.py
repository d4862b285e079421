"""`shotgun-producer topics` without --create: what somebody else is to run. No broker is there, and none is asked."""

from __future__ import annotations

import json
import shlex
from itertools import pairwise

import pytest

from shotgun_producer.cli import commands
from shotgun_runtime.cli import run_cli
from shotgun_schemas.topics import CONTROL_SETTINGS, DEAD_LETTERS_SETTINGS, EVENTS_SETTINGS


def run(*words: str) -> int:
    with pytest.raises(SystemExit) as caught:
        run_cli(commands, ["topics", *words])
    assert isinstance(caught.value.code, int)
    return caught.value.code


def option(line: str, name: str) -> list[str]:
    words = shlex.split(line)
    return [value for word, value in pairwise(words) if word == name]


def test_each_topic_is_a_command_with_the_settings_that_the_services_want(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run("--team", "anim", "--team", "fx", "--set", "stream.partitions=4") == 0

    lines = capsys.readouterr().out.splitlines()
    assert [option(line, "--topic")[0] for line in lines] == [
        "shotgun.events",
        "shotgun.events.checkpoint",
        "shotgun.events.control",
        "shotgun.events.dead-letters.anim",
        "shotgun.events.dead-letters.fx",
    ]
    assert [option(line, "--partitions")[0] for line in lines] == ["4", "1", "1", "1", "1"]
    for line, settings in ((lines[0], EVENTS_SETTINGS), (lines[4], DEAD_LETTERS_SETTINGS)):
        assert option(line, "--config") == [f"{name}={value}" for name, value in settings.items()]


def test_programs_get_names_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--json", "--set", "stream.replication_factor=3") == 0

    control = json.loads(capsys.readouterr().out)[2]
    assert control == {
        "name": "shotgun.events.control",
        "partitions": 1,
        "replication_factor": 3,
        "settings": dict(CONTROL_SETTINGS),
    }


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--only-teams",), "name the teams"),
        (("--team", "a b"), "--team a b: shotgun.events.dead-letters.a b is no name for a topic"),
        (("--create",), "kafka.bootstrap_servers is missing"),
    ],
)
def test_a_mistake_is_told_with_exit_code_2(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(*words) == 2
    assert said in capsys.readouterr().err
