"""Changed plugin files are found by their content, on real folders and real links, and loaded once each."""

from __future__ import annotations

import logging
import os
import shutil
import sys
from collections.abc import Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from shotgun_consumer.plugins.plugin_library import Broken, Change, Loaded, PluginLibrary, Removed
from shotgun_consumer.plugins.plugin_loader import LoadedPlugin
from shotgun_runtime.settings import ConsumerSettings

PLUGIN = """
{head}
def registerCallbacks(reg):
    reg.registerCallback(None, None, call, {{"{event_type}": None}})
def call(sg, logger, event, args):
    return {answer}
"""


@pytest.fixture(autouse=True)
def own_modules(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test imports and puts on the module path is gone after it."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "path_hooks", list(sys.path_hooks))
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


def write(path: Path, answer: object = 1, head: str = "", event_type: str = "T") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PLUGIN.format(head=head, answer=answer, event_type=event_type), "utf-8")
    return path


class Library:
    """A library over folders, with a clock that the test turns."""

    def __init__(self, *folders: Path, **settings: Any) -> None:
        self.library = PluginLibrary(folders, ConsumerSettings.model_validate(settings), ConfigParser())
        self.now = 0.0
        self.plugins = {plugin.name: plugin for plugin in self.library.load().loaded}

    def look(self) -> list[Change]:
        """What is found once everything has come to rest."""
        changes = []
        for _ in range(3):
            changes += self.library.refresh(self.now)
            self.now += 10.0
        self.plugins |= {
            change.plugin.name: change.plugin for change in changes if isinstance(change, Loaded)
        }
        return changes

    def answers(self, name: str) -> Any:
        """What the plugin's callback returns."""
        return answer(self.plugins[name])


def answer(plugin: LoadedPlugin) -> Any:
    return plugin.callbacks[0].function(None, None, {}, None)


def names(changes: list[Change]) -> list[tuple[str, str]]:
    return [
        (type(change).__name__, change.plugin.name if isinstance(change, Loaded) else change.name)
        for change in changes
    ]


def test_a_changed_plugin_is_loaded_once_and_its_neighbour_is_left_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.py", 1)
    write(tmp_path / "b.py", 1)
    library = Library(tmp_path)
    assert library.look() == []
    write(tmp_path / "a.py", 2)
    assert names(library.look()) == [("Loaded", "a")]
    assert library.answers("a") == 2
    assert library.look() == []


def test_a_touched_file_reloads_nothing_and_a_restored_older_one_does(tmp_path: Path) -> None:
    # Given an old copy of the plugin, of the same size
    path = write(tmp_path / "plugins" / "a.py", 1)
    old = shutil.copy2(path, tmp_path / "old.py")
    os.utime(old, (1_000_000_000, 1_000_000_000))
    write(path, 2)
    library = Library(path.parent)
    os.utime(path)
    assert library.look() == []
    # When it comes back with its time
    shutil.copy2(old, path)
    assert names(library.look()) == [("Loaded", "a")]
    assert library.answers("a") == 1


def test_a_change_within_the_same_second_and_of_the_same_size_is_run(tmp_path: Path) -> None:
    # Python's own cache of compiled code would take it for the same file
    path = write(tmp_path / "a.py", 1, head="import _tools")
    (tmp_path / "_tools.py").write_text("VALUE = 1\n")
    write(path, "_tools.VALUE", head="import _tools")
    moment = (1_700_000_000, 1_700_000_000)
    os.utime(tmp_path / "_tools.py", moment)
    library = Library(tmp_path)
    assert library.answers("a") == 1
    (tmp_path / "_tools.py").write_text("VALUE = 2\n")
    os.utime(tmp_path / "_tools.py", moment)
    assert names(library.look()) == [("Loaded", "a")]
    assert library.answers("a") == 2


def test_the_swap_of_a_config_map_is_seen(tmp_path: Path) -> None:
    # Given a ConfigMap as the kubelet mounts it: the files are links through `..data` into a dated folder
    mount = tmp_path / "mount"
    write(mount / "..2026_01" / "a.py", 1)
    write(mount / "..2026_01" / "b.py", 1)
    (mount / "..data").symlink_to("..2026_01")
    for name in ("a.py", "b.py"):
        (mount / name).symlink_to(f"..data/{name}")
    library = Library(mount)
    assert sorted(library.plugins) == ["a", "b"]
    assert mount in library.library.folders()
    # When the kubelet swaps it, with times that say nothing
    write(mount / "..2026_02" / "a.py", 2)
    write(mount / "..2026_02" / "b.py", 1)
    for path in mount.glob("..2026*/*.py"):
        os.utime(path, (1_700_000_000, 1_700_000_000))
    (mount / "..data_tmp").symlink_to("..2026_02")
    (mount / "..data_tmp").rename(mount / "..data")
    shutil.rmtree(mount / "..2026_01")
    # Then what has changed is loaded, and no more
    assert names(library.look()) == [("Loaded", "a")]
    assert library.answers("a") == 2


def test_the_swap_of_a_git_sync_link_is_seen_and_the_folder_that_holds_it_is_watched(tmp_path: Path) -> None:
    git = tmp_path / "git"
    write(git / ".worktrees" / "one" / "plugins" / "a.py", "_tools.VALUE", head="import _tools")
    (git / ".worktrees" / "one" / "plugins" / "_tools.py").write_text("VALUE = 1\n")
    (git / "current").symlink_to(".worktrees/one")
    library = Library(git / "current" / "plugins")
    assert git in library.library.folders()
    shutil.copytree(git / ".worktrees" / "one", git / ".worktrees" / "two")
    (git / ".worktrees" / "two" / "plugins" / "_tools.py").write_text("VALUE = 2\n")
    (git / "new").symlink_to(".worktrees/two")
    (git / "new").rename(git / "current")
    assert names(library.look()) == [("Loaded", "a")]
    assert library.answers("a") == 2


def test_a_helpers_change_reloads_those_that_import_it_also_through_others(tmp_path: Path) -> None:
    write(tmp_path / "direct.py", "_tools.VALUE", head="import _tools")
    write(tmp_path / "through.py", "VALUE", head="from studio.paths import VALUE")
    write(tmp_path / "lazy.py", "__import__('importlib').import_module('_tools').VALUE")
    write(tmp_path / "other.py", 1, head="import json, studio")
    (tmp_path / "studio").mkdir()
    (tmp_path / "studio" / "__init__.py").write_text("STATE = object()\n")
    (tmp_path / "studio" / "paths.py").write_text("from . import deep\nVALUE = deep.VALUE\n")
    (tmp_path / "studio" / "deep.py").write_text("from _tools import VALUE\n")
    (tmp_path / "_tools.py").write_text("VALUE = 1\n")
    library = Library(tmp_path)
    state = sys.modules["studio"].STATE  # type: ignore[attr-defined]
    assert [library.answers(name) for name in ("direct", "through", "lazy")] == [1, 1, 1]
    # When the innermost helper changes
    (tmp_path / "_tools.py").write_text("VALUE = 2\n")
    assert names(library.look()) == [("Loaded", "direct"), ("Loaded", "lazy"), ("Loaded", "through")]
    assert [library.answers(name) for name in ("direct", "through", "lazy")] == [2, 2, 2]
    # Then a helper that had not changed is still the same module, with its state
    assert sys.modules["studio"].STATE is state  # type: ignore[attr-defined]


def test_a_plugins_own_change_keeps_the_state_of_its_helpers(tmp_path: Path) -> None:
    (tmp_path / "_tools.py").write_text("STATE = []\n")
    write(tmp_path / "a.py", "_tools.STATE", head="import _tools")
    library = Library(tmp_path)
    library.answers("a").append("kept")
    write(tmp_path / "a.py", "list(_tools.STATE)", head="import _tools")
    library.look()
    assert library.answers("a") == ["kept"]


def test_what_cannot_be_loaded_is_told_once_and_the_old_version_and_its_helper_stay_whole(
    tmp_path: Path,
) -> None:
    (tmp_path / "_tools.py").write_text("VALUE = 1\n")
    write(tmp_path / "a.py", "__import__('_tools').VALUE")
    library = Library(tmp_path)
    assert library.answers("a") == 1
    module = sys.modules[library.plugins["a"].callbacks[0].function.__module__]
    # When the helper is broken
    (tmp_path / "_tools.py").write_text("VALUE = \n")
    write(tmp_path / "a.py", "VALUE", head="from _tools import VALUE")
    (broken,) = library.look()
    assert isinstance(broken, Broken)
    assert "SyntaxError" in str(broken.error)
    # Then it is not loaded again and again, and what runs finds all that it had
    assert library.look() == []
    assert library.answers("a") == 1
    assert sys.modules[module.__name__] is module
    # And when the helper alone is mended, the plugin is loaded
    (tmp_path / "_tools.py").write_text("VALUE = 3\n")
    assert names(library.look()) == [("Loaded", "a")]
    assert library.answers("a") == 3


def test_a_plugin_that_needs_a_helper_that_comes_later_is_loaded_then(tmp_path: Path) -> None:
    write(tmp_path / "a.py", "VALUE", head="from late import VALUE")
    library = Library(tmp_path)
    assert library.plugins == {}
    (tmp_path / "late.py").write_text("VALUE = 1\n")
    assert names(library.look()) == [("Loaded", "a")]


def test_new_and_removed_files_are_found_and_helpers_are_not_taken_for_plugins(tmp_path: Path) -> None:
    write(tmp_path / "a.py")
    library = Library(tmp_path, only=["a", "b", "_c", "d"])
    for name in ("b.py", "_c.py", "unwanted.py"):
        write(tmp_path / name)
    (tmp_path / "d.py").write_text("def helper(): pass\n")
    assert names(library.look()) == [("Loaded", "b")]
    (tmp_path / "a.py").rename(tmp_path / "gone")
    assert library.look() == [Removed("a")]
    (tmp_path / "gone").rename(tmp_path / "a.py")
    assert names(library.look()) == [("Loaded", "a")]
    # The last plugin of a folder can be removed as well
    for path in tmp_path.iterdir():
        path.unlink()
    assert sorted(names(library.look())) == [("Removed", "a"), ("Removed", "b")]


def test_a_file_that_lost_its_function_is_a_broken_plugin_and_no_removed_one(tmp_path: Path) -> None:
    write(tmp_path / "a.py")
    library = Library(tmp_path)
    (tmp_path / "a.py").write_text("")
    (broken,) = library.look()
    assert isinstance(broken, Broken)
    assert "no longer has the function registerCallbacks" in str(broken.error)


def test_nothing_is_loaded_while_a_file_is_being_written(tmp_path: Path) -> None:
    path = write(tmp_path / "a.py", 1)
    library = Library(tmp_path)
    whole = PLUGIN.format(head="", answer=2, event_type="T")
    for step in range(1, 10):
        path.write_text(whole[: len(whole) * step // 10])
        assert library.library.refresh(library.now) == []
        library.now += 0.1
    path.write_text(whole)
    assert names(library.look()) == [("Loaded", "a")]


def test_an_editor_that_takes_the_file_away_for_a_moment_ends_no_plugin(tmp_path: Path) -> None:
    path = write(tmp_path / "a.py", 1)
    library = Library(tmp_path)
    path.unlink()
    assert library.library.refresh(0.0) == []
    assert library.library.refresh(1.0) == []
    write(path, 2)
    assert library.library.refresh(1.1) == []
    assert names(library.library.refresh(2.1)) == [("Loaded", "a")]


@pytest.mark.parametrize("how", ["missing", "empty", "dangling"])
def test_a_folder_that_cannot_be_seen_changes_nothing_and_is_said_once(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    # Given plugins of which one imports a helper from the other folder
    mounted, local, link = tmp_path / "mounted", tmp_path / "local", tmp_path / "link"
    write(mounted / "a.py", 1)
    (mounted / "shared.py").write_text("VALUE = 1\n")
    write(local / "b.py", "shared.VALUE", head="import shared")
    link.symlink_to(mounted)
    library = Library(link, local)
    # When the folder is gone, or is an empty mount point
    mounted.rename(tmp_path / "away")
    if how == "empty":
        mounted.mkdir()
    if how == "dangling":
        link.unlink()
        link.symlink_to("nowhere")
    caplog.clear()
    with caplog.at_level(logging.INFO):
        assert library.look() == []
        assert library.look() == []
        assert [record.levelname for record in caplog.records] == ["WARNING"]
        assert f"plugin folder '{link}'" in caplog.text
        caplog.clear()
        # Then what comes back goes on, changes included
        if how == "empty":
            mounted.rmdir()
        (tmp_path / "away").rename(mounted)
        if how == "dangling":
            link.unlink()
            link.symlink_to(mounted)
        write(mounted / "a.py", 2)
        assert names(library.look()) == [("Loaded", "a")]
        assert "can be seen again" in caplog.text


def test_a_file_with_a_name_of_its_own_is_reloaded_under_it(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        write(tmp_path / folder / "a.py", 1)
    other = tmp_path / "two" / "a.py"
    library = Library(tmp_path / "one", tmp_path / "two", names={str(other): "b"})
    write(other, 2)
    assert names(library.look()) == [("Loaded", "b")]
    assert (library.answers("a"), library.answers("b")) == (1, 2)


def test_a_plugin_of_a_taken_name_is_said_and_not_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write(tmp_path / "one" / "z.py", 1)
    write(tmp_path / "two" / "a.py", 2)
    library = Library(tmp_path / "one", tmp_path / "two")
    write(tmp_path / "one" / "a.py", 3)
    assert library.look() == []
    assert (
        f"{tmp_path / 'two' / 'a.py'} is used. Rename the other file, or name it in consumer.names"
        in caplog.text
    )
    assert library.answers("a") == 2
    # When the one that was used goes, the other takes its place
    (tmp_path / "two" / "a.py").unlink()
    library.look()
    assert library.answers("a") == 3


def test_options_that_a_new_plugin_cannot_have_are_its_failure_alone(tmp_path: Path) -> None:
    write(tmp_path / "a.py")
    library = Library(tmp_path, plugins={"b": {"on_failure": "dead_letter"}})
    write(tmp_path / "b.py")
    write(tmp_path / "c.py")
    changes = library.look()
    assert ("Loaded", "c") in names(changes)


def test_whatever_a_new_version_raises_is_its_failure_alone(tmp_path: Path) -> None:
    path = write(tmp_path / "a.py")
    write(tmp_path / "b.py")
    library = Library(tmp_path)
    for error in ("SystemExit(1)", "KeyboardInterrupt()", "ValueError('no')"):
        path.write_text(f"raise {error}\ndef registerCallbacks(reg): pass\n")
        write(tmp_path / "b.py", repr(error))
        assert names(library.look()) == [("Broken", "a"), ("Loaded", "b")]


def test_replicas_can_compare_their_versions_wherever_their_files_lie(tmp_path: Path) -> None:
    versions = []
    for host, value in (("one", 1), ("two", 1), ("three", 2)):
        write(tmp_path / host / f"{host}.py", "VALUE", head=f"from _tools_{value} import VALUE")
        shutil.move(tmp_path / host / f"{host}.py", tmp_path / host / "plugin.py")
        (tmp_path / host / f"_tools_{value}.py").write_text(f"VALUE = {value}\n")
        library = Library(tmp_path / host)
        versions.append(library.library.version_of("plugin"))
    assert versions[0] == versions[1] != versions[2]


def test_the_level_that_a_plugin_gave_its_logger_survives_a_reload(tmp_path: Path) -> None:
    path = write(tmp_path / "a.py", 1)
    path.write_text(path.read_text().replace("    reg.reg", "    reg.logger.setLevel(13)\n    reg.reg"))
    library = Library(tmp_path)
    write(path, 2)
    library.look()
    assert library.answers("a") == 2
    assert library.plugins["a"].logger.level == 13
