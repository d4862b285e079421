"""The classic plugin API, row by row: files, `reg` and callbacks (rows 3.1 to 3.12), and what a callback gets
(rows 5.1 to 5.9). The plugins are in tests/compat_plugins; they are loaded and called by the service's own code.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from shotgun_consumer.plugins.plugin_config import plugin_config
from shotgun_consumer.plugins.plugin_files import find_plugin_files
from shotgun_consumer.plugins.plugin_set import PluginSet, load_plugins
from shotgun_consumer.running.client_view import ClientView
from shotgun_consumer.testing import PluginHarness, events
from shotgun_runtime.settings import ConsumerSettings, Settings
from shotgun_sandbox.site.shapes import rows

PLUGINS = Path(__file__).parents[1] / "compat_plugins"
Load = Callable[..., PluginHarness]

STATUS = events.status_change({"type": "Task", "id": 5, "name": "Anim"}, "wtg", "ip")


@pytest.fixture
def classic(plugin_harness: Load) -> Load:
    def load(name: str, **options: Any) -> PluginHarness:
        return plugin_harness(PLUGINS / f"{name}.py", **options)

    return load


def load_folder(folder: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> PluginSet:
    monkeypatch.setattr(sys, "path", list(sys.path))
    whole = Settings.model_validate({"shotgun": {"url": "http://site.invalid", "script_name": "service"}})
    return load_plugins([folder], ConsumerSettings.model_validate(settings), plugin_config(whole))


# 3: files


def test_3_1_every_py_file_of_the_folder_is_found_sorted_by_name_and_helpers_are_no_plugins() -> None:
    names = [file.name for file in find_plugin_files([PLUGINS])]
    assert names == sorted(names)
    assert {"call_shapes", "with.dot", "declines"} <= set(names)
    assert not {"__init__", "_studio_tools", "studio_lib", "works"} & set(names)


def test_3_2_upper_case_comes_first(tmp_path: Path) -> None:
    for name in ("b.py", "B.py", "a.py", "_c.py", ".d.py"):
        (tmp_path / name).write_text("def registerCallbacks(reg): pass\n")
    assert [file.name for file in find_plugin_files([tmp_path])] == ["B", "a", "b"]


def test_3_3_a_folder_of_existing_plugins_is_loaded_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = load_folder(PLUGINS, monkeypatch, plugins={"seed_*": {"api": "seed"}})
    assert plugins.failures == {}
    assert len(plugins.loaded) == len(find_plugin_files([PLUGINS]))


def test_3_4_the_entry_point_may_be_any_callable_and_helpers_are_imported_by_name(classic: Load) -> None:
    plugin = classic("entry_is_an_object")
    plugin.send(STATUS).ok()
    assert plugin.module.SEEN == ["SHOTGUN_TASK_CHANGE"]


def test_3_5_registering_nothing_is_legal_and_every_event_is_passed(
    classic: Load, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("COMPAT_SCRIPT_KEY", raising=False)
    plugin = classic("declines")
    assert plugin.callbacks == ()
    assert plugin.send(STATUS).outcome == "filtered"
    assert [(record.name, record.levelname) for record in caplog.records] == [("plugin.declines", "WARNING")]
    monkeypatch.setenv("COMPAT_SCRIPT_KEY", "key")
    assert len(classic("declines").callbacks) == 1


# 3: reg


def test_3_6_every_way_to_call_register_callback_means_what_it_meant(classic: Load) -> None:
    plugin = classic("call_shapes")
    args = plugin.module.ARGS
    plugin.send(STATUS).ok()
    assert [
        ("three", None),
        ("four", None),
        ("five", args),
        ("six", args),
        ("args_by_name", args),
        ("stop_by_name", None),
        ("all_by_name", args),
    ] == plugin.module.CALLS
    assert [spec.stop_on_error for spec in plugin.callbacks] == [True, True, True, False, True, False, True]
    plugin.module.CALLS.clear()
    plugin.send(events.note()).ok()
    assert [name for name, _ in plugin.module.CALLS] == ["three", "args_by_name"]


def test_3_7_the_loggers_give_the_settings_and_relative_files_are_of_the_folder_of_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, classic: Load
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "beside.txt").write_text("found")
    config = {
        "shotgun": {"server": "http://site.invalid", "name": "service"},
        "consumer": {"max_uncommitted": "50"},
    }
    plugin = classic("reads_settings", config=config)
    plugin.send(STATUS).ok()
    assert plugin.module.SEEN == ["http://site.invalid", 50, "service", False, "found"]


def test_3_7_sections_of_ones_own_are_read_through_the_loggers_too() -> None:
    own = {
        "slack": {"channel": "#anim", "port": 8080, "tls": True, "proxy": None},
        "consumer": {"team": "mine"},
    }
    config = plugin_config(Settings.model_validate({"consumer": {"plugin_config": own}}))
    assert config.get("slack", "channel") == "#anim"
    assert config.getint("slack", "port") == 8080
    assert config.getboolean("slack", "tls")
    assert config.get("slack", "proxy") == ""
    assert config.get("consumer", "team") == "mine"
    assert config.getint("consumer", "max_uncommitted") == 50


def test_3_8_anything_else_of_reg_is_an_attribute_error_of_this_plugin_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugins = load_folder(PLUGINS / "broken", monkeypatch)
    assert "has no attribute 'getEngine'" in str(plugins.failures["unknown_method"])
    assert [plugin.name for plugin in plugins.loaded] == ["works"]


# 3: callbacks


def test_3_9_everything_callable_is_called_in_the_order_of_registration(classic: Load) -> None:
    plugin = classic("callables")
    plugin.send(STATUS).ok()
    assert plugin.module.CALLS == [
        "function",
        "lambda",
        "method",
        "partial",
        "instance",
        "class",
        "function",
    ]


def test_3_10_a_callback_is_named_by_itself_or_by_its_class_and_identity(classic: Load) -> None:
    plugin = classic("callables")
    names = [spec.name for spec in plugin.callbacks]
    assert names[:3] == ["function", "<lambda>", "method"]
    assert names[3].startswith("partial_")
    assert names[4] == f"Handler_{id(plugin.module.HANDLER):x}"
    assert names[5:] == ["Made", "function"]


def test_3_11_callbacks_of_one_name_share_a_logger_below_the_plugins(classic: Load) -> None:
    first, *_, last = classic("callables").callbacks
    assert first.logger is last.logger
    assert first.logger.name == "plugin.callables.function"
    assert first.key != last.key


def test_3_12_after_a_failure_with_stop_on_error_nothing_later_is_called(classic: Load) -> None:
    plugin = classic("fails")
    for kind in ("Raise", "Exit", "Interrupt"):
        assert plugin.send(events.event(f"stops_{kind}")).outcome == "unfinished"
        assert plugin.module.LATER == []
    for kind in ("Raise", "Exit", "Interrupt"):
        assert plugin.send(events.event(f"goes_on_{kind}")).outcome == "skipped"
    assert plugin.module.LATER == ["goes_on_Raise", "goes_on_Exit", "goes_on_Interrupt"]


# 5: what a callback gets


def test_5_1_each_callback_has_its_own_connection_and_configuration(classic: Load) -> None:
    plugin = classic("sessions")
    plugin.send({**STATUS, "session_uuid": "uuid-1"}).ok()
    plugin.send({**STATUS, "session_uuid": "uuid-2"}).ok()
    assert plugin.module.SEEN == [
        ("one", "uuid-1"),
        ("two", "key-2", "uuid-1"),
        ("changed", "uuid-2"),
        ("two", "key-2", "uuid-2"),
    ]


def test_5_2_a_session_of_none_clears_the_one_before(classic: Load) -> None:
    plugin = classic("sessions")
    plugin.send({**STATUS, "session_uuid": "uuid-1"}).ok()
    plugin.send({**STATUS, "session_uuid": None}).ok()
    assert plugin.module.SEEN[-1] == ("two", "key-2", None)


def test_5_3_args_are_the_very_object_for_every_callback_and_event(classic: Load) -> None:
    plugin = classic("shared_state")
    plugin.send(STATUS).ok()
    plugin.send(STATUS).ok()
    assert plugin.module.STATE == {"count": 6}
    assert {number for _, number, _ in plugin.module.TRAIL} == {id(plugin.module.STATE)}


def test_5_4_the_callbacks_of_a_plugin_share_one_event_and_see_each_others_changes(classic: Load) -> None:
    plugin = classic("shared_state")
    plugin.send(STATUS).ok()
    assert [name for name, _, _ in plugin.module.TRAIL] == ["first", "second", "third"]
    assert len({number for _, _, number in plugin.module.TRAIL}) == 1


def test_5_5_the_event_has_every_key_of_the_classic_daemon_and_is_a_plain_dict(classic: Load) -> None:
    plugin = classic("every_event")
    plugin.send(STATUS).ok()
    (event,) = plugin.module.SEEN
    assert type(event) is dict
    assert {
        "type",
        "id",
        "event_type",
        "attribute_name",
        "meta",
        "entity",
        "user",
        "project",
        "session_uuid",
        "created_at",
    } <= set(event)


def test_5_6_created_at_is_an_aware_local_time_to_the_second(classic: Load) -> None:
    plugin = classic("every_event")
    plugin.send({**STATUS, "created_at": "2026-07-21T19:47:33Z"}).ok()
    created_at = plugin.module.SEEN[0]["created_at"]
    assert isinstance(created_at, datetime)
    assert created_at.utcoffset() is not None
    assert created_at.astimezone().strftime("%Y %S") == "2026 33"
    assert created_at - datetime.fromisoformat("2026-07-21T19:47:33+00:00") == timedelta(0)


def test_5_7_times_anywhere_in_meta_are_converted_as_the_client_does(classic: Load) -> None:
    plugin = classic("every_event")
    time = "2026-01-21T19:47:33Z"
    meta = {
        "old_value": time,
        "new_value": [{"at": time}],
        "text": "2026-01-21 19:47:33 UTC",
        "bad": "2026-13-45T99:99:99Z",
    }
    plugin.send({**STATUS, "meta": meta}).ok()
    seen = plugin.module.SEEN[0]["meta"]
    assert isinstance(seen["old_value"], datetime)
    assert seen["new_value"][0]["at"] == seen["old_value"]
    assert (seen["text"], seen["bad"]) == (meta["text"], meta["bad"])


@pytest.mark.parametrize("field", ["entity", "project", "user", "meta", "session_uuid", "attribute_name"])
def test_5_8_fields_may_be_none(classic: Load, field: str) -> None:
    plugin = classic("every_event")
    plugin.send({**STATUS, field: None}).ok()
    assert plugin.module.SEEN[0][field] is None


@pytest.mark.parametrize(
    "row", list(rows(18, "odd", {}, 0, 1_780_000_000.0)), ids=lambda row: str(row.get("event_type"))
)
def test_5_9_whatever_a_site_sends_arrives_as_the_client_returns_it(
    classic: Load, row: dict[str, Any]
) -> None:
    plugin = classic("every_event")
    whole = {"type": "EventLogEntry", "id": 5, **row}
    plugin.send(whole).ok()
    (seen,) = plugin.module.SEEN
    assert {name: seen[name] for name in whole} == ClientView().event(whole)


# 12: plugins of the first daemon


def test_12_a_seed_plugin_gets_three_arguments_and_goes_on_after_an_exception(classic: Load) -> None:
    plugin = classic("seed_plugin", api="seed")
    sent = plugin.send(STATUS)
    assert sent.outcome == "skipped"
    assert plugin.module.SEEN == [("Shotgun_Task_Change", {"Shotgun_Shot_New": None})]


def test_12_a_file_says_nothing_of_its_age_so_the_configuration_does(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = load_folder(PLUGINS, monkeypatch, only=["seed_plugin"], plugins={"seed_*": {"api": "seed"}})
    assert [spec.generation for spec in plugins.loaded[0].callbacks] == ["seed", "seed"]
