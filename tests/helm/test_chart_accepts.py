"""What users may set alone, without its neighbours, renders to what Kubernetes and the services take."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from checks import findings
from manifests import Object, of_kind, parse, title
from rendering import case, with_values

MINIMAL = case("minimal-values.yaml")


def _objects(values: dict[str, Any]) -> list[Object]:
    said = with_values("4", values, MINIMAL)
    assert said.code == 0, said.err
    objects = parse(said.out)
    assert [*map(str, findings(objects))] == []
    return objects


def _deployment(objects: list[Object], name: str) -> Object:
    (found,) = (one for one in of_kind(objects, "Deployment") if title(one).endswith(name))
    return found


@pytest.mark.parametrize("where", [("producer",), ("teamDefaults",), ("teams", "anim")])
def test_recreate_needs_no_other_word(where: tuple[str, ...]) -> None:
    values: dict[str, Any] = {"strategy": {"type": "Recreate"}}
    for key in reversed(where):
        values = {key: values}

    objects = _objects(values)

    changed = _deployment(objects, "producer" if where == ("producer",) else "consumer-anim")
    assert changed["spec"]["strategy"] == {"type": "Recreate"}


def test_workers_whose_patterns_never_meet_share_a_team() -> None:
    pairs = [
        ("[a-m]*", "[n-z]*"),
        ("[!a]*", "a*"),
        ("*_a", "*_b"),
        ("x_*_a", "x_*_b"),
        ("a", "a?*"),
        ("a.b", "a-b"),
        ("??", "???"),
    ]
    teams = {
        f"t{number}": {
            "plugins": {"paths": ["/plugins"]},
            "workers": {"one": {"only": [one]}, "other": {"only": [other]}},
        }
        for number, (one, other) in enumerate(pairs)
    }

    objects = _objects({"teams": teams})

    assert len(_ending(objects, "-one")) == len(_ending(objects, "-other")) == len(pairs)


def _ending(objects: list[Object], end: str) -> list[Object]:
    return [one for one in of_kind(objects, "Deployment") if title(one).endswith(end)]


def test_the_address_of_a_proxy_with_a_login_comes_from_a_secret() -> None:
    values = {
        "credentials": {"proxy": {"secret": "proxy", "key": "address"}},
        "teams": {"anim": {"credentials": {"proxy": None}}},
    }

    objects = _objects(values)

    variable = {
        "name": "SHOTGUN_STREAM_SHOTGUN__HTTP_PROXY",
        "valueFrom": {"secretKeyRef": {"name": "proxy", "key": "address"}},
    }
    assert variable in _environment(_deployment(objects, "producer"))
    assert variable not in _environment(_deployment(objects, "consumer-anim"))


@pytest.mark.parametrize(
    "resources",
    [
        {"requests": {"memory": "1Gi", "cpu": 8}},
        {"requests": {"memory": 1073741824}, "limits": {"memory": "1.1e9"}},
        {"requests": {"memory": "1048576Ki", "cpu": "1000m"}, "limits": {"memory": "1024Mi", "cpu": "1"}},
    ],
    ids=str,
)
def test_requests_up_to_the_limit_are_taken(resources: dict[str, Any]) -> None:
    objects = _objects({"teams": {"anim": {"resources": resources}}})

    (service,) = _deployment(objects, "consumer-anim")["spec"]["template"]["spec"]["containers"]
    assert resources["requests"].items() <= service["resources"]["requests"].items()


def test_a_limit_may_be_taken_away() -> None:
    # Not what our own checks advise, so they are not asked.
    resources = {"requests": {"memory": "2Gi"}, "limits": {"memory": None}}

    said = with_values("4", {"producer": {"resources": resources}}, MINIMAL)

    assert said.code == 0, said.err
    (service,) = _deployment(parse(said.out), "producer")["spec"]["template"]["spec"]["containers"]
    assert service["resources"]["requests"]["memory"] == "2Gi"
    assert "memory" not in service["resources"].get("limits", {})


@pytest.mark.parametrize("file", ["/etc/ssl/studio.pem", "/usr/local/share/ca-certificates/studio.crt"])
def test_authorities_may_be_in_the_image(file: str) -> None:
    said = with_values("4", {"config": {"shotgun": {"ca_certs": file}}}, MINIMAL)

    assert said.code == 0, said.err


def test_authorities_may_be_anywhere_in_a_team_s_own_image() -> None:
    image = {"repository": "registry.studio.lan/anim", "tag": "1"}
    team = {"image": image, "config": {"shotgun": {"ca_certs": "/studio/ca.pem"}}}

    said = with_values("4", {"teams": {"anim": team}}, MINIMAL)

    assert said.code == 0, said.err


@pytest.mark.parametrize(("text", "grace"), [("1h", 3615), ("3600", 3615), ("0.5s", 16)])
def test_a_stop_may_take_what_the_service_takes(text: str, grace: int) -> None:
    objects = _objects({"config": {"shutdown_timeout": text}})

    pod = _deployment(objects, "producer")["spec"]["template"]["spec"]
    assert pod["terminationGracePeriodSeconds"] == grace


@pytest.mark.parametrize(
    ("given", "shown"), [("", "docs/runbook.md"), ("https://wiki.lan/runbook", "https://wiki.lan/runbook")]
)
def test_each_alert_leads_to_the_runbook_where_it_is(given: str, shown: str) -> None:
    (found,) = of_kind(
        _objects({"monitoring": {"rules": {"enabled": True, "runbookUrl": given}}}), "PrometheusRule"
    )

    links = {
        rule["alert"]: rule["annotations"]["runbook_url"]
        for group in found["spec"]["groups"]
        for rule in group["rules"]
        if "alert" in rule
    }
    assert links == {alert: f"{shown}#{alert.lower()}" for alert in links}
    assert len(links) > 20


@pytest.mark.parametrize("is_shared", [True, False])
def test_a_team_may_have_something_else_wait_for_what_its_plugins_leave(is_shared: bool) -> None:
    objects = _objects({"teams": {"anim": {"shareProcessNamespace": is_shared}}})

    pod, producer = (
        _deployment(objects, name)["spec"]["template"]["spec"] for name in ("consumer-anim", "producer")
    )
    assert pod.get("shareProcessNamespace", False) is is_shared
    assert "shareProcessNamespace" not in producer


def test_null_in_a_team_takes_away_what_is_said_for_all() -> None:
    values = {
        "config": {"logging": {"level": "DEBUG", "format": "text"}, "consumer": {"max_uncommitted": 7}},
        "teams": {"anim": {"config": {"logging": {"level": None}, "consumer": None}}},
    }

    objects = _objects(values)

    (team,) = (
        one for one in of_kind(objects, "ConfigMap") if one["metadata"]["name"].endswith("consumer-anim")
    )
    found = yaml.safe_load(team["data"]["config.yaml"])
    assert found["logging"] == {"format": "text"}
    assert "max_uncommitted" not in found["consumer"]


@pytest.mark.parametrize("key", ["config", "credentials"])
def test_a_bare_key_in_a_team_takes_nothing_away(key: str) -> None:
    assert _objects({"teams": {"anim": {key: None}}}) == _objects({})


def _environment(deployment: Object) -> list[Object]:
    return list(deployment["spec"]["template"]["spec"]["containers"][0]["env"])
