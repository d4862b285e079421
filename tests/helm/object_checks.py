"""Checks of whole objects: names, labels, selectors, and what belongs together."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from manifests import Object, Objects, duplicates, hooks_of, of_kind, pods, selects, title

_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_LABEL_WORD = re.compile(r"([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?")
# Longer names are refused: a Service becomes a DNS label, a Job a label of its pods, a CronJob adds eleven to its own.
_LONGEST_NAME = {"Service": 63, "Job": 63, "Deployment": 63, "Pod": 63, "CronJob": 52}


def names(objects: Objects) -> Iterator[str]:
    """Names are lower-case DNS names of an allowed length, and each stands for one object of a kind."""
    for found in objects:
        name = str((found.get("metadata") or {}).get("name") or "")
        longest = _LONGEST_NAME.get(str(found.get("kind")), 253)
        if not _SUBDOMAIN.fullmatch(name) or len(name) > longest:
            yield f"{title(found)}: the name must be lower-case letters, digits and dashes, at most {longest}"
    for twice in duplicates([f"{found.get('apiVersion')} {title(found)}" for found in objects]):
        yield f"{twice} stands twice"


def labels(objects: Objects) -> Iterator[str]:
    """Labels and selectors are texts of at most 63 characters; annotations are texts."""
    for where, key, value in _all_labels(objects):
        prefix, slash, word = str(key).rpartition("/")
        if slash and (not _SUBDOMAIN.fullmatch(prefix) or len(prefix) > 253):
            yield f"{where}: label {key}: the part before / must be a DNS name"
        if not word or not _LABEL_WORD.fullmatch(word):
            yield f"{where}: label {key}: letters, digits, dashes, dots, underscores, at most 63"
        if not isinstance(value, str) or not _LABEL_WORD.fullmatch(value):
            yield f"{where}: label {key}={value!r}: letters, digits, dashes, dots, underscores, at most 63"
    for found in objects:
        for key, value in ((found.get("metadata") or {}).get("annotations") or {}).items():
            if not isinstance(value, str):
                yield f"{title(found)}: annotation {key} must be text, not {value!r}"
    for pod in pods(objects):
        for key, value in (pod.metadata.get("annotations") or {}).items():
            if not isinstance(value, str):
                yield f"{pod}: annotation {key} of the pod must be text, not {value!r}"


def _all_labels(objects: Objects) -> Iterator[tuple[str, Any, Any]]:
    for found in objects:
        for key, value in ((found.get("metadata") or {}).get("labels") or {}).items():
            yield title(found), key, value
        for key, value in (_selector(found).get("matchLabels") or {}).items():
            yield f"{title(found)}: selector", key, value
    for pod in pods(objects):
        for key, value in pod.labels.items():
            yield f"{pod}: pod", key, value


def _selector(found: Object) -> dict[str, Any]:
    spec = found.get("spec") or {}
    if found.get("kind") == "Service":
        return {"matchLabels": spec.get("selector") or {}}
    name = "podSelector" if found.get("kind") == "NetworkPolicy" else "selector"
    selector = spec.get(name)
    return selector if isinstance(selector, dict) else {}


def selectors(objects: Objects) -> Iterator[str]:
    """A workload selects its own pods and no other's; what selects pods or services finds some."""
    running = [pod for pod in pods(objects) if not hooks_of(pod.owner)]
    for found in of_kind(objects, "Deployment", "StatefulSet", "DaemonSet"):
        selector = _selector(found)
        for pod in running:
            if (pod.owner is found) != selects(selector, pod.labels):
                what = (
                    "does not select its own pods"
                    if pod.owner is found
                    else f"also selects the pods of {pod}"
                )
                yield f"{title(found)}: the selector {what}"
    for found in of_kind(objects, "PodDisruptionBudget", "PodMonitor", "Service"):
        if not any(selects(_selector(found), pod.labels) for pod in running):
            yield f"{title(found)}: the selector finds no pod of this chart"
    everything = list(pods(objects))
    for found in of_kind(objects, "NetworkPolicy"):
        if not any(selects(_selector(found), pod.labels) for pod in everything):
            yield f"{title(found)}: the selector finds no pod of this chart"
    services = list(of_kind(objects, "Service"))
    for found in of_kind(objects, "ServiceMonitor"):
        if not any(
            selects(_selector(found), service["metadata"].get("labels") or {}) for service in services
        ):
            yield f"{title(found)}: the selector finds no Service of this chart"


def network_policies(objects: Objects) -> Iterator[str]:
    """Where there is a network policy it holds for every pod, those of hooks and tests among them."""
    policies = list(of_kind(objects, "NetworkPolicy"))
    for pod in pods(objects):
        if policies and not any(selects(_selector(found), pod.labels) for found in policies):
            yield f"{pod}: no NetworkPolicy selects it"


def strategies(objects: Objects) -> Iterator[str]:
    """A strategy contradicts itself nowhere and can move."""
    for found in of_kind(objects, "Deployment"):
        strategy = (found.get("spec") or {}).get("strategy") or {}
        rolling = strategy.get("rollingUpdate")
        if strategy.get("type") == "Recreate" and rolling is not None:
            yield f"{title(found)}: strategy Recreate takes no rollingUpdate"
        moves = {str((rolling or {}).get(key, "1")) for key in ("maxSurge", "maxUnavailable")}
        if rolling and moves <= {"0", "0%"}:
            yield f"{title(found)}: maxSurge and maxUnavailable are both 0, so that nothing could ever be replaced"


def disruption_budgets(objects: Objects) -> Iterator[str]:
    """A budget names one of its two numbers and lets a node be drained; a pod stands in one budget at most."""
    budgets = list(of_kind(objects, "PodDisruptionBudget"))
    for found in budgets:
        spec = found.get("spec") or {}
        least, most = spec.get("minAvailable"), spec.get("maxUnavailable")
        if (least is None) == (most is None):
            yield f"{title(found)}: exactly one of minAvailable and maxUnavailable must be set"
        if str(most) in ("0", "0%") or str(least) == "100%":
            yield f"{title(found)}: no pod may ever be moved, so that no node can be drained"
        for workload in of_kind(objects, "Deployment"):
            replicas = workload["spec"].get("replicas", 1)
            template = (workload["spec"].get("template") or {}).get("metadata") or {}
            if not selects(_selector(found), template.get("labels") or {}):
                continue
            if isinstance(least, int) and isinstance(replicas, int) and least >= replicas:
                yield f"{title(found)}: minAvailable {least} of {replicas} blocks the drain of a node"
    for pod in pods(objects):
        over = [title(found) for found in budgets if selects(_selector(found), pod.labels)]
        if len(over) > 1:
            yield f"{pod}: stands in {len(over)} budgets ({', '.join(over)}); an eviction is then refused"


def jobs(objects: Objects) -> Iterator[str]:
    """A Job's pods are not restarted for ever; a hook is replaced before it runs again."""
    for pod in pods(objects):
        kind = pod.owner.get("kind")
        policy = pod.spec.get("restartPolicy", "Always")
        if kind in ("Job", "CronJob") and policy not in ("Never", "OnFailure"):
            yield f"{pod}: restartPolicy must be Never or OnFailure, not {policy}"
        if kind not in ("Job", "CronJob", "Pod") and policy != "Always":
            yield f"{pod}: restartPolicy must be Always, not {policy}"
        if hooks_of(pod.owner):
            if kind == "Pod" and policy != "Never":
                yield f"{pod}: restartPolicy of a test must be Never, or it ends as often as it starts"
            rule = pod.owner["metadata"]["annotations"].get(
                "helm.sh/hook-delete-policy", "before-hook-creation"
            )
            if "before-hook-creation" not in rule:
                yield f"{pod}: hook-delete-policy {rule} leaves the old one in the way of the next"


def scale_targets(objects: Objects) -> Iterator[str]:
    """What scales names a workload of the chart, once; the number of that one's replicas is left to it."""
    workloads = {title(found): found for found in of_kind(objects, "Deployment", "StatefulSet")}
    targets = []
    for found in of_kind(objects, "ScaledObject", "HorizontalPodAutoscaler"):
        reference = (found.get("spec") or {}).get("scaleTargetRef") or {}
        target = f"{reference.get('kind', 'Deployment')}/{reference.get('name')}"
        targets.append(target)
        if target not in workloads:
            yield f"{title(found)}: scales {target}, which is not there"
        elif "replicas" in workloads[target]["spec"]:
            yield f"{target}: sets replicas, which {title(found)} scales: an upgrade would undo it"
    for twice in duplicates(targets):
        yield f"{twice}: scaled by two objects"


def topics_kept(objects: Objects) -> Iterator[str]:
    """Topics stay when the release goes: Strimzi deletes a topic, with all events, whose KafkaTopic is deleted."""
    for found in of_kind(objects, "KafkaTopic"):
        policy = ((found.get("metadata") or {}).get("annotations") or {}).get("helm.sh/resource-policy")
        if policy != "keep":
            yield f"{title(found)}: needs the annotation helm.sh/resource-policy: keep"


def hook_order(objects: Objects) -> Iterator[str]:
    """A hook that runs before the release needs nothing that only the release brings."""
    release = {title(found) for found in objects if not hooks_of(found)}
    for pod in pods(objects):
        if not hooks_of(pod.owner) & {"pre-install", "pre-upgrade"}:
            continue
        for needed in sorted(references(pod.spec)):
            if needed in release:
                yield f"{pod}: runs before the release and needs {needed}, which is not there yet at the first install"


def references(spec: Any) -> set[str]:
    """The ConfigMaps, Secrets, claims and the service account that a pod needs, as `Kind/name`."""
    kinds = {
        "configMap": ("ConfigMap", "name"),
        "configMapRef": ("ConfigMap", "name"),
        "configMapKeyRef": ("ConfigMap", "name"),
        "secret": ("Secret", "secretName"),
        "secretRef": ("Secret", "name"),
        "secretKeyRef": ("Secret", "name"),
        "persistentVolumeClaim": ("PersistentVolumeClaim", "claimName"),
    }
    found: set[str] = set()
    if isinstance(spec, list):
        return found.union(*map(references, spec))
    if not isinstance(spec, dict):
        return found
    if isinstance(spec.get("serviceAccountName"), str):
        found.add(f"ServiceAccount/{spec['serviceAccountName']}")
    for key, value in spec.items():
        if key in kinds and isinstance(value, dict) and not value.get("optional"):
            kind, name = kinds[key]
            # A projected volume names its secret by `name`.
            found.add(f"{kind}/{value.get(name) or value.get('name')}")
        found |= references(value)
    return found


def references_exist(objects: Objects) -> Iterator[str]:
    """What a pod needs and is named after the release is rendered with it."""
    there = {title(found) for found in objects}
    ours = {
        str((found.get("metadata") or {}).get("labels", {}).get("app.kubernetes.io/instance"))
        for found in objects
    }
    for pod in pods(objects):
        for needed in sorted(references(pod.spec) - there):
            kind, name = needed.split("/", 1)
            if kind in ("ConfigMap", "ServiceAccount") and any(name.startswith(f"{one}-") for one in ours):
                yield f"{pod}: needs {needed}, which this chart does not make"
