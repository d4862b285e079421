"""What a classic installation left behind is read as it was meant, and nothing in it is run."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from shotgun_consumer.classic.classic_conf import ClassicConf
from shotgun_consumer.classic.classic_import import Origin, left_out, origins
from shotgun_consumer.classic.classic_state import ClassicState, PluginState, read_state
from shotgun_consumer.classic.classic_yaml import convert, render
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import Settings

EXPIRY = datetime(2026, 1, 21, 19, 47, 33, 120000)  # noqa: DTZ001 - as the daemon wrote it
STATE = {"/plugins": {"notify": (120, {115: EXPIRY}), "never": (None, {})}}
READ = {"/plugins": {"notify": PluginState(120, (115,)), "never": PluginState(None)}}

# What Python 2.7 makes of {'/plugins': {'notify': (120, {115: datetime(2026, 1, 21, 19, 47, 33, 120000)})}}
PYTHON_2 = {
    0: (
        b"(dp0\nS'/plugins'\np1\n(dp2\nS'notify'\np3\n(I120\n(dp4\nI115\ncdatetime\ndatetime\np5\n"
        b"(S'\\x07\\xea\\x01\\x15\\x13/!\\x01\\xd4\\xc0'\np6\ntp7\nRp8\nstp9\nss."
    ),
    1: (
        b"}q\x00U\x08/pluginsq\x01}q\x02U\x06notifyq\x03(Kx}q\x04Kscdatetime\ndatetime\nq\x05"
        b"(U\n\x07\xea\x01\x15\x13/!\x01\xd4\xc0q\x06tq\x07Rq\x08stq\tss."
    ),
    2: (
        b"\x80\x02}q\x00U\x08/pluginsq\x01}q\x02U\x06notifyq\x03Kx}q\x04Kscdatetime\ndatetime\nq\x05"
        b"U\n\x07\xea\x01\x15\x13/!\x01\xd4\xc0q\x06\x85q\x07Rq\x08s\x86q\tss."
    ),
}


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# The state file


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_state_file_of_python_3_is_read_in_every_protocol(tmp_path: Path, protocol: int) -> None:
    found = read_state(written(tmp_path / "state", pickle.dumps(STATE, protocol)))
    assert found == ClassicState(READ)


@pytest.mark.parametrize("protocol", PYTHON_2)
def test_a_state_file_of_python_2_is_read_also_with_an_open_gap(tmp_path: Path, protocol: int) -> None:
    found = read_state(written(tmp_path / "state", PYTHON_2[protocol]))
    assert found.folders == {"/plugins": {"notify": PluginState(120, (115,))}}


@pytest.mark.parametrize("data", [b"120", b"120\n", pickle.dumps(120), b"L120L\n."])
def test_a_file_with_one_number_counts_for_all_plugins(tmp_path: Path, data: bytes) -> None:
    assert read_state(written(tmp_path / "state", data)) == ClassicState({}, PluginState(120))


class Attack:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_no_code_of_a_state_file_is_run(tmp_path: Path, protocol: int) -> None:
    trap = tmp_path / "sprung"
    attack = {"/plugins": {"notify": (120, {115: Attack(Path.touch, trap)})}}
    with pytest.raises(ConfigurationError, match=r"is refused: it names .*nothing of it was run"):
        read_state(written(tmp_path / "state", pickle.dumps(attack, protocol)))
    assert not trap.exists()


@pytest.mark.parametrize(
    "data",
    [
        b"cos\nsystem\n(S'true'\ntR.",
        b"cbuiltins\neval\n(V1+1\ntR.",
        b"c__builtin__\neval\n(V1+1\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"(cos\nsystem\nS'true'\no.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93\x8c\x04true\x85R.",
        b"\x80\x02cdatetime\ndatetime.fromtimestamp\nK\x01\x85R.",
        b"c_codecs\nencode\n(V1\nVrot13\ntR.",
        b"Pid\n.",
    ],
)
def test_what_a_pickle_may_name_is_a_short_list(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"is refused|is damaged"):
        read_state(written(tmp_path / "state", data))


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "is empty"),
        (b" \n", "is empty"),
        (pickle.dumps(STATE)[:-20], "is damaged or cut off"),
        (pickle.dumps(STATE)[:3], "is damaged or cut off"),
        (b"-5", "is damaged or cut off"),
        (b"garbage", "is damaged or cut off"),
        (pickle.dumps(["/plugins"]), "it holds list"),
        (pickle.dumps({1: {}}), "the entry 1 is no plugin folder"),
        (pickle.dumps({"/p": [1]}), "the entry '/p' is no plugin folder"),
        (pickle.dumps({"/p": {"a": "x"}}), "plugin 'a' of '/p' has 'x' as its state"),
        (pickle.dumps({"/p": {"a": ("x", {})}}), "has 'x' as its last event"),
        (pickle.dumps({"/p": {"a": (1, ["x"])}}), "as its awaited events"),
        (pickle.dumps({"/p": {5: (1, {})}}), "has a plugin 5"),
    ],
)
def test_a_damaged_state_file_gets_one_message_that_names_it(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(ConfigurationError, match=r"state file .*state ") as caught:
        read_state(written(tmp_path / "state", data))
    assert words in str(caught.value)


def test_a_state_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read: No such file"):
        read_state(tmp_path / "missing")


def test_done_is_what_lies_below_the_last_event_and_is_not_awaited() -> None:
    state = PluginState(120, (110, 115))
    assert [number for number in range(108, 123) if not state.is_done(number)] == [110, 115, 121, 122]
    assert state.first_missing == 110
    assert PluginState(120).first_missing == 121
    assert PluginState(None).first_missing is None


# Plugins and folders


def test_a_folder_is_the_same_however_it_is_spelled() -> None:
    state = ClassicState({"/plugins/": {"a": PluginState(5)}, "C:\\P": {"b": PluginState(6)}})
    assert origins(state, ["/plugins"], {}) == [Origin("a", "/plugins", PluginState(5))]
    assert origins(state, ["c:/p/"], {}) == [Origin("b", "c:/p/", PluginState(6))]
    assert left_out(state, ["/plugins"]) == ["C:\\P"]


def test_of_two_spellings_the_configured_one_counts_else_the_newer_position() -> None:
    state = ClassicState({"/p": {"a": PluginState(5)}, "/p/": {"a": PluginState(9), "b": PluginState(7)}})
    assert [(one.plugin, one.state) for one in origins(state, ["/p"], {})] == [
        ("a", PluginState(5)),
        ("b", PluginState(7)),
    ]
    assert origins(state, ["/p//"], {})[0].state == PluginState(9)


def test_a_plugin_in_a_new_folder_goes_on_where_its_name_was_and_an_unknown_one_begins_anew() -> None:
    state = ClassicState({"/old": {"a": PluginState(5)}, "/older": {"a": PluginState(4)}})
    moved, new = origins(state, ["/new"], {"/new": ["a", "b"]})
    assert (moved.state, moved.note) == (
        PluginState(5),
        "its position is that of the same name in another folder",
    )
    assert (new.state, new.note) == (None, "it has no position, and begins at consumer.start")


def test_a_plugin_without_a_file_is_said() -> None:
    (gone,) = origins(ClassicState({"/p": {"a": PluginState(5)}}), ["/p"], {"/p": []})
    assert gone.note == "its file is no longer there"


@pytest.mark.parametrize(
    ("state", "files", "words"),
    [
        (
            ClassicState({"/p": {"a": PluginState(5)}, "/q": {"a": PluginState(6)}}),
            {},
            "plugin 'a' is in /p and in /q",
        ),
        (ClassicState({}), {}, "no plugin is known"),
        (ClassicState({}, PluginState(5)), {}, "one number for all plugins"),
    ],
)
def test_what_cannot_be_told_is_not_guessed(
    state: ClassicState, files: Mapping[str, list[str]], words: str
) -> None:
    with pytest.raises(ConfigurationError, match=words):
        origins(state, ["/p", "/q"], files)


def test_one_number_becomes_the_position_of_every_plugin_that_lies_there() -> None:
    found = origins(ClassicState({}, PluginState(5)), ["/p"], {"/p": ["b", "a"]})
    assert [(one.plugin, one.state) for one in found] == [("a", PluginState(5)), ("b", PluginState(5))]


# The configuration

CONF = """
[daemon]
pidFile: /var/log/daemon.pid
eventIdFile: /var/log/daemon.id
logMode: 1
logPath: /var/log/shotgunEventDaemon
logFile: shotgunEventDaemon
logging: 20
[shotgun]
server: %(SG_ED_SITE_URL)s
name: daemon
key: %(SG_ED_API_KEY)s
use_session_uuid: True
proxy_server:
[plugins]
paths: /studio/plugins, /show/plugins
[emails]
enabled: True
server: mail.example
from: daemon@example
to: td@example, wrangler@example
subject: [SG]
username: %(SG_ED_MAIL_USER)s
password: it%%s
useTLS: True
"""
ENVIRON = {
    "SG_ED_SITE_URL": "https://studio.example",
    "SG_ED_API_KEY": "from-the-environment",
    "SG_ED_MAIL_USER": "mailer",
    "PORT": "8080",
    "NAME": "leaked",
}


def conf(tmp_path: Path, text: str = CONF, environ: Mapping[str, str] = ENVIRON) -> ClassicConf:
    path = tmp_path / "daemon.conf"
    path.write_text(text)
    return ClassicConf(path, environ)


def converted(tmp_path: Path, text: str = CONF, environ: Mapping[str, str] = ENVIRON) -> str:
    settings = Settings.model_validate(
        {"consumer": {"team": "anim"}, "kafka": {"bootstrap_servers": "broker:9092"}}
    )
    found = conf(tmp_path, text, environ)
    return render(convert(found, settings, found.words("plugins", "paths")), "daemon.conf")


def test_the_configuration_is_taken_over_without_what_came_from_the_environment(tmp_path: Path) -> None:
    text = converted(tmp_path)
    assert yaml.safe_load(text) == {
        "shotgun": {"url": "https://studio.example", "script_name": "daemon"},
        "kafka": {"bootstrap_servers": "broker:9092"},
        "consumer": {"team": "anim", "plugin_paths": ["/studio/plugins", "/show/plugins"]},
        "logging": {
            "level": "INFO",
            "file": "/var/log/shotgunEventDaemon/shotgunEventDaemon",
            "email": {
                "host": "mail.example",
                "port": 25,
                "security": "starttls",
                "sender": "daemon@example",
                "recipients": ["td@example", "wrangler@example"],
                "subject": "[SG]",
                "username": "mailer",
                "password": "it%s",
            },
        },
    }
    assert Settings.model_validate(yaml.safe_load(text)).consumer.team == "anim"
    # The key stood in the environment, and so it does not stand in the file
    assert "from-the-environment" not in text
    assert "set SHOTGUN_STREAM_SHOTGUN__API_KEY" in text
    # And a variable that happens to be named like an option is none
    assert "8080" not in text


def test_a_key_that_stood_in_the_file_is_taken_over(tmp_path: Path) -> None:
    text = converted(tmp_path, CONF.replace("%(SG_ED_API_KEY)s", "in%%file"))
    assert yaml.safe_load(text)["shotgun"]["api_key"] == "in%file"


def test_a_reference_may_lead_to_other_options_and_ignores_case(tmp_path: Path) -> None:
    text = "[DEFAULT]\nroot = /studio\n[plugins]\nbase = %(Root)s/%(sg_ed_site_url)s\npaths = %(base)s/a\n"
    assert conf(tmp_path, text).words("plugins", "paths") == ["/studio/https://studio.example/a"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[shotgun]\nkey = 50%\n", "there is a lone % before ''; write %%"),
        ("[shotgun]\nkey = a%b\n", "there is a lone % before 'b'; write %%"),
        ("[shotgun]\nkey = %(NOWHERE)s\n", "the environment has no variable NOWHERE"),
        ("[shotgun]\nkey = %(key)s\n", "lead round in a circle"),
    ],
)
def test_a_reference_that_leads_nowhere_is_named(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        conf(tmp_path, text).get("shotgun", "key")
    assert words in str(caught.value)
    assert "[shotgun] key" in str(caught.value)


@pytest.mark.parametrize("text", ["no section", "[a]\nb = 1\nb = 2\n", "[a]\n[a]\n"])
def test_what_is_no_configuration_is_said(tmp_path: Path, text: str) -> None:
    with pytest.raises(ConfigurationError, match="is no configuration of a classic daemon"):
        conf(tmp_path, text)


def test_numbers_and_flags_are_checked(tmp_path: Path) -> None:
    found = conf(tmp_path, "[daemon]\nlogging = loud\n[emails]\nenabled = maybe\n")
    with pytest.raises(ConfigurationError, match="'loud' is no whole number"):
        found.number("daemon", "logging")
    with pytest.raises(ConfigurationError, match="'maybe' is neither True nor False"):
        found.flag("emails", "enabled")
