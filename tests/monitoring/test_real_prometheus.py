"""A real Prometheus scrapes services that really run: every metric is there, every expression has data."""

from __future__ import annotations

import urllib.error
from collections.abc import Iterator
from pathlib import Path

import pytest
from monitoring_files import RULES, dashboard, expressions
from observed_stream import PrometheusServer, observed_stream
from promql import metric_names, operands
from support import Kafka, wait_until

pytestmark = pytest.mark.kafka

VARIABLES = {"$__rate_interval": "1m", "$__range": "1m"}
CHOSEN = ("namespace", "team", "group", "plugin")
ALL = dict.fromkeys(CHOSEN, ".*")
ONE_PLUGIN = {"namespace": "studio", "team": "anim", "group": "anim.breaks", "plugin": "breaks"}
# A row that is repeated for teams although no series has that label gets no name.
NO_LABELS = {**ALL, "namespace": "", "team": ""}


@pytest.fixture(scope="module")
def stream(
    tmp_path_factory: pytest.TempPathFactory, kafka: Kafka, prometheus: Path
) -> Iterator[PrometheusServer]:
    with observed_stream(tmp_path_factory.mktemp("observed"), kafka, prometheus, RULES) as server:
        for what in (
            "count(up == 1) == 3",
            'shotgun_consumer_events_total{outcome="dead_lettered"} > 0',
            'shotgun_consumer_events_total{team="", outcome="succeeded"} > 0',
            "sum(shotgun_consumer_paused) > 0",
            "shotgun_producer_audit_last_timestamp_seconds > 0",
            # What grows is only seen with a second look.
            "min(count_over_time(shotgun_consumer_commit_failures_total[1h])) > 3",
            "min(count_over_time(group:shotgun_consumer_lag_seconds:max[1h])) > 3",
            "min(count_over_time(shotgun_consumer_callback_failures_total[1h])) > 3",
            'min(count_over_time(ALERTS{alertname="ShotgunPluginNotLoaded"}[1h])) > 0',
        ):
            wait_until(lambda what=what: server.query(what), message=what)  # type: ignore[misc]
        yield server


def filled_in(expr: str, chosen: dict[str, str]) -> str:
    for name, value in VARIABLES.items():
        expr = expr.replace(name, value)
    for name, value in chosen.items():
        expr = expr.replace(f"${name}", value)
    assert "$" not in expr, f"a variable that the dashboard does not have: {expr}"
    return expr


def problems(server: PrometheusServer, chosen: dict[str, str], belonging: str = "") -> list[str]:
    """What is wrong with the expressions whose name begins like this."""
    found = []
    for where, text in expressions().items():
        if not where.startswith(belonging):
            continue
        expr = filled_in(text, chosen)
        try:
            server.query(expr)
        except urllib.error.HTTPError as error:
            found.append(f"{where}: {error.read().decode()}")
            continue
        found += [
            f"{where}: {'data' if 'absent' in part else 'no data'}: {part}"
            for part in operands(expr)
            if bool(server.query(part)) == ("absent" in part)
        ]
    return found


def test_every_metric_that_rules_and_dashboard_name_is_there(stream: PrometheusServer) -> None:
    named = {
        name: where for where, expr in expressions().items() for name in metric_names(filled_in(expr, ALL))
    }
    assert len(named) > 50
    there = stream.names()
    assert {name: where for name, where in named.items() if name not in there} == {}


def test_every_rule_is_understood_and_has_something_to_look_at(stream: PrometheusServer) -> None:
    assert [rule["name"] for rule in stream.rules() if rule["health"] != "ok"] == []
    assert problems(stream, ALL, "rule ") == []


def test_every_panel_has_data_for_everything(stream: PrometheusServer) -> None:
    assert problems(stream, ALL, "panel ") == []


def test_the_drill_down_has_data_for_a_single_plugin(stream: PrometheusServer) -> None:
    assert problems(stream, ONE_PLUGIN, "panel ") == []


def test_teams_and_panels_are_there_without_the_labels_of_a_cluster(stream: PrometheusServer) -> None:
    of_consumers = [
        text for text in expressions().values() if "$team" in text and "shotgun_producer" not in text
    ]
    silent = {"ALERTS", "shotgun_consumer_callback_failures_total"}  # nothing has failed there
    for text in of_consumers:
        if metric_names(filled_in(text, ALL)) & silent:
            continue
        for part in operands(filled_in(text, NO_LABELS)):
            assert stream.query(part), part


def test_the_variables_of_the_dashboard_find_their_values(stream: PrometheusServer) -> None:
    found = {}
    for variable in dashboard()["templating"]["list"]:
        if variable["type"] == "query":
            selector = filled_in(variable["definition"].removeprefix("label_values(").rpartition(",")[0], ALL)
            name = variable["name"]
            found[name] = {series["metric"].get(name, "") for series in stream.query(selector)} - {""}
    assert found == {
        "namespace": {"studio"},
        "team": {"anim"},
        "group": {"anim.works", "anim.breaks", "anim.stops", "prod.works"},
        "plugin": {"works", "breaks", "stops"},
    }


def test_what_is_wrong_there_is_told_and_wakes_up_nobody(stream: PrometheusServer) -> None:
    def told() -> list[dict[str, str]]:
        return [alert["labels"] for rule in stream.rules() for alert in rule.get("alerts", [])]

    # In its first seconds no process knows yet whether it has a broker.
    wait_until(
        lambda: "ShotgunBrokersLost" not in {labels["alertname"] for labels in told()},
        message="the processes know their brokers",
    )
    assert {(labels["alertname"], labels.get("plugin")) for labels in told()} >= {
        ("ShotgunPluginNotLoaded", "cannot_load"),
        ("ShotgunPluginStoppedAtEvent", "stops"),
        ("ShotgunDeadLettersArriving", "breaks"),
    }
    assert {labels["severity"] for labels in told()} == {"warning"}
