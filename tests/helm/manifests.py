"""Rendered Kubernetes objects, and the pods that stand in them: what the checks look at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

Object = dict[str, Any]
Objects = Sequence[Object]

_WITH_TEMPLATE = ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
HOOK = "helm.sh/hook"


class _Loader(yaml.CSafeLoader):  # type: ignore[misc]
    """YAML the way Kubernetes reads it: a mapping that names a key twice is an error."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys = [key.value for key, _ in node.value]
        twice = {key for key in keys if keys.count(key) > 1}
        if twice:
            raise yaml.constructor.ConstructorError(
                None, None, f"keys that stand twice: {sorted(twice)}", node.start_mark
            )
        return super().construct_mapping(node, deep=deep)


@dataclass(frozen=True, slots=True)
class Pod:
    """The pod that an object makes: the object, and the metadata and spec of its pod."""

    owner: Object
    metadata: Mapping[str, Any]
    spec: Mapping[str, Any]

    @property
    def labels(self) -> Mapping[str, str]:
        """The labels of the pod."""
        return self.metadata.get("labels") or {}

    @property
    def containers(self) -> list[Object]:
        """Init containers first, then the others."""
        return [*(self.spec.get("initContainers") or []), *(self.spec.get("containers") or [])]

    def __str__(self) -> str:
        return title(self.owner)


def parse(text: str) -> list[Object]:
    """The objects of a stream of YAML documents, empty documents left out."""
    return [document for document in yaml.load_all(text, Loader=_Loader) if document]


def title(found: Object) -> str:
    """How findings name an object: its kind and name."""
    return f"{found.get('kind')}/{(found.get('metadata') or {}).get('name')}"


def of_kind(objects: Objects, *kinds: str) -> Iterator[Object]:
    """The objects of these kinds."""
    return (found for found in objects if found.get("kind") in kinds)


def pods(objects: Objects) -> Iterator[Pod]:
    """The pod of every object that makes one, hooks and tests among them."""
    for found in objects:
        spec = found.get("spec") or {}
        if found.get("kind") == "Pod":
            yield Pod(found, found.get("metadata") or {}, spec)
            continue
        if found.get("kind") == "CronJob":
            spec = spec["jobTemplate"]["spec"]
        elif found.get("kind") not in _WITH_TEMPLATE:
            continue
        template = spec.get("template") or {}
        yield Pod(found, template.get("metadata") or {}, template.get("spec") or {})


def containers(objects: Objects) -> Iterator[tuple[str, Pod, Object]]:
    """Every container, with the words that name it and its pod."""
    for pod in pods(objects):
        for container in pod.containers:
            yield f"{pod}: container {container.get('name')}", pod, container


def hooks_of(found: Object) -> set[str]:
    """The hooks of Helm that an object belongs to; empty: it is part of the release."""
    annotations = (found.get("metadata") or {}).get("annotations") or {}
    return {part.strip() for part in annotations.get(HOOK, "").split(",") if part.strip()}


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector, with `matchLabels` and `matchExpressions`, selects these labels."""
    if any(labels.get(key) != value for key, value in (selector.get("matchLabels") or {}).items()):
        return False
    return all(_holds(expression, labels) for expression in selector.get("matchExpressions") or [])


def _holds(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    key, values = expression["key"], expression.get("values") or []
    return {
        "In": labels.get(key) in values,
        "NotIn": labels.get(key) not in values,
        "Exists": key in labels,
        "DoesNotExist": key not in labels,
    }[expression["operator"]]


def duplicates(names: Sequence[Any]) -> list[Any]:
    """What stands more than once, in order."""
    return sorted({name for name in names if names.count(name) > 1}, key=str)
