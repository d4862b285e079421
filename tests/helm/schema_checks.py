"""Checks of types and fields: the API's own schemas, strict, and those of custom resources, closed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match
from manifests import Object, Objects, title
from referencing import Registry, Resource

CRDS = Path(__file__).with_name("crds")
CHART = Path(__file__).parents[2] / "deploy" / "helm" / "shotgun-stream"


def _versions() -> list[str]:
    """The versions of Kubernetes that the chart allows and that schemas are here for, from the oldest."""
    allowed = yaml.safe_load((CHART / "Chart.yaml").read_text("utf-8"))["kubeVersion"]
    oldest = re.fullmatch(r">= ?(1\.\d+)\.0-0", allowed)
    assert oldest, f"kubeVersion in Chart.yaml must be >=1.<minor>.0-0, which is told to users, not {allowed}"
    folder = files("kubernetes_validate").joinpath("kubernetes-json-schema")
    there = {
        found.name[1:].removesuffix("-local-strict") for found in folder.iterdir() if "strict" in found.name
    }
    found = sorted((version for version in there if _minor(version) >= _minor(oldest[1])), key=_minor)
    assert found[0].startswith(oldest[1]), f"kubernetes-validate has no schemas of Kubernetes {oldest[1]}"
    return found


def _minor(version: str) -> int:
    return int(version.split(".")[1])


_ALLOWED = _versions()
OLDEST, MIDDLE, NEWEST = _ALLOWED[0], _ALLOWED[len(_ALLOWED) // 2], _ALLOWED[-1]
"""The versions of Kubernetes whose schemas are asked."""

_NOT_OURS = ("monitoring.coreos.com/", "keda.sh/", "kafka.strimzi.io/")


def kubernetes_schemas(objects: Objects, version: str = NEWEST) -> Iterator[str]:
    """Kubernetes of this version knows every object, each of its fields, and its type.

    A kind that it does not have is a finding, so that removed ones are found as well as misspelt ones.
    """
    for found in objects:
        if str(found.get("apiVersion")).startswith(_NOT_OURS):
            continue
        problem = _kubernetes_fault(json.dumps(found, sort_keys=True), version)
        if problem:
            yield f"{title(found)}: Kubernetes {version}: {problem}"


@cache
def _kubernetes_fault(text: str, version: str) -> str | None:
    found = json.loads(text)
    validator = _kubernetes_validator(str(found.get("apiVersion")), str(found.get("kind")), version)
    if validator is None:
        return f"has no {found.get('kind')} of {found.get('apiVersion')}"
    return _told(validator, found)


@cache
def _kubernetes_validator(api: str, kind: str, version: str) -> Draft202012Validator | None:
    # Groups are written without their domain: rbac.authorization.k8s.io/v1 is rbac-v1.
    group, _, name = api.rpartition("/")
    stem = f"{kind.lower()}-{group.partition('.')[0]}-{name}" if group else f"{kind.lower()}-{name}"
    path = _schemas(version).joinpath(f"{stem}.json")
    if not path.is_file():
        return None
    return Draft202012Validator(json.loads(path.read_text("utf-8")), registry=_definitions(version))


def _schemas(version: str) -> Any:
    return files("kubernetes_validate").joinpath(f"kubernetes-json-schema/v{version}-local-strict")


@cache
def _definitions(version: str) -> Registry:
    text = _schemas(version).joinpath("_definitions.json").read_text("utf-8")
    return Resource.from_contents(json.loads(text)) @ Registry()


def custom_resources(objects: Objects) -> Iterator[str]:
    """The operators know every custom resource and each of its fields."""
    for found in objects:
        if not str(found.get("apiVersion")).startswith(_NOT_OURS):
            continue
        validator = _custom().get((found["apiVersion"], found.get("kind")))
        problem = _told(validator, found) if validator else "tests/helm/crds has no schema for it"
        if problem:
            yield f"{title(found)}: {found['apiVersion']}: {problem}"


@cache
def _custom() -> dict[tuple[str, Any], Draft202012Validator]:
    found = {}
    for path in sorted(CRDS.glob("*.yaml")):
        kept = yaml.safe_load(path.read_text("utf-8"))
        schema = closed(kept["schema"])
        schema["properties"]["metadata"] = {"type": "object"}  # the API server's own; other checks look at it
        found[kept["apiVersion"], kept["kind"]] = Draft202012Validator(schema)
    return found


def closed(schema: Any) -> Any:
    """An OpenAPI schema as JSON schema that refuses fields it does not name, as the API server does when asked to."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    # A property may itself be named "properties" or "type"; only what stands where a schema stands is one.
    whole = {key: closed(value) for key, value in schema.items() if key != "properties"}
    if isinstance(schema.get("properties"), dict):
        whole["properties"] = {name: closed(part) for name, part in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields"):
            whole.setdefault("additionalProperties", False)
    if schema.get("nullable") and isinstance(schema.get("type"), str):
        whole["type"] = [schema["type"], "null"]
    return whole


def _told(validator: Draft202012Validator, found: Object) -> str | None:
    error = best_match(validator.iter_errors(found))
    if error is None:
        return None
    return f"{'.'.join(str(part) for part in error.absolute_path) or 'the object'}: {error.message[:300]}"
