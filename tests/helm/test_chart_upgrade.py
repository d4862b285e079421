"""A change reaches those it is meant for and nobody else; what must not change does not, beside others as well."""

from __future__ import annotations

from typing import Any

import pytest
from checks import CHECKS
from configuration_checks import settings_of
from manifests import Object, hooks_of, of_kind, parse, pods, title
from object_checks import disruption_budgets, names, selectors
from rendering import case, rendered, with_values

from shotgun_chart.values import Values

BASE = case("everything-values.yaml")
PRODUCER = "Deployment/stream-shotgun-stream-producer"
PUBLISH = "Deployment/stream-shotgun-stream-consumer-anim-publish"
REST = "Deployment/stream-shotgun-stream-consumer-anim-rest"
PROD = "Deployment/stream-shotgun-stream-consumer-prod"
FX = "Deployment/stream-shotgun-stream-consumer-fx"

CHANGES: dict[str, tuple[dict[str, Any], set[str]]] = {
    "a team's configuration": ({"teams": {"fx": {"config": {"logging": {"level": "ERROR"}}}}}, {FX}),
    "a team's image": ({"teams": {"prod": {"image": {"tag": "5"}}}}, {PROD}),
    "a team's memory": ({"teams": {"fx": {"resources": {"limits": {"memory": "2Gi"}}}}}, {FX}),
    "a team's variable": ({"teams": {"fx": {"extraEnv": [{"name": "A", "value": "b"}]}}}, {FX}),
    "a team's secret": ({"teams": {"fx": {"credentials": {"shotgun": {"secret": "another"}}}}}, {FX}),
    "one worker": ({"teams": {"anim": {"workers": {"rest": {"only": ["archive"]}}}}}, {REST}),
    "a team of workers": (
        {"teams": {"anim": {"config": {"consumer": {"max_uncommitted": 9}}}}},
        {PUBLISH, REST},
    ),
    "all teams": ({"teamDefaults": {"config": {"logging": {"level": "ERROR"}}}}, {PUBLISH, REST, PROD, FX}),
    "the producer's configuration": (
        {"producer": {"config": {"logging": {"level": "ERROR"}}}},
        {PRODUCER},
    ),
    "what the producer alone reads": ({"config": {"producer": {"parallel_requests": 2}}}, {PRODUCER}),
    "what consumers alone read": (
        {"config": {"consumer": {"max_uncommitted": 9}}},
        {PUBLISH, REST, PROD, FX},
    ),
    "one more team": ({"teams": {"new": {}}}, {"Deployment/stream-shotgun-stream-consumer-new"}),
    "monitoring": ({"monitoring": {"podMonitor": {"enabled": False}}}, set()),
    "the tests": ({"tests": {"enabled": False}}, set()),
    "how KEDA scales": ({"teams": {"prod": {"keda": {"lagThreshold": 7}}}}, set()),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_restarts_those_it_is_meant_for_alone(name: str) -> None:
    values, meant = CHANGES[name]
    said = with_values("4", values, BASE)
    assert said.code == 0, said.err

    before, after = _deployments(rendered("4", BASE)), _deployments(parse(said.out))

    changed = {one for one in {**before, **after} if before.get(one) != after.get(one)}
    assert changed == meant


def _deployments(objects: list[Object]) -> dict[str, Object]:
    return {title(found): found["spec"] for found in of_kind(objects, "Deployment")}


def test_a_changed_plugin_file_restarts_nothing_where_files_are_watched() -> None:
    minimal = case("minimal-values.yaml")
    files = {"teams": {"anim": {"plugins": {"configMap": {"files": {"hello.py": "# new\n"}}}}}}
    watched, off = (
        with_values("4", {**files, "config": {"consumer": {"reload": how}}}, minimal)
        for how in ("watch", "off")
    )
    old = {
        how: with_values("4", {"config": {"consumer": {"reload": how}}}, minimal) for how in ("watch", "off")
    }

    assert _deployments(parse(watched.out)) == _deployments(parse(old["watch"].out))
    assert _deployments(parse(off.out)) != _deployments(parse(old["off"].out))


def test_another_name_of_the_release_leaves_groups_and_topics_alone() -> None:
    here = rendered("4", BASE)
    there = rendered("4", BASE, release="another")

    assert _positions(here) == _positions(there)
    # The account's name stands in this case's values.
    assert {title(found) for found in here} & {title(found) for found in there} == {"ServiceAccount/stream"}


def _positions(objects: list[Object]) -> list[tuple[str, ...]]:
    """What the positions of a team's plugins hang on: how their groups are called, and where they read."""
    found = []
    for pod in pods(objects):
        if pod.owner["kind"] == "Deployment":
            settings = settings_of(objects, pod)
            consumer, stream = settings.consumer, settings.stream
            found.append((consumer.group_prefix, consumer.team, stream.topic, stream.dead_letter_topic))
    return sorted(found)


def test_two_releases_stand_side_by_side() -> None:
    together = [
        *rendered("4", case("minimal-values.yaml")),
        *rendered("4", case("team-only-values.yaml"), release="fx"),
    ]

    assert [*names(together), *selectors(together), *disruption_budgets(together)] == []


HOSTILE = ("extraEnv", "extraVolumes", "extraVolumeMounts", "initContainers", "sidecars")


@pytest.mark.parametrize("file", ["everything-values.yaml", "plugins-values.yaml", "keda-values.yaml"])
def test_names_stay_unique_when_all_that_is_extra_is_named_like_what_is_there(file: str) -> None:
    objects = rendered("4", case(file))
    said = with_values("4", {key: _namesakes(objects) for key in ("producer", "teamDefaults")}, case(file))
    assert said.code == 0, said.err
    hostile = parse(said.out)

    assert [*_duplicates(hostile)] == []
    for pod in pods(hostile):
        if pod.owner["kind"] == "Deployment":
            (service,) = (one for one in pod.containers if one["name"] in ("producer", "consumer"))
            assert {"name": "OWN", "value": "last"} in service["env"]


def _namesakes(objects: list[Object]) -> dict[str, Any]:
    """Everything that may be added, under every name that the chart itself uses, and each of them twice."""
    deployed = [pod for pod in pods(objects) if pod.owner["kind"] == "Deployment"]
    env = {entry["name"] for pod in deployed for one in pod.containers for entry in one.get("env") or []}
    volumes = {volume["name"] for pod in deployed for volume in pod.spec["volumes"]}
    paths = {
        (mount["mountPath"], mount["name"])
        for pod in deployed
        for one in pod.containers
        for mount in one.get("volumeMounts") or []
    }
    variables = [{"name": name, "value": "mine"} for name in sorted(env)]
    return {
        "extraEnv": [
            *variables,
            *variables,
            {"name": "OWN", "value": "first"},
            {"name": "OWN", "value": "last"},
        ],
        "extraVolumes": [{"name": name, "emptyDir": {}} for name in sorted(volumes)] * 2,
        "extraVolumeMounts": [{"mountPath": f"{path}/", "name": name} for path, name in sorted(paths)] * 2,
        "sidecars": [{"name": "git-sync", "image": "registry.example.com/sync:1"}] * 2,
        "initContainers": [{"name": "git-sync-init", "image": "registry.example.com/sync:1"}] * 2,
    }


def _duplicates(objects: list[Object]) -> list[str]:
    kinds = [name for name in CHECKS if name.startswith("duplicate_")]
    return [text for name in kinds for text in CHECKS[name](objects)]


def test_every_list_that_may_be_added_is_tried() -> None:
    lists = {
        field.alias
        for name, field in Values().producer.__class__.model_fields.items()
        if name.startswith("extra") or name in ("sidecars", "init_containers")
    }

    assert lists - {"extraEnvFrom"} == set(HOSTILE)


def test_the_hooks_are_not_part_of_the_release() -> None:
    for found in of_kind(rendered("4", BASE), "Job", "Pod"):
        assert hooks_of(found), f"{title(found)} cannot be changed by an upgrade"
