"""The watch is told of changes by the operating system, finds them by polling too, and outlives whatever happens."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
import watchfiles
from support import PATIENCE, wait_until

from shotgun_consumer.plugins import plugin_watch
from shotgun_consumer.plugins.plugin_library import Change, Loaded, PluginLibrary, Removed
from shotgun_consumer.plugins.plugin_watch import How, PluginWatch
from shotgun_runtime.settings import ConsumerSettings

PLUGIN = "VERSION = {}\ndef registerCallbacks(reg):\n    pass\n"
Start = Callable[[Path, How], list[Change]]


def write(path: Path, version: int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PLUGIN.format(version))


@pytest.fixture
def start() -> Iterator[Start]:
    """Watch a folder; what is found comes into the list."""
    watches: list[PluginWatch] = []

    def begin(folder: Path, how: How) -> list[Change]:
        library = PluginLibrary([folder], ConsumerSettings(), ConfigParser())
        library.load()
        watch = PluginWatch(library, how)
        watch.start()
        watches.append(watch)
        return Found(watch)

    yield begin
    for watch in watches:
        watch.stop()
        watch.join(PATIENCE)


class Found(list[Change]):
    """What a watch has found so far; grows when it is asked."""

    def __init__(self, watch: PluginWatch) -> None:
        super().__init__()
        self._watch = watch

    def __len__(self) -> int:
        self.extend(self._watch.changes())
        return super().__len__()


@pytest.mark.parametrize("how", ["watch", "poll"])
def test_it_is_told_of_changes_or_looks_for_them(
    tmp_path: Path, start: Start, how: How, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given that it seldom looks without being told, unless it polls: what changes before it listens is found so
    monkeypatch.setattr(plugin_watch, "LOOK_SECONDS", 10.0)
    monkeypatch.setattr(plugin_watch, "POLL_SECONDS", 0.1)
    write(tmp_path / "a.py", 1)
    found = start(tmp_path, how)
    for version in (2, 3):
        write(tmp_path / "a.py", version)
        wait_until(lambda version=version: len(found) == version - 1)  # type: ignore[misc]
    (tmp_path / "a.py").unlink()
    wait_until(lambda: len(found) == 3)
    assert [type(change) for change in found] == [Loaded, Loaded, Removed]


def test_it_is_told_of_a_swapped_link_again_and_again(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Given a plugin path that is a link, as git-sync keeps it
    monkeypatch.setattr(plugin_watch, "LOOK_SECONDS", 3600.0)
    for version in (1, 2, 3):
        write(tmp_path / str(version) / "a.py", version)
    (tmp_path / "current").symlink_to("1")
    found = start(tmp_path / "current", "watch")
    for version in (2, 3):
        (tmp_path / "next").symlink_to(str(version))
        os.replace(tmp_path / "next", tmp_path / "current")
        shutil.rmtree(tmp_path / str(version - 1))
        wait_until(lambda version=version: len(found) == version - 1)  # type: ignore[misc]
    # And of a change in the folder that the link leads to now
    write(tmp_path / "3" / "a.py", 4)
    wait_until(lambda: len(found) == 3)


def test_where_nothing_can_be_watched_it_looks_and_says_so_once(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    # Given a system that has no watches left
    def refuse(*paths: Path, **options: Any) -> Iterator[None]:
        raise OSError(28, "OS file watch limit reached")

    monkeypatch.setattr(watchfiles, "watch", refuse)
    monkeypatch.setattr(plugin_watch, "LOOK_SECONDS", 0.1)
    write(tmp_path / "a.py", 1)
    found = start(tmp_path, "watch")
    wait_until(lambda: caplog.records)
    for version in (2, 3):
        write(tmp_path / "a.py", version)
        wait_until(lambda version=version: len(found) == version - 1)  # type: ignore[misc]
    assert [record.levelname for record in caplog.records] == ["WARNING"]
    assert "OS file watch limit reached" in caplog.text


def test_a_folder_that_was_away_is_watched_when_it_is_back(
    tmp_path: Path, start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(plugin_watch, "LOOK_SECONDS", 3600.0)
    folder = tmp_path / "plugins"
    write(folder / "a.py", 1)
    found = start(folder, "watch")
    folder.rename(tmp_path / "away")
    (tmp_path / "away").rename(folder)
    write(folder / "a.py", 2)
    wait_until(lambda: len(found) == 1)
