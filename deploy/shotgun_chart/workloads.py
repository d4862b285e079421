"""The producer, the teams and their workers: what runs."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shotgun_chart.parts import (
    Config,
    DisruptionBudget,
    EnvironmentVariable,
    Free,
    HostAlias,
    Labels,
    OverAffinity,
    OverCredentials,
    OverImage,
    OverResources,
    Part,
    Strategy,
    Toleration,
    laid_over,
    resources,
)
from shotgun_chart.plugins import Plugins
from shotgun_chart.scaling import Autoscaling, Keda


class Workload(Part):
    """What the producer's and a consumer's Deployment have in common."""

    image: OverImage = {}
    """Another image; keys that are not named are those of `image`."""
    config: Config = {}
    """Laid over `config`."""
    credentials: OverCredentials = {}
    """Laid over `credentials`."""
    resources: OverResources
    """What the service's container asks for, and what it may take."""
    strategy: Strategy = Strategy()
    """How pods are replaced. The new one comes up before an old one goes."""
    pod_disruption_budget: DisruptionBudget = DisruptionBudget()
    """How many pods a drain of nodes may take at once."""
    termination_grace_period_seconds: Annotated[int, Field(ge=1)] | None = None
    """Seconds from SIGTERM to SIGKILL; null: computed from `config.shutdown_timeout`, with a margin."""
    revision_history_limit: Annotated[int, Field(ge=0)] = 5
    """Old ReplicaSets that are kept."""
    startup_probe: Free = {}
    """Laid over the chart's own probe, key by key."""
    liveness_probe: Free = {}
    """Laid over the chart's own probe, key by key."""
    readiness_probe: Free = {}
    """Laid over the chart's own probe, key by key."""
    pod_labels: Labels = {}
    """More labels for the pods."""
    pod_annotations: Labels = {}
    """More annotations for the pods."""
    node_selector: Labels = {}
    """Labels that a node must have."""
    tolerations: list[Toleration] = []
    """Taints of nodes that do not keep the pods away."""
    affinity: OverAffinity = {}
    """Which nodes, and which neighbours, are looked for."""
    topology_spread_constraints: list[Free] | None = None
    """null: spread over hosts, where that is possible. `[]`: nothing."""
    priority_class_name: str = ""
    """Name of a PriorityClass."""
    service_account_name: str = ""
    """Empty: that of `serviceAccount`."""
    host_aliases: list[HostAlias] = []
    """Names that are looked up in the pod itself."""
    extra_env: list[EnvironmentVariable] = []
    """More variables. Merged with the chart's own by name; where both say something, yours counts."""
    extra_env_from: list[Free] = []
    """ConfigMaps and Secrets whose keys become variables."""
    extra_volumes: list[Free] = []
    """More volumes, merged by name."""
    extra_volume_mounts: list[Free] = []
    """More mounts, merged by path."""
    init_containers: list[Free] = []
    """More containers that run first, merged by name."""
    sidecars: list[Free] = []
    """More containers beside the service, merged by name."""


class Producer(Workload):
    """The producer's Deployment: one publishes, the others stand by."""

    enabled: bool = True
    """false: a release for teams alone, beside one that has the producer."""
    replicas: Annotated[int, Field(ge=0)] | None = 2
    """One publishes, the others stand by. null: left out, for something else that scales."""
    resources: OverResources = resources("100m", "192Mi", "512Mi")
    """What the service's container asks for, and what it may take."""


class Consumer(Workload):
    """What a team's Deployment and that of each of its workers have in common."""

    replicas: Annotated[int, Field(ge=0)] | None = 1
    """null: left out, for something else that scales. Not used with `autoscaling` and `keda`."""
    share_process_namespace: bool = False
    """true where plugins start programs that outlive them: something else than the service then waits for their end."""
    resources: OverResources = resources("100m", "256Mi", "1Gi")
    """What the service's container asks for, and what it may take."""
    autoscaling: Autoscaling = Autoscaling()
    """HorizontalPodAutoscaler by processor, memory or metrics of your own."""
    keda: Keda = Keda()
    """KEDA's ScaledObject by the lag of the groups that are listed, and of no others."""


class Worker(Consumer):
    """One of several Deployments of a team. What it does not say is the team's."""

    only: Annotated[list[str], Field(min_length=1)]
    """Names or patterns of the plugins that it runs. `*` stands for any text."""


class Team(Consumer):
    """A team's consumers."""

    team: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]*$")] = ""
    """The name that the consumer groups carry; empty: the key in `teams`. Positions hang on it."""
    group_prefix: Annotated[str, Field(pattern=r"^[a-zA-Z0-9._-]*$")] | None = None
    """null: `kafka.groupPrefix`."""
    plugins: Plugins = Plugins()
    """Where the plugins come from. Several ways may be used at once; folders are searched in this order."""
    workers: dict[str, Annotated[Free, laid_over("Worker")]] = {}
    """Several Deployments: `{<worker>: {only: [..], ..}}`. Each may override every key but `team`, `groupPrefix`,
    `plugins` and `workers`. Plugins that no worker names are not run."""
