"""The quirks of the classic daemon, Q1 to Q44: kept, or mended and told. Each has a test of its number here, or stands
in ELSEWHERE with the tests that show it.
"""

from __future__ import annotations

import logging
import multiprocessing
import pickle
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from shotgun_consumer.plugins.plugin_config import plugin_config
from shotgun_consumer.plugins.plugin_files import find_plugin_files
from shotgun_consumer.plugins.plugin_set import PluginSet, load_plugins, report
from shotgun_consumer.running.connections import connector
from shotgun_consumer.service import ConsumerService
from shotgun_consumer.surroundings import TeamSurroundings
from shotgun_consumer.testing import FakeSite, PluginHarness, events
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.health import Health
from shotgun_runtime.settings import ConsumerSettings, Settings, ShotgunSettings
from shotgun_runtime.shutdown import Shutdown

TESTS = Path(__file__).parents[1]
PLUGINS = TESTS / "compat_plugins"
STATUS = events.status_change({"type": "Task", "id": 5, "name": "Anim"}, "wtg", "ip")

ELSEWHERE = {
    1: ["unit/test_holes.py::test_a_row_is_found_once_however_often_the_site_shows_it",
        "unit/test_producer_moods_rows.py::test_01_a_gap_that_fills_is_delivered_once_and_its_neighbours_not_again"],
    2: ["unit/test_producer_moods_rows.py::test_04_many_gaps_do_not_stop_a_stream_of_full_pages"],
    3: ["unit/test_holes.py::test_a_late_row_is_found_with_the_age_of_its_hole",
        ("integration/test_producer_failures.py::"
        "test_an_event_that_appears_long_after_is_still_published_once_and_says_how_late_it_is")],
    4: ["unit/test_producer_moods_rows.py::test_02_a_gap_that_never_fills_is_given_up_once",
        "unit/test_checkpoint.py::test_any_holes_survive"],
    5: ["unit/test_producer_moods_rows.py::test_18_ages_count_by_the_sites_clock_and_the_skew_is_shown"],
    7: [("unit/test_consumer_events.py::"
        "test_a_worker_runs_one_event_after_the_other_and_stops_a_lane_behind_a_failure")],
    8: ["unit/test_compat_api.py::test_5_3_args_are_the_very_object_for_every_callback_and_event"],
    10: ["unit/test_compat_api.py::test_5_6_created_at_is_an_aware_local_time_to_the_second",
         "unit/test_compat_api.py::test_5_7_times_anywhere_in_meta_are_converted_as_the_client_does"],
    12: ["unit/test_compat_filters.py::test_an_event_is_delivered_as_the_classic_daemon_did",
         "unit/test_consumer_filters.py::test_a_trap_is_told_at_load"],
    13: ["unit/test_compat_filters.py::test_an_event_is_delivered_as_the_classic_daemon_did",
         "unit/test_consumer_filters.py::test_a_trap_is_told_at_load"],
    14: ["unit/test_compat_filters.py::test_an_event_is_delivered_as_the_classic_daemon_did"],
    16: ["unit/test_consumer_plugins.py::test_set_emails_has_its_documented_meaning",
         "unit/test_compat_mail.py::test_q16_errors_of_a_plugin_go_where_set_emails_says_and_to_nobody_else"],
    17: ["unit/test_log_mail.py::test_an_error_is_mailed_over_tls_after_a_login"],
    18: ["unit/test_log_mail.py::test_an_error_is_mailed_over_tls_after_a_login"],
    28: ["integration/test_consumer_groups.py::test_a_failure_stops_the_plugin_at_the_event_until_a_restart"],
    29: [("integration/test_consumer_groups.py::"
         "test_a_stuck_plugin_holds_up_no_other_one_and_does_not_keep_the_process")],
    31: ["unit/test_cli.py::test_an_unexpected_error_is_logged_with_its_traceback"],
    32: ["integration/test_producer_exactly_once.py::test_kills_at_any_moment_lose_and_repeat_nothing",
         "integration/test_consumer_crash.py::test_kills_lose_nothing_and_repeat_at_most_what_was_uncommitted"],
    33: ["integration/test_producer_decisions.py::test_an_empty_site_is_followed_from_its_first_event"],
    34: ["unit/test_publish_filter.py::test_only_events_of_the_named_projects_and_of_none_are_published"],
    35: ["unit/test_producer_moods_wire.py::test_06_a_lasting_502_is_retried_after_a_pause"],
    36: ["unit/test_failure_policy.py::test_a_failing_callback_is_tried_again_and_only_it"],
    37: [("integration/test_consumer_crash.py::"
         "test_kills_lose_nothing_and_repeat_at_most_what_was_uncommitted")],
    38: ["unit/test_compat_mail.py::test_q16_errors_of_a_plugin_go_where_set_emails_says_and_to_nobody_else"],
    41: ["unit/test_consumer_events.py::test_what_has_not_started_can_be_withdrawn_and_what_runs_is_named",
         "integration/test_consumer_run.py::test_a_restart_goes_on_where_the_stop_was"],
    42: [("unit/test_compat_api.py::"
         "test_3_7_the_loggers_give_the_settings_and_relative_files_are_of_the_folder_of_the_start")],
    43: ["unit/test_compat_api.py::test_5_9_whatever_a_site_sends_arrives_as_the_client_returns_it"],
    44: ["unit/test_consumer_assignment.py::test_events_are_handed_out_in_order_and_within_the_bound"],
}  # fmt: skip
"""Quirks of the producer, of positions and of mail, and those that a row of another part shows."""

STILL_OPEN = {19: "reload", 20: "reload"}
"""What this version does not do yet."""

Load = Callable[..., PluginHarness]


@pytest.fixture
def classic(plugin_harness: Load) -> Load:
    return lambda name, **options: plugin_harness(PLUGINS / f"{name}.py", **options)


def load_folder(*folders: Path, monkeypatch: pytest.MonkeyPatch, **settings: Any) -> PluginSet:
    monkeypatch.setattr(sys, "path", list(sys.path))
    whole = Settings.model_validate({"shotgun": {"url": "http://site.invalid", "script_name": "service"}})
    return load_plugins(folders, ConsumerSettings.model_validate(settings), plugin_config(whole))


def test_every_quirk_has_a_test() -> None:
    here = {
        int(number) for number in re.findall(r"^def test_q(\d+)_", Path(__file__).read_text("utf-8"), re.M)
    }
    assert sorted([*here, *ELSEWHERE, *STILL_OPEN]) == list(range(1, 45))


@pytest.mark.parametrize("place", sorted({place for places in ELSEWHERE.values() for place in places}))
def test_the_tests_that_stand_elsewhere_are_there(place: str) -> None:
    file, _, name = place.partition("::")
    assert re.search(rf"^def {name}\(", (TESTS / file).read_text("utf-8"), re.M)


def test_q6_inside_a_plugin_callbacks_run_in_the_order_of_registration_and_plugins_are_listed_by_path_and_name(
    classic: Load, tmp_path: Path
) -> None:
    plugin = classic("shared_state")
    plugin.send(STATUS).ok()
    assert [name for name, _, _ in plugin.module.TRAIL] == ["first", "second", "third"]
    for folder, name in (("b", "z"), ("b", "a"), ("a", "m")):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / f"{name}.py").write_text("def registerCallbacks(reg): pass\n")
    assert [file.name for file in find_plugin_files([tmp_path / "b", tmp_path / "a"])] == ["a", "z", "m"]


def test_q9_a_plugin_that_changes_its_event_changes_it_for_no_other_plugin(classic: Load) -> None:
    changing, other = classic("shared_state"), classic("every_event")
    changing.send(STATUS).ok()
    other.send(STATUS).ok()
    (seen,) = other.module.SEEN
    assert "seen" not in seen["meta"]
    assert "seen" not in STATUS["meta"]


def test_q11_a_connection_is_made_at_the_first_call_and_sends_nothing_before_its_first_request(
    tmp_path: Path, plugin_harness: Load
) -> None:
    asked: list[Any] = []

    class Site(FakeSite):
        def connect(self, script_name: str | None = None, script_key: str | None = None) -> Any:
            asked.append(script_name)
            return super().connect(script_name, script_key)

    plugin = PluginHarness(PLUGINS / "sessions.py", Site())
    assert asked == []
    plugin.send(STATUS).ok()
    plugin.send(STATUS).ok()
    assert asked == ["one", "two"]
    # Nobody listens there.
    settings = ShotgunSettings.model_validate(
        {"url": "http://127.0.0.1:9", "script_name": "s", "api_key": "k"}
    )
    assert connector(settings)("own", "own-key").config.script_name == "own"


def test_q15_a_wrong_filter_or_arity_keeps_out_this_plugin_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    plugins = load_folder(PLUGINS / "broken", monkeypatch=monkeypatch)
    assert [plugin.name for plugin in plugins.loaded] == ["works"]
    assert "use {'Shotgun_Task_Change': None}" in str(plugins.failures["a_list_as_filter"])
    assert "it must accept one of" in str(plugins.failures["six_arguments"])


def test_q21_a_plugins_module_can_be_looked_up_pickled_and_used_by_other_processes(classic: Load) -> None:
    plugin = classic("modern_module")
    assert sys.modules[plugin.module.__name__] is plugin.module
    assert pickle.loads(pickle.dumps(plugin.module.State(3))) == plugin.module.State(3)
    if "fork" in multiprocessing.get_all_start_methods():
        with multiprocessing.get_context("fork").Pool(1) as pool:
            assert pool.apply(plugin.module.State, (4,)) == plugin.module.State(4)


def test_q21_a_plugin_named_like_a_library_hides_it_from_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("def registerCallbacks(reg): pass\n")
    (tmp_path / "other.py").write_text("import json\njson.dumps({})\ndef registerCallbacks(reg): pass\n")
    plugins = load_folder(tmp_path, monkeypatch=monkeypatch)
    assert [plugin.name for plugin in plugins.loaded] == ["json", "other"]


def test_q22_one_name_in_two_folders_is_told_with_both_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notify.py").write_text("def registerCallbacks(reg): pass\n")
    with pytest.raises(ConfigurationError, match="two plugins are named 'notify'"):
        load_folder(tmp_path / "a", tmp_path / "b", monkeypatch=monkeypatch)


def test_q23_helpers_beside_a_plugin_are_imported_by_name_and_are_no_plugins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    plugins = load_folder(PLUGINS, monkeypatch=monkeypatch, plugins={"seed_*": {"api": "seed"}})
    names = {plugin.name for plugin in plugins.loaded}
    assert "entry_is_an_object" in names
    assert not {"_studio_tools", "studio_lib"} & names


def test_q24_a_helper_and_an_init_file_are_told_at_info(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO, "shotgun_consumer"):
        load_folder(PLUGINS, monkeypatch=monkeypatch, only=["studio_lib", "_*"])
    assert [record.levelname for record in caplog.records] == ["INFO"] * 3
    assert {Path(str(record.args[0])).name for record in caplog.records if record.args} == {
        "__init__.py",
        "_studio_tools.py",
        "studio_lib.py",
    }


def test_q25_the_working_folder_is_that_of_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, classic: Load
) -> None:
    monkeypatch.chdir(tmp_path)
    plugin = classic("every_event")
    plugin.send(STATUS).ok()
    assert Path.cwd() == tmp_path


@pytest.fixture
def default_timeout() -> Iterator[None]:
    before = socket.getdefaulttimeout()
    switch = sys.getswitchinterval()
    yield
    socket.setdefaulttimeout(before)
    sys.setswitchinterval(switch)


def test_q26_sockets_of_plugins_time_out(default_timeout: None) -> None:
    settings = Settings.model_validate(
        {
            "shotgun": {"url": "http://127.0.0.1:9", "script_name": "s", "api_key": "k", "timeout": "45s"},
            "kafka": {"bootstrap_servers": "127.0.0.1:9"},
        }
    )
    shutdown = Shutdown(1.0)
    shutdown.request("the test wants no more than the beginning")
    ConsumerService(settings, shutdown, Health(), CollectorRegistry(), TeamSurroundings(settings)).run(
        PluginSet((), {})
    )
    assert socket.getdefaulttimeout() == 45.0


def test_q27_a_plugin_that_declines_to_register_is_a_plugin_and_passes_events(
    classic: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COMPAT_SCRIPT_KEY", raising=False)
    assert classic("declines").send(STATUS).outcome == "filtered"
    plugins = load_folder(PLUGINS, monkeypatch=monkeypatch, only=["declines"])
    assert [plugin.name for plugin in plugins.loaded] == ["declines"]


def test_q30_the_environment_does_not_leak_into_what_plugins_read(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PORT", "USERNAME", "NAME", "KEY", "TO", "PATHS"):
        monkeypatch.setenv(name, "leaked")
    config = plugin_config(Settings.model_validate({"shotgun": {"script_name": "service"}}))
    assert "leaked" not in [value for section in config.values() for value in section.values()]
    assert config.get("shotgun", "name") == "service"


def test_q39_a_folder_with_and_without_a_slash_at_its_end_is_one_folder(tmp_path: Path) -> None:
    (tmp_path / "notify.py").write_text("def registerCallbacks(reg): pass\n")
    assert len(find_plugin_files([tmp_path, Path(f"{tmp_path}/"), tmp_path / "." / ""])) == 1


def test_q40_a_name_with_a_dot_makes_a_child_logger(classic: Load) -> None:
    plugin = classic("with.dot")
    sent = plugin.send(STATUS).ok()
    assert [record.name for record in sent.log] == ["plugin.with.dot.call"]


def test_q22_and_q15_what_is_wrong_is_logged_as_errors_and_the_rest_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        report(load_folder(PLUGINS / "broken", monkeypatch=monkeypatch))
    errors = [record for record in caplog.records if record.levelname == "ERROR"]
    assert len(errors) == 3
    assert "Plugin works loaded" in caplog.text
