"""Deliberate mistakes: each changes rendered objects in one place, and one check must find it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from manifests import Object, Objects, hooks_of, of_kind

Change = Callable[[list[Object]], object]


@dataclass(frozen=True, slots=True)
class Mistake:
    """What was done wrong, how, and the check that must tell of it."""

    name: str
    check: str
    change: Change

    def made_in(self, objects: Objects) -> list[Object]:
        """The objects with the mistake in them; those given stay as they are. Raises NothingToChangeError."""
        changed = copy.deepcopy(list(objects))
        self.change(changed)
        return changed


class NothingToChangeError(LookupError):
    """The objects have none of the kind that the mistake is made in."""


def _at(objects: list[Object], kind: str) -> Object:
    for found in of_kind(objects, kind):
        return found
    raise NothingToChangeError(kind)


def _descend(value: Any, path: str) -> tuple[Any, Any]:
    """The mapping or list that holds what a path such as `spec.containers.0.image` names, and the key in it."""
    *above, last = (int(part) if part.isdigit() else part for part in path.split("."))
    for part in above:
        value = value[part] if isinstance(value, list) else value.setdefault(part, {})
    return value, last


def put(kind: str, path: str, value: Any) -> Change:
    """Sets a value in the first object of a kind."""

    def change(objects: list[Object]) -> None:
        holder, key = _descend(_at(objects, kind), path)
        holder[key] = value

    return change


def drop(kind: str, path: str) -> Change:
    """Takes something away from the first object of a kind."""

    def change(objects: list[Object]) -> None:
        holder, key = _descend(_at(objects, kind), path)
        del holder[key]

    return change


def again(kind: str, path: str) -> Change:
    """Writes the first entry of a list a second time, in the first object of a kind."""

    def change(objects: list[Object]) -> None:
        holder, key = _descend(_at(objects, kind), path)
        holder[key].append(copy.deepcopy(holder[key][0]))

    return change


def add(kind: str, path: str, value: Any) -> Change:
    """Adds an entry to a list, in the first object of a kind."""

    def change(objects: list[Object]) -> None:
        holder, key = _descend(_at(objects, kind), path)
        holder.setdefault(key, []).append(value)

    return change


def rename(kind: str, path: str, old: str, new: str) -> Change:
    """Spells a key differently, in the first object of a kind."""

    def change(objects: list[Object]) -> None:
        holder, key = _descend(_at(objects, kind), path)
        holder[key][new] = holder[key].pop(old)

    return change


_POD = "spec.template.spec"
_FIRST = f"{_POD}.containers.0"
_TRIGGER = "spec.triggers.0.metadata"
_LONG = "a" * 64

MISTAKES = (
    # What a schema of the API knows: types, fields, kinds that are gone.
    Mistake("replicas as a word", "kubernetes_schemas", put("Deployment", "spec.replicas", "two")),
    Mistake("a field misspelt", "kubernetes_schemas", rename("Deployment", _FIRST, "image", "imagee")),
    Mistake("no selector", "kubernetes_schemas", drop("Deployment", "spec.selector")),
    Mistake(
        "a variable that is a number",
        "kubernetes_schemas",
        add("Deployment", f"{_FIRST}.env", {"name": "WORKERS", "value": 4}),
    ),
    Mistake(
        "a port as a word", "kubernetes_schemas", put("Deployment", f"{_FIRST}.ports.0.containerPort", "http")
    ),
    Mistake(
        "an API that is gone",
        "kubernetes_schemas",
        put("PodDisruptionBudget", "apiVersion", "policy/v1beta1"),
    ),
    # What the schemas of custom resources know.
    Mistake("most replicas as text", "custom_resources", put("ScaledObject", "spec.maxReplicaCount", "6")),
    Mistake("an unknown field for KEDA", "custom_resources", put("ScaledObject", "spec.coolDown", 300)),
    Mistake("a trigger's number", "custom_resources", put("ScaledObject", f"{_TRIGGER}.lagThreshold", 100)),
    Mistake(
        "endpoints misspelt",
        "custom_resources",
        rename("PodMonitor", "spec", "podMetricsEndpoints", "podMetricsEndpoint"),
    ),
    Mistake("a monitor of nothing", "custom_resources", drop("PodMonitor", "spec.selector")),
    Mistake(
        "a pause in words",
        "custom_resources",
        put("PrometheusRule", "spec.groups.0.rules.0.for", "5 minutes"),
    ),
    Mistake("a topic of no partitions", "custom_resources", put("KafkaTopic", "spec.partitions", 0)),
    Mistake(
        "a right that Kafka does not have",
        "custom_resources",
        put("KafkaUser", "spec.authorization.acls.0.operations", ["Reads"]),
    ),
    # What only a server would say.
    Mistake(
        "memory in words", "quantities", put("Deployment", f"{_FIRST}.resources.limits.memory", "512 MB")
    ),
    Mistake(
        "a long port name", "port_names", put("Deployment", f"{_FIRST}.ports.0.name", "http-for-metrics")
    ),
    Mistake(
        "a selector of other pods",
        "selectors",
        put("Deployment", "spec.selector.matchLabels", {"app.kubernetes.io/name": "another"}),
    ),
    Mistake(
        "a selector that takes others' pods",
        "selectors",
        lambda objects: _at(objects, "Deployment")["spec"]["selector"]["matchLabels"].pop(
            "app.kubernetes.io/component"
        ),
    ),
    Mistake("a long label", "labels", put("Deployment", "metadata.labels.team", _LONG)),
    Mistake("a name in capitals", "names", put("ConfigMap", "metadata.name", "Stream_Config")),
    Mistake("a container twice", "duplicate_containers", again("Deployment", f"{_POD}.containers")),
    Mistake(
        "a variable twice",
        "duplicate_env",
        put("Deployment", f"{_FIRST}.env", [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]),
    ),
    Mistake("a port twice", "duplicate_ports", again("Deployment", f"{_FIRST}.ports")),
    Mistake("a volume twice", "duplicate_volumes", again("Deployment", f"{_POD}.volumes")),
    Mistake("a mount twice", "duplicate_mounts", again("Deployment", f"{_FIRST}.volumeMounts")),
    Mistake("no such volume", "volumes_exist", put("Deployment", f"{_FIRST}.volumeMounts.0.name", "nowhere")),
    Mistake("Recreate, and rolling", "strategies", put("Deployment", "spec.strategy.type", "Recreate")),
    Mistake(
        "a budget of two numbers", "disruption_budgets", put("PodDisruptionBudget", "spec.minAvailable", 1)
    ),
    Mistake("a Job restarted for ever", "jobs", put("Job", f"{_POD}.restartPolicy", "Always")),
    Mistake(
        "a limit below the request",
        "limits_cover_requests",
        put("Deployment", f"{_FIRST}.resources.limits.memory", "1Mi"),
    ),
    Mistake(
        "privileges gained and lost",
        "privileges",
        put("Deployment", f"{_FIRST}.securityContext.privileged", True),
    ),
    # What nobody says before it is too late.
    Mistake(
        "a probe of no port",
        "probe_ports",
        put("Deployment", f"{_FIRST}.livenessProbe.httpGet.port", "metrics"),
    ),
    Mistake(
        "root where root is forbidden",
        "non_root_users",
        put("Deployment", f"{_FIRST}.securityContext.runAsUser", 0),
    ),
    Mistake(
        "an open bracket", "promql", put("PrometheusRule", "spec.groups.0.rules.0.expr", "sum(rate(x[5m])")
    ),
    Mistake("lagTreshold", "keda_triggers", rename("ScaledObject", _TRIGGER, "lagThreshold", "lagTreshold")),
    # What this chart promises beyond that.
    Mistake(
        "less grace than drain",
        "grace_exceeds_drain",
        put("Deployment", f"{_POD}.terminationGracePeriodSeconds", 5),
    ),
    Mistake("a scaler's replicas", "scale_targets", lambda objects: _set_replicas_of_scaled(objects)),
    Mistake(
        "a password in a variable",
        "no_plain_secrets",
        add("Deployment", f"{_FIRST}.env", {"name": "KAFKA_PASSWORD", "value": "hunter2"}),
    ),
    Mistake(
        "a token for the API", "no_api_token", put("Deployment", f"{_POD}.automountServiceAccountToken", True)
    ),
    Mistake(
        "a hook that may do more",
        "restricted_pods",
        drop("Job", f"{_FIRST}.securityContext.capabilities"),
    ),
    Mistake(
        "the host's files",
        "restricted_pods",
        put("Pod", "spec.volumes.0", {"name": "host", "hostPath": {"path": "/"}}),
    ),
    Mistake(
        "a root to write to",
        "read_only_roots",
        put("Job", f"{_FIRST}.securityContext.readOnlyRootFilesystem", False),
    ),
    Mistake("a hook without resources", "resources_named", drop("Job", f"{_FIRST}.resources")),
    Mistake(
        "whatever is newest",
        "images",
        put("Deployment", f"{_FIRST}.image", "registry.example.com/anim:latest"),
    ),
    Mistake("scaled to nothing", "keda_bounds", put("ScaledObject", "spec.minReplicaCount", 0)),
    Mistake(
        "a policy that forgets the hooks",
        "network_policies",
        put(
            "NetworkPolicy", "spec.podSelector", {"matchLabels": {"app.kubernetes.io/component": "producer"}}
        ),
    ),
    Mistake("topics that go with the release", "topics_kept", put("KafkaTopic", "metadata.annotations", {})),
    Mistake(
        "a hook before its ConfigMap",
        "hook_order",
        lambda objects: _let_the_hook_need_the_release(objects),
    ),
    Mistake(
        "a ConfigMap that nobody makes",
        "references_exist",
        lambda objects: objects.remove(_at(objects, "ConfigMap")),
    ),
    Mistake(
        "a key that the configuration does not have",
        "own_configuration",
        lambda objects: _misspell_a_key(objects),
    ),
)


def _set_replicas_of_scaled(objects: list[Object]) -> None:
    target = _at(objects, "ScaledObject")["spec"]["scaleTargetRef"]["name"]
    for found in of_kind(objects, "Deployment"):
        if found["metadata"]["name"] == target:
            found["spec"]["replicas"] = 2


def _let_the_hook_need_the_release(objects: list[Object]) -> None:
    release = next(found for found in of_kind(objects, "ConfigMap") if not hooks_of(found))
    pod = _at(objects, "Job")["spec"]["template"]["spec"]
    pod["volumes"].append({"name": "release", "configMap": {"name": release["metadata"]["name"]}})


def _misspell_a_key(objects: list[Object]) -> None:
    found = next(found for found in of_kind(objects, "ConfigMap") if "config.yaml" in found["data"])
    found["data"]["config.yaml"] = found["data"]["config.yaml"].replace(
        "bootstrap_servers", "bootstrapServers"
    )


def _tell_the_proxy_a_password(objects: list[Object]) -> None:
    found = next(found for found in of_kind(objects, "ConfigMap") if "config.yaml" in found["data"])
    found["data"]["config.yaml"] += "\nproxied:\n  http_proxy: stream:hunter2@proxy.example.com:3128\n"
