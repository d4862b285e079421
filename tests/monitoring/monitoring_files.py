"""What `deploy/monitoring` holds, read for tests."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
RULES = FOLDER / "rules.yaml"
RULE_TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
DASHBOARD = FOLDER / "dashboard.json"
RUNBOOK = ROOT / "docs" / "runbook.md"


@dataclass(frozen=True, slots=True)
class Alert:
    """One alerting rule."""

    name: str
    rule: dict[str, Any]


def rules() -> list[dict[str, Any]]:
    """Every rule, alerting and recording ones, in the order of the file."""
    groups = yaml.safe_load(RULES.read_text("utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def alerts() -> list[Alert]:
    """Every alerting rule."""
    return [Alert(rule["alert"], rule) for rule in rules() if "alert" in rule]


def dashboard() -> dict[str, Any]:
    """The dashboard as Grafana gets it."""
    board: dict[str, Any] = json.loads(DASHBOARD.read_text("utf-8"))
    return board


def panels() -> list[dict[str, Any]]:
    """Its panels without the rows."""
    return [panel for panel in dashboard()["panels"] if panel["type"] != "row"]


def expressions() -> dict[str, str]:
    """Every expression of rules and dashboard, by what it belongs to. Variables stand in them as they are."""
    found = {f"rule {rule.get('alert') or rule['record']}": str(rule["expr"]) for rule in rules()}
    for panel in panels():
        for target in panel["targets"]:
            found[f"panel {panel['id']} {panel['title']} {target['refId']}"] = target["expr"]
    return found
