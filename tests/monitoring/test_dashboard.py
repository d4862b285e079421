"""The dashboard is what its source says, and a person can read each of its panels."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from monitoring_files import DASHBOARD, FOLDER, dashboard, panels

of_each_panel = pytest.mark.parametrize(
    "panel", panels(), ids=lambda panel: f"{panel['id']} {panel['title']}"
)
UNITS = {"short", "s", "eps", "ops", "reqps", "cps", "bytes", "Bps", "percentunit"}


def test_the_file_is_made_from_its_source(tmp_path: Path) -> None:
    made = tmp_path / "dashboard.json"
    environ = {**os.environ, "PYTHONPATH": str(FOLDER)}
    subprocess.run([sys.executable, "-m", "stream_dashboard", str(made)], env=environ, check=True, timeout=60)
    same = made.read_text("utf-8") == DASHBOARD.read_text("utf-8")
    assert same, (
        f"{DASHBOARD.name} is not what deploy/monitoring/stream_dashboard makes: run `make dashboard`"
    )


def test_there_is_an_overview_a_producer_row_a_row_for_each_team_and_one_for_a_plugin() -> None:
    rows = [panel for panel in dashboard()["panels"] if panel["type"] == "row"]
    assert [(row["title"], row.get("repeat")) for row in rows] == [
        ("Overview", None),
        ("Producer", None),
        ("Team $team", "team"),
        ("Plugin $plugin (group $group)", None),
    ]


def test_the_variables_choose_source_namespace_team_group_and_plugin() -> None:
    variables = dashboard()["templating"]["list"]
    assert [one["name"] for one in variables] == ["datasource", "namespace", "team", "group", "plugin"]
    for one in variables[1:]:
        # All matches series without the label, too.
        assert (one["includeAll"], one["allValue"], one["multi"]) == (True, ".*", True)


def test_panels_have_numbers_of_their_own_and_do_not_cover_each_other() -> None:
    everything = dashboard()["panels"]
    numbers = [panel["id"] for panel in everything]
    assert len(set(numbers)) == len(numbers)
    for one, other in combinations([panel["gridPos"] for panel in everything], 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        below = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or below, f"{one} covers {other}"
    assert all(place["x"] + place["w"] <= 24 for place in (panel["gridPos"] for panel in everything))


@of_each_panel
def test_a_panel_says_what_it_shows_and_in_what_unit(panel: dict[str, Any]) -> None:
    assert len(panel["description"]) > 8
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"] in UNITS
    assert panel["datasource"]["uid"] == "${datasource}"


@of_each_panel
def test_every_series_of_a_panel_has_a_name_of_its_own(panel: dict[str, Any]) -> None:
    legends = [target["legendFormat"] for target in panel["targets"]]
    assert all(legends)
    assert len(set(legends)) == len(legends)
    assert len({target["refId"] for target in panel["targets"]}) == len(legends)
    for target in panel["targets"]:
        if panel["type"] != "table" and (by := re.match(r"(?:sum|max) by \(([^)]*)\)", target["expr"])):
            lost = set(by[1].split(", ")) - set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            assert not lost, f"series that differ in {lost} have the same name"


@of_each_panel
def test_thresholds_rise_from_a_first_step_without_a_value(panel: dict[str, Any]) -> None:
    found = [panel["fieldConfig"]["defaults"]["thresholds"]]
    for override in panel["fieldConfig"]["overrides"]:
        found += [one["value"] for one in override["properties"] if one["id"] == "thresholds"]
    for thresholds in found:
        first, *others = [step["value"] for step in thresholds["steps"]]
        assert first is None
        assert others == sorted(others)


@of_each_panel
def test_what_is_shown_depends_on_the_variables(panel: dict[str, Any]) -> None:
    for target in panel["targets"]:
        for selector in re.findall(r"shotgun_\w+\{([^}]*)\}", target["expr"]):
            assert 'namespace=~"$namespace"' in selector
        for selector in re.findall(r"shotgun_consumer_\w+\{([^}]*)\}", target["expr"]):
            assert 'team=~"$team"' in selector


def test_what_a_table_calls_a_column_is_a_column() -> None:
    for panel in panels():
        if panel["type"] == "table":
            renamed = set(panel["transformations"][1]["options"]["renameByName"].values())
            named = {override["matcher"]["options"] for override in panel["fieldConfig"]["overrides"]}
            assert named <= renamed | {"plugin"}


def test_a_count_over_the_whole_time_shown_is_no_graph() -> None:
    """`$__range` at each point of a graph would be a moving window that says nothing of that point."""
    for panel in panels():
        for target in panel["targets"]:
            assert "$__range" not in target["expr"] or target["instant"], panel["title"]
