"""Plugins: found in folders, loaded one by one, and each failure told with file, line and next step."""

from __future__ import annotations

import functools
import logging
import sys
import textwrap
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from shotgun_consumer.plugins.plugin_files import PluginFile, find_plugin_files, plugin_folders
from shotgun_consumer.plugins.plugin_loader import (
    LoadedPlugin,
    NotAPluginError,
    PluginError,
    load_plugin,
)
from shotgun_consumer.plugins.plugin_modules import offer_helpers
from shotgun_consumer.plugins.plugin_set import load_plugins
from shotgun_consumer.plugins.registrar import Api, RegistrationError, make_registrar
from shotgun_consumer.plugins.signatures import CallStyle
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ConsumerSettings

REGISTER = "def registerCallbacks(reg):\n    reg.registerCallback('name', 'key', call)\n"


def write(folder: Path, name: str, text: str) -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / name
    path.write_text(textwrap.dedent(text), "utf-8")
    return path


def load(path: Path, api: Api = "classic") -> LoadedPlugin:
    return load_plugin(PluginFile(path.stem, path), api, ConfigParser())


def test_plugins_are_found_folder_by_folder_and_by_file_name(tmp_path: Path) -> None:
    for folder, name in (("b", "z.py"), ("b", "a.py"), ("b", "B.py"), ("a", "last.py")):
        write(tmp_path / folder, name, REGISTER)
    found = find_plugin_files([tmp_path / "b", tmp_path / "a"])
    assert [file.name for file in found] == ["B", "a", "z", "last"]


def test_helpers_are_left_out_with_a_line_at_info(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write(tmp_path, "_private.py", REGISTER)
    write(tmp_path, "__init__.py", "")
    write(tmp_path, "tools.py", "def helper():\n    pass\n")
    write(tmp_path, ".hidden.py", REGISTER)
    write(tmp_path, "notes.txt", REGISTER)
    (tmp_path / "sub").mkdir()
    write(tmp_path, "notify.py", REGISTER)
    with caplog.at_level(logging.INFO):
        found = find_plugin_files([tmp_path])
    assert [file.name for file in found] == ["notify"]
    assert {record.levelname for record in caplog.records} == {"INFO"}
    assert len(caplog.records) == 3


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"plugin folder '.*nowhere' does not exist"):
        find_plugin_files([tmp_path / "nowhere"])


def test_two_plugins_of_one_name_are_named_both(tmp_path: Path) -> None:
    first = write(tmp_path / "a", "notify.py", REGISTER)
    second = write(tmp_path / "b", "notify.py", REGISTER)
    with pytest.raises(ConfigurationError) as refused:
        find_plugin_files([tmp_path / "a", tmp_path / "b"])
    assert str(first) in str(refused.value)
    assert f"consumer.names: {{{second}: ..}}" in str(refused.value)


def test_the_configuration_may_name_a_file_so_that_two_folders_hold_plugins_of_one_stem(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folders = [tmp_path / "a", tmp_path / "b"]
    for folder in folders:
        write(folder, "notify.py", "def on_event(context): pass\n")
    names = {str(tmp_path / "b" / "notify.py"): "fx_notify", str(tmp_path / "gone.py"): "other"}
    settings = ConsumerSettings.model_validate({"names": names, "plugins": {"fx_*": {"api": "seed"}}})
    loaded = load_plugins(folders, settings, ConfigParser()).loaded
    assert [(plugin.name, plugin.api) for plugin in loaded] == [("notify", "classic"), ("fx_notify", "seed")]
    assert f"consumer.names: there is no file {tmp_path / 'gone.py'}" in caplog.text
    only = settings.model_copy(update={"only": ["fx_*"]})
    assert [plugin.name for plugin in load_plugins(folders, only, ConfigParser()).loaded] == ["fx_notify"]


def test_two_helpers_of_one_name_are_no_conflict(tmp_path: Path) -> None:
    for folder in ("a", "b"):
        write(tmp_path / folder, "tools.py", "x = 1\n")
    assert find_plugin_files([tmp_path / "a", tmp_path / "b"]) == []


def test_only_keeps_the_names_that_match_a_pattern(tmp_path: Path) -> None:
    for name in ("anim_notify.py", "anim_log.py", "light.py"):
        write(tmp_path, name, REGISTER)
    found = find_plugin_files([tmp_path], ["anim_*", "none"])
    assert [file.name for file in found] == ["anim_log", "anim_notify"]


def test_a_plugin_registers_with_everything_it_gave(tmp_path: Path) -> None:
    plugin = load(
        write(
            tmp_path,
            "notify.py",
            """
            ARGS = {"a": 1}
            def call(sg, logger, event, args): pass
            def registerCallbacks(reg):
                assert reg.logger is reg.getLogger()
                assert reg.logger.config.get("shotgun", "url", fallback="none") == "none"
                reg.setEmails("td@studio.example", "sup@studio.example")
                reg.registerCallback("name", "key", call, {"T": ["a"]}, ARGS, False)
                reg.registerCallback("name", "key", call)
            """,
        )
    )
    first, second = plugin.callbacks
    assert (first.name, first.key, second.key) == ("call", "call", "call#2")
    assert (first.script_name, first.script_key) == ("name", "key")
    assert first.args is sys.modules[first.function.__module__].ARGS
    assert (first.stop_on_error, second.stop_on_error) == (False, True)
    assert first.logger.name == "plugin.notify.call"
    assert plugin.logger.name == "plugin.notify"
    assert plugin.emails == ("td@studio.example", "sup@studio.example")


def test_a_plugin_may_decline_to_register(tmp_path: Path) -> None:
    assert load(write(tmp_path, "quiet.py", "def registerCallbacks(reg):\n    return\n")).callbacks == ()


def test_a_file_without_the_entry_point_is_a_helper(tmp_path: Path) -> None:
    path = write(tmp_path, "tools.py", "# called by registerCallbacks of others\n")
    with pytest.raises(NotAPluginError):
        load(path)


def test_a_plugin_imports_a_helper_beside_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))
    write(tmp_path, "_beside_for_test.py", "def call(sg, logger, event, args): pass\n")
    path = write(tmp_path, "uses.py", "from _beside_for_test import call\n" + REGISTER)
    offer_helpers(plugin_folders([tmp_path]))
    assert sys.path[-1] == str(tmp_path)
    assert load(path).callbacks[0].name == "call"


def test_dataclasses_and_pickle_work_in_a_plugin(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "modern.py",
        """
        from __future__ import annotations
        import dataclasses, pickle, pathlib
        @dataclasses.dataclass
        class State:
            count: int = 0
        def call(sg, logger, event, args): pass
        assert pathlib.Path(__file__).name == "modern.py"
        def registerCallbacks(reg):
            assert pickle.loads(pickle.dumps(State(3))) == State(3)
            reg.registerCallback(None, None, call)
        """,
    )
    assert len(load(path).callbacks) == 1


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("def registerCallbacks(reg)\n", 1, "SyntaxError"),
        ("import sys\nraise RuntimeError('no tools')\n", 2, "the import raised RuntimeError: no tools"),
        ("import sys\nsys.exit(3)\n", 2, "the import raised SystemExit: 3"),
        ("import nosuchmodule_\n", 1, "No module named 'nosuchmodule_'"),
        ("def registerCallbacks(reg):\n    reg.nothing\n", 2, "has no attribute 'nothing'"),
        ("registerCallbacks = 7\n", None, "must be a function, got int"),
        (
            "def registerCallbacks(reg):\n    reg.registerCallback('n', 'k', 7)\n",
            2,
            "must be callable, got int 7",
        ),
        (
            "def registerCallbacks(reg):\n    reg.registerCallback('n', 'k', lambda a, b: 0)\n",
            2,
            "must accept one of",
        ),
        (
            "def registerCallbacks(reg):\n    reg.registerCallback('', 'k', print)\n",
            2,
            "sgScriptName must be a text",
        ),
        (
            "def registerCallbacks(reg):\n    reg.setEmails(1, 2)\n",
            2,
            "setEmails takes True, False or e-mail",
        ),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_told_with_its_line(
    tmp_path: Path, text: str, line: int | None, words: str
) -> None:
    path = write(tmp_path, "broken.py", text)
    with pytest.raises(PluginError) as failed:
        load(path)
    assert words in str(failed.value)
    assert str(failed.value).startswith("plugin 'broken.py': ")
    assert (failed.value.path, failed.value.line) == (path, line)


def test_a_wrong_filter_is_told_in_these_words(tmp_path: Path) -> None:
    path = write(
        tmp_path,
        "notify.py",
        "def registerCallbacks(reg):\n    reg.registerCallback('n', 'k', print, ['Shotgun_Task_Change'])\n",
    )
    with pytest.raises(PluginError) as failed:
        load(path)
    assert str(failed.value) == (
        "plugin 'notify.py': matchEvents must be a mapping, got list ['Shotgun_Task_Change']; "
        "use {'Shotgun_Task_Change': None}."
    )
    assert failed.value.line == 2


def test_a_broken_plugin_leaves_nothing_behind_in_the_modules(tmp_path: Path) -> None:
    before = set(sys.modules)
    with pytest.raises(PluginError):
        load(write(tmp_path, "broken.py", "raise ValueError\n"))
    assert set(sys.modules) == before


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    link = tmp_path / "gone.py"
    link.symlink_to(tmp_path / "nowhere.py")
    assert [file.name for file in find_plugin_files([tmp_path])] == ["gone"]
    with pytest.raises(PluginError, match="No such file"):
        load(link)


class Callable4:
    def __call__(self, sg: Any, logger: Any, event: Any, args: Any) -> None: ...

    def method(self, sg: Any, event: Any, args: Any) -> None: ...


class MadeWithFour:
    def __init__(self, sg: Any, logger: Any, event: Any, args: Any) -> None: ...


def four(sg: Any, logger: Any, event: Any, args: Any) -> None: ...
def five(first: Any, sg: Any, logger: Any, event: Any, args: Any) -> None: ...
def three(sg: Any, event: Any, args: Any) -> None: ...
def one(context: Any) -> None: ...
def anything(*args: Any) -> None: ...


@pytest.mark.parametrize(
    ("callback", "api", "style"),
    [
        (four, "classic", CallStyle.FOUR),
        (four, "seed", CallStyle.FOUR),
        (three, "classic", CallStyle.THREE),
        (three, "seed", CallStyle.THREE),
        (one, "classic", CallStyle.ONE),
        (anything, "classic", CallStyle.FOUR),
        (anything, "seed", CallStyle.THREE),
        (lambda sg, logger, event, args: None, "classic", CallStyle.FOUR),
        (functools.partial(five, 1), "classic", CallStyle.FOUR),
        (Callable4(), "classic", CallStyle.FOUR),
        (Callable4().method, "classic", CallStyle.THREE),
        (MadeWithFour, "classic", CallStyle.FOUR),
    ],
)
def test_every_kind_of_callable_is_taken_and_its_arguments_are_counted(
    callback: Any, api: Api, style: CallStyle
) -> None:
    registrar = make_registrar("p", api, ConfigParser())
    registrar.registerCallback("n", "k", callback)
    assert registrar.callbacks()[0].style is style


def test_a_callable_without_a_name_gets_its_class_and_identity() -> None:
    registrar = make_registrar("p", "classic", ConfigParser())
    instance = Callable4()
    registrar.registerCallback("n", "k", instance)
    spec = registrar.callbacks()[0]
    assert (spec.name, spec.key) == (f"Callable4_{id(instance):x}", "Callable4")


def test_in_the_seeds_api_the_fourth_argument_is_args_and_nothing_stops_the_plugin() -> None:
    registrar = make_registrar("p", "seed", ConfigParser())
    args = {"Shotgun_Task_Change": None}
    registrar.registerCallback("n", "k", three, args)
    spec = registrar.callbacks()[0]
    assert spec.args is args
    assert spec.filter.wants("Shotgun_Shot_New", None)
    assert not spec.stop_on_error


def test_without_credentials_the_services_own_script_is_used() -> None:
    registrar = make_registrar("p", "classic", ConfigParser())
    registrar.registerCallback(None, None, four)
    assert registrar.callbacks()[0].script_name is None
    with pytest.raises(RegistrationError, match="sgScriptKey must be a text, got NoneType"):
        registrar.registerCallback("n", None, four)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ((True,), True),
        ((False,), False),
        ((["a@b"],), ("a@b",)),
        (("a@b", "c@d"), ("a@b", "c@d")),
        (((),), False),
    ],
)
def test_set_emails_has_its_documented_meaning(given: tuple[Any, ...], kept: Any) -> None:
    registrar = make_registrar("p", "classic", ConfigParser())
    assert registrar.emails() is True
    registrar.setEmails(*given)
    assert registrar.emails() == kept
