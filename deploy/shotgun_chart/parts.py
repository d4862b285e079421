"""What the chart's values are made of: the base of their models, types of single values, and laying over."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema
from pydantic.alias_generators import to_camel

LAID_OVER = "laidOver"
"""The keyword by which `schema.py` finds values that are laid over others."""


class Part(BaseModel):
    """Base of all parts of the values: no other keys than these, written the way Kubernetes writes its own."""

    model_config = ConfigDict(
        extra="forbid",
        frozen=True,
        alias_generator=to_camel,
        populate_by_name=True,
        use_attribute_docstrings=True,
        validate_default=True,
    )


def laid_over(name: str) -> WithJsonSchema:
    """A mapping that is laid over another one of the model `name`: any of its keys, each of which null takes away."""
    return WithJsonSchema({LAID_OVER: name})


Free = dict[str, Any]
"""A mapping that Kubernetes or another program reads, and the chart hands on as it is."""

Labels = dict[str, str]
Config = Annotated[Free, laid_over("Config")]
OverCredentials = Annotated[Free, laid_over("Credentials")]
OverAffinity = Annotated[Free, laid_over("Affinity")]
OverResources = Annotated[Free, laid_over("Resources")]
OverImage = Annotated[Free, laid_over("Image")]
PullPolicy = Literal["Always", "IfNotPresent", "Never"]
ObjectName = Annotated[str, Field(pattern=r"^([a-z0-9]([-a-z0-9]*[a-z0-9])?)?$")]
"""A part of the names of objects: lower-case letters, digits and dashes."""
Digest = Annotated[str, Field(pattern=r"^(sha256:[0-9a-f]{64})?$")]
NodePort = Annotated[int, Field(ge=1, le=65535)]
Count = Annotated[int, Field(ge=0)]
Positive = Annotated[int, Field(ge=1)]
Span = Annotated[str, Field(pattern=r"^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$")]
"""A duration as Prometheus and Go write it: `15s`, `1m30s`."""
Quantity = str | int | float
"""An amount such as `500m` or `256Mi`."""
CountOrShare = Annotated[
    int | str,
    WithJsonSchema({"type": ["integer", "string"], "minimum": 0, "pattern": r"^(100|[0-9]{1,2})%$"}),
]
"""So many, or `25%` of all."""


class Image(Part):
    """Where an image comes from."""

    repository: str = "shotgun-stream"
    """With its registry, such as `registry.studio.lan/shotgun-stream`."""
    tag: str = ""
    """Empty: the chart's appVersion."""
    digest: Digest = ""
    """`sha256:...`; goes before the tag, and pins the image for good."""
    pull_policy: PullPolicy = "IfNotPresent"
    """When the node asks the registry: `Always`, `IfNotPresent` or `Never`."""


class Resources(Part):
    """What a container asks for, and what it may take."""

    requests: dict[str, Quantity] = {}
    """What the node keeps free for it."""
    limits: dict[str, Quantity] = {}
    """What it may take at most."""
    claims: list[Free] = []
    """Claims of devices, as Kubernetes takes them."""


def resources(cpu: str, memory: str, limit: str) -> Free:
    """Requests for processor and memory, and a limit of memory."""
    return {"requests": {"cpu": cpu, "memory": memory}, "limits": {"memory": limit}}


class RollingUpdate(Part):
    """How far the number of pods may go up and down while they are replaced."""

    max_surge: CountOrShare | None = None
    """So many more, or such a share such as `25%`."""
    max_unavailable: CountOrShare | None = None
    """So many fewer, or such a share such as `25%`."""


class Strategy(Part):
    """How a Deployment replaces its pods."""

    type: Literal["RollingUpdate", "Recreate"] = "RollingUpdate"
    """`RollingUpdate` or `Recreate`."""
    rolling_update: Annotated[Free | None, laid_over("RollingUpdate")] = {"maxSurge": 1, "maxUnavailable": 0}
    """How many more, and how many fewer, there may be meanwhile; null with `Recreate`."""


class DisruptionBudget(Part):
    """How many pods a drain of nodes may take at once."""

    enabled: bool = True
    """Whether there is one."""
    max_unavailable: CountOrShare = 1
    """At most so many, or such a share such as `50%`, are taken at once. With 0 no node could ever be drained."""


class EnvironmentVariable(Part):
    """One variable, as Kubernetes takes it."""

    name: Annotated[str, Field(min_length=1)]
    """Its name."""
    value: str | None = None
    """Its value, as text: numbers want quotes."""
    value_from: Free | None = None
    """Where its value comes from, such as `secretKeyRef`."""


class HostAlias(Part):
    """Names that are looked up in the pod itself."""

    ip: str
    """The address."""
    hostnames: list[str]
    """Its names."""


class Toleration(Part):
    """A taint of nodes that does not keep the pods away."""

    key: str | None = None
    """Name of the taint."""
    operator: Literal["Exists", "Equal", "Lt", "Gt"] | None = None
    """How `value` is compared."""
    value: str | None = None
    """Value of the taint."""
    effect: Literal["NoSchedule", "PreferNoSchedule", "NoExecute"] | None = None
    """What the taint would do."""
    toleration_seconds: int | None = None
    """How long a pod stays where the taint appears."""


class Affinity(Part):
    """Which nodes, and which neighbours, are looked for."""

    node_affinity: Free | None = None
    """As Kubernetes takes it."""
    pod_affinity: Free | None = None
    """As Kubernetes takes it."""
    pod_anti_affinity: Free | None = None
    """As Kubernetes takes it."""
