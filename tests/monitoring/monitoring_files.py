"""What `deploy/monitoring` holds, read for tests."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "deploy" / "monitoring"
RULES = FOLDER / "rules.yaml"
RULE_TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
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
