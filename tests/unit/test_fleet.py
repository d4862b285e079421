"""Which groups a process has, whatever becomes of its plugins."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from shotgun_consumer.fleet import Fleet
from shotgun_consumer.group import GroupState
from shotgun_consumer.metrics import Metrics
from shotgun_consumer.plugins.plugin_library import Broken, Loaded, Removed
from shotgun_consumer.plugins.plugin_loader import LoadedPlugin, PluginError
from shotgun_consumer.plugins.plugin_set import PluginSet
from shotgun_consumer.plugins.registrar import make_registrar
from shotgun_consumer.running.failure_handler import DeadLetters
from shotgun_consumer.running.flood_guard import FloodGuard
from shotgun_consumer.running.merged import GroupPlan
from shotgun_consumer.running.succession import Succession, Version
from shotgun_consumer.supervision import Supervision
from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Deadline


def plugin(name: str, *keys: str, concurrency: int = 1) -> LoadedPlugin:
    registrar = make_registrar(name, "classic", ConfigParser())
    for key in keys or ("changed",):
        registrar.registerCallback(None, None, _called(key))
    callbacks, logger = registrar.callbacks(), registrar.logger
    return LoadedPlugin(name, Path(f"{name}.py"), "classic", callbacks, True, (), logger, concurrency)


def _called(key: str) -> Callable[..., None]:
    def called(sg: Any, logger: Any, event: Any, args: Any) -> None:
        """Never."""

    called.__name__ = key
    return called


def loaded(name: str, version: str = "v1", concurrency: int = 1) -> Loaded:
    return Loaded(plugin(name, concurrency=concurrency), version)


class FakeGroup:
    """A group whose thread ends when the test says so."""

    def __init__(self, plan: GroupPlan, version: Version) -> None:
        self.plan = plan
        self.succession = Succession(version)
        self.is_stopped = False
        self.has_left = False

    def start(self) -> None:
        """It runs."""

    def offer(self, version: Version) -> bool:
        if not self.succession.fits(version):
            return False
        self.succession.offer(version)
        return True

    def stop(self, _deadline: Deadline) -> None:
        self.is_stopped = True

    def join(self, _deadline: Deadline) -> bool:
        return self.has_left

    @property
    def state(self) -> GroupState:
        return GroupState(self.plan.name, "")


class Process:
    """A fleet with the groups that it has made, in order."""

    def __init__(
        self, *plugins: LoadedPlugin, broken: Mapping[str, PluginError] | None = None, **consumer: Any
    ):
        settings = Settings.model_validate({"consumer": consumer}).consumer
        self.made: list[FakeGroup] = []
        self.registry = CollectorRegistry()
        self.fleet = Fleet(
            settings,
            Metrics(self.registry),
            self._version,
            self._group,  # type: ignore[arg-type]
            rank=lambda path: (0, path.name),
            leave_seconds=1.0,
        )
        self.fleet.start(PluginSet(plugins, dict(broken or {})))

    def _version(self, plan: GroupPlan) -> Version:
        workers = plan.plugins[0].concurrency or 1
        return Version(lambda _delivery: True, [lambda _delivery: None] * workers)  # type: ignore[list-item, return-value]

    def _group(self, plan: GroupPlan, version: Version) -> FakeGroup:
        self.made.append(FakeGroup(plan, version))
        return self.made[-1]

    @property
    def running(self) -> list[str]:
        return sorted(state.group for state in self.fleet.states())


def test_each_plugin_has_a_group_and_a_new_file_gets_one() -> None:
    process = Process(plugin("a"), plugin("b"))
    assert process.running == ["a", "b"]
    process.fleet.apply([loaded("c")])
    assert process.running == ["a", "b", "c"]
    # Nobody else's group is touched
    assert len(process.made) == 3
    assert not any(group.is_stopped or group.succession.awaited for group in process.made)


def test_a_new_version_takes_over_without_the_group_being_left() -> None:
    process = Process(plugin("a"))
    process.fleet.apply([loaded("a", "v2")])
    (group,) = process.made
    assert group.succession.awaited
    assert not group.is_stopped


def test_a_version_with_another_concurrency_waits_until_the_group_has_been_left() -> None:
    process = Process(plugin("a"))
    process.fleet.apply([loaded("a", "v2", concurrency=4)])
    # One process is one member: the old one must have left
    (old,) = process.made
    assert old.is_stopped
    process.fleet.beat()
    assert process.running == []
    old.has_left = True
    process.fleet.beat()
    assert process.running == ["a"]
    assert len(process.made[1].succession.runs) == 4


def test_a_removed_plugins_group_is_left_and_joined_again_when_the_file_is_back() -> None:
    process = Process(plugin("a"), plugin("b"))
    process.fleet.apply([Removed("a")])
    assert process.made[0].is_stopped
    assert process.running == ["b"]
    # It is back before its group has been left
    process.fleet.apply([loaded("a")])
    assert process.running == ["b"]
    process.made[0].has_left = True
    process.fleet.beat()
    assert process.running == ["a", "b"]


def test_a_version_that_does_not_load_leaves_the_group_alone_and_says_so_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = Process(plugin("a"))
    error = PluginError("plugin 'a.py': the import raised ValueError: no; correct the file.", Path("a.py"), 7)
    process.fleet.apply([Broken("a", error)])
    assert not process.made[0].is_stopped
    assert process.fleet.broken == {"a"}
    (line,) = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "The version that was loaded last runs on" in line.getMessage()
    assert "a.py:7" in line.getMessage()
    assert process.registry.get_sample_value("shotgun_consumer_plugin_loaded", {"plugin": "a"}) == 0
    # And the next good one takes over
    process.fleet.apply([loaded("a", "v3")])
    assert process.made[0].succession.awaited
    assert process.fleet.broken == set()
    assert process.registry.get_sample_value("shotgun_consumer_plugin_loaded", {"plugin": "a"}) == 1


def test_a_plugin_that_never_loaded_has_no_group_until_it_does(caplog: pytest.LogCaptureFixture) -> None:
    error = PluginError("plugin 'b.py': no; correct the file.", Path("b.py"), None)
    process = Process(plugin("a"), broken={"b": error})
    assert process.fleet.broken == {"b"}
    process.fleet.apply([Broken("b", error)])
    assert process.running == ["a"]
    assert "The plugin is not started, the others run on" in caplog.text
    process.fleet.apply([loaded("b")])
    assert process.running == ["a", "b"]


def test_a_plugin_with_the_name_of_a_merged_group_is_not_started(caplog: pytest.LogCaptureFixture) -> None:
    process = Process(plugin("a"), plugin("b"), groups={"pair": ["a", "b"]})
    assert process.running == ["pair"]
    process.fleet.apply([loaded("pair")])
    assert process.running == ["pair"]
    assert [one.name for one in process.made[0].plan.plugins] == ["a", "b"]
    assert not process.made[0].succession.awaited
    assert "rename one of them" in caplog.text


def test_a_merged_group_is_left_without_one_of_its_plugins_and_joined_with_it(
    caplog: pytest.LogCaptureFixture,
) -> None:
    process = Process(plugin("a"), plugin("b"), groups={"pair": ["a", "b"]})
    process.fleet.apply([Removed("b")])
    process.made[0].has_left = True
    process.fleet.beat()
    process.fleet.beat()
    assert process.running == []
    assert caplog.text.count("Merged group pair is not joined: b cannot be loaded here") == 1
    process.fleet.apply([loaded("b")])
    assert process.running == ["pair"]


def test_what_has_not_left_when_the_process_stops_is_named() -> None:
    process = Process(plugin("a"), plugin("b"))
    process.fleet.apply([Removed("b")])
    process.made[0].has_left = True
    assert process.fleet.stop(Deadline.after(0)) == ["b"]
    assert process.made[0].is_stopped


# --- what a plugin that comes later needs


class Letters:
    """Dead letters whose topic is made here."""

    def __init__(self) -> None:
        self.prepared = 0
        self.error: StreamError | None = None

    def prepare(self) -> None:
        self.prepared += 1
        if self.error is not None:
            raise self.error

    def of(self, group: str, plugin: str) -> DeadLetters:
        raise AssertionError(f"{plugin} of {group} writes no dead letter here")

    def guard(self) -> FloodGuard:
        return FloodGuard()

    def stays(self, _group: str) -> str | None:
        return None

    def close(self) -> None:
        """Nothing is open."""


class Board:
    records: Mapping[str, Any] = {}

    def offer(self, key: str, reason: str, fields: Mapping[str, Any]) -> None:
        """Nobody reads it."""

    def take_back(self, key: str) -> None:
        """Nobody reads it."""


def supervision(letters: Letters, **plugins: Any) -> Supervision:
    return Supervision(Settings.model_validate({"consumer": {"plugins": plugins}}), letters, Board())


def test_a_plugin_that_comes_later_has_its_dead_letter_topic_too(caplog: pytest.LogCaptureFixture) -> None:
    letters = Letters()
    watching = supervision(letters, late={"on_failure": "dead_letter"})
    watching.prepare([plugin("early")], {})
    assert letters.prepared == 0
    watching.follow([plugin("early"), plugin("late")], {})
    assert letters.prepared == 1
    # What Kafka refuses then ends nothing, and is said
    letters.error = KafkaRefusedError("topic 'letters' cannot be created")
    watching.follow([plugin("early"), plugin("late")], {})
    assert "topic 'letters' cannot be created. Until that is mended" in caplog.text


def test_an_entry_that_fits_nothing_is_told_when_its_plugin_comes_and_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    watching = supervision(Letters(), **{"late/chnaged": {"on_failure": "skip"}})
    watching.prepare([plugin("early")], {})
    assert "fits no callback" not in caplog.text
    for _ in range(2):
        watching.follow([plugin("early"), plugin("late")], {})
    assert caplog.text.count("consumer.plugins.late/chnaged fits no callback") == 1
    # A version that has the callback is in order
    caplog.clear()
    watching.follow([plugin("late", "chnaged")], {})
    assert caplog.text == ""
