"""Checks of alert rules: every expression is PromQL, every pause a duration."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import promql_parser
import yaml
from manifests import Objects, duplicates, of_kind, title
from prometheus_install import PrometheusMissingError, prometheus_folder


def promql(objects: Objects) -> Iterator[str]:
    """Prometheus takes every rule. (The operator refuses a whole PrometheusRule for one wrong expression.)"""
    for found in of_kind(objects, "PrometheusRule"):
        groups = (found.get("spec") or {}).get("groups") or []
        for name in duplicates([group.get("name") for group in groups]):
            yield f"{title(found)}: two groups are named {name}"
        for group in groups:
            for rule in group.get("rules") or []:
                problem = _fault(str(rule.get("expr")))
                if problem:
                    yield f"{title(found)}: {rule.get('alert') or rule.get('record')}: {problem}"
        said = _promtool(yaml.safe_dump({"groups": groups}))
        if said:
            yield f"{title(found)}: promtool: {said}"


@cache
def _fault(expression: str) -> str | None:
    try:
        promql_parser.parse(expression)
    except ValueError as error:
        return f"{error} in {expression}"
    return None


@cache
def _promtool(rules: str) -> str | None:
    """What promtool says against the rules, where it can be had. It knows templates and durations as well."""
    try:
        program = prometheus_folder(os.environ) / "promtool"
    except PrometheusMissingError:
        return None
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "rules.yaml")
        path.write_text(rules)
        done = subprocess.run(
            [program, "check", "rules", str(path)], capture_output=True, text=True, check=False, timeout=60
        )
    return (done.stdout + done.stderr).strip() if done.returncode else None
