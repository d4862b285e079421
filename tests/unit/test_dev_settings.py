"""`run --dev`: which names its groups get, and what of the configuration does not count."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from shotgun_consumer.cli import commands
from shotgun_consumer.trying.dev_settings import dev_settings, free_team, user_word
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import Settings


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("alice", "alice"),
        ("STUDIO\\alice", "STUDIO-alice"),
        ("alice.b@studio.com", "alice.b-studio.com"),
        ("al ice ", "al-ice"),
        ("jérôme", "j-r-me"),
    ],
)
def test_any_users_name_becomes_part_of_a_groups_name(
    monkeypatch: pytest.MonkeyPatch, name: str, word: str
) -> None:
    monkeypatch.setenv("LOGNAME", name)
    assert user_word() == word


def test_a_name_of_which_nothing_is_left_is_refused_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "山田")
    with pytest.raises(ConfigurationError, match="set the environment variable USER"):
        user_word()


def test_a_second_terminal_gets_groups_of_its_own() -> None:
    assert free_team("alice", []) == "dev-alice"
    assert free_team("alice", ["dev-alicent.notify", "anim.notify"]) == "dev-alice"
    assert free_team("alice", ["dev-alice.notify"]) == "dev-alice-2"
    assert free_team("alice", ["dev-alice.notify", "dev-alice-2.report"]) == "dev-alice-3"
    # A number that was given back is taken again
    assert free_team("alice", ["dev-alice-2.notify"]) == "dev-alice"


def test_what_only_a_team_should_do_is_left_out() -> None:
    given = Settings.model_validate(
        {
            "consumer": {
                "team": "anim",
                "group_prefix": "prod.",
                "groups": {"both": ["a", "b"]},
                "reload": "off",
                "plugins": {"*": {"timeout": "5s", "on_timeout": "restart_process", "max_attempts": 3}},
            },
            "logging": {
                "level": "ERROR",
                "format": "json",
                "email": {"host": "mail", "sender": "a@b.c", "recipients": ["d@e.f"]},
            },
            "http": {"port": 9465},
        }
    )
    settings = dev_settings(given)
    assert (settings.consumer.group_prefix, settings.consumer.groups) == ("", {})
    assert settings.consumer.reload == "watch"
    assert (settings.logging.level, settings.logging.format, settings.logging.email) == ("INFO", "text", None)
    assert (settings.http.host, settings.http.port) == ("127.0.0.1", 0)
    # A callback in a debugger does not end the process, and what else is said of plugins holds
    assert settings.consumer.plugin("notify").on_timeout is None
    assert settings.consumer.plugin("notify").max_attempts == 3


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--plugins", "x.py"], "kafka.bootstrap_servers is missing"),
        (["--set", "kafka.bootstrap_servers=127.0.0.1:9"], "run --dev --plugins PATH"),
        (["--start", "earliest"], "shotgun-consumer try PLUGIN --event ID"),
    ],
)
def test_what_is_missing_is_said_before_anything_starts(arguments: list[str], said: str) -> None:
    result = CliRunner().invoke(commands, ["run", "--dev", *arguments])
    assert said in f"{result.output}{result.exception}"
    assert result.exit_code != 0
