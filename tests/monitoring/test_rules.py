"""Each alert fires when it should, stays silent when it should, and tells what a person needs."""

from __future__ import annotations

import re
import subprocess
from collections import defaultdict
from pathlib import Path

import pytest
import yaml
from monitoring_files import FOLDER, RULE_TESTS, RULES, Alert, alerts, rules

ALERTS = alerts()
of_each_alert = pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)


def promtool(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [folder / "promtool", *arguments], capture_output=True, text=True, timeout=120, check=False
    )


def test_prometheus_takes_the_rules(prometheus: Path) -> None:
    done = promtool(prometheus, "check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{len(rules())} rules found" in done.stdout


@pytest.mark.parametrize("file", RULE_TESTS, ids=lambda file: file.stem)
def test_alerts_fire_and_stay_silent_as_the_rule_tests_say(prometheus: Path, file: Path) -> None:
    done = promtool(prometheus, "test", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_rule_test_is_noticed(prometheus: Path, tmp_path: Path) -> None:
    wrong = yaml.safe_load((FOLDER / "tests" / "targets.yaml").read_text("utf-8"))
    wrong["rule_files"] = [str(RULES)]
    expected = [
        check for test in wrong["tests"] for check in test["alert_rule_test"] if "exp_alerts" in check
    ]
    expected[0]["exp_alerts"][0]["exp_annotations"]["summary"] = "something else"
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump(wrong))
    assert promtool(prometheus, "test", "rules", str(tmp_path / "wrong.yaml")).returncode != 0


def cases() -> dict[str, dict[str, set[str]]]:
    """For each alert the tests in which it fires, and those in which it is silent at every moment looked at."""
    found: dict[str, dict[str, set[str]]] = defaultdict(lambda: {"firing": set(), "silent": set()})
    for file in RULE_TESTS:
        for test in yaml.safe_load(file.read_text("utf-8"))["tests"]:
            fires: dict[str, bool] = {}
            for check in test["alert_rule_test"]:
                name = check["alertname"]
                fires[name] = fires.get(name, False) or bool(check.get("exp_alerts"))
            for name, fired in fires.items():
                found[name]["firing" if fired else "silent"].add(f"{file.stem}: {test['name']}")
    return found


def test_every_alert_has_a_case_in_which_it_fires_one_in_which_it_is_silent_and_no_series() -> None:
    found = cases()
    assert set(found) == {alert.name for alert in ALERTS}, "tests and rules name other alerts"
    for alert in ALERTS:
        of_its_own = [case for case in found[alert.name]["silent"] if not case.startswith("whole:")]
        assert found[alert.name]["firing"], f"{alert.name}: no test in which it fires"
        assert of_its_own, f"{alert.name}: no test of its own in which it is silent"
        both = found[alert.name]["firing"] | found[alert.name]["silent"]
        assert "whole: nothing is scraped" in both, f"{alert.name}: no test without any series"
        assert "whole: all is well" in found[alert.name]["silent"], (
            f"{alert.name}: no test of a healthy installation"
        )


@of_each_alert
def test_an_alert_says_how_urgent_it_is_what_is_wrong_and_where_to_read_on(alert: Alert) -> None:
    rule = alert.rule
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"] == {"severity": rule["labels"]["severity"]}
    assert rule["labels"]["severity"] in ("critical", "warning")
    texts = rule["annotations"]
    assert set(texts) == {"summary", "description", "runbook_url"}
    assert texts["runbook_url"] == f"docs/runbook.md#{alert.name.lower()}"
    assert len(texts["description"]) > 40


@of_each_alert
def test_an_alert_names_its_group_or_its_job_and_the_value(alert: Alert) -> None:
    texts = alert.rule["annotations"]
    both = f"{texts['summary']} {texts['description']}"
    by_plugin = re.search(r"by \(.*\bplugin\b", alert.rule["expr"]) or "group:" in alert.rule["expr"]
    assert "$labels.plugin" in both if by_plugin else "$labels.job" in both
    # What is not there has no value.
    assert "$value" in both or re.search(r"\b0 processes\b", both)


@of_each_alert
def test_two_installations_are_told_apart(alert: Alert) -> None:
    for labels in re.findall(r"\b(?:by|on) \(([^)]*)\)", alert.rule["expr"]):
        assert {"namespace", "job"} <= set(labels.split(", ")), (
            f"{alert.name} mixes installations: ({labels})"
        )
