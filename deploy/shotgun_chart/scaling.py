"""How many consumers run: by processor and memory, or by lag."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from shotgun_chart.parts import Count, Free, Labels, Part, Positive

Percentage = Annotated[int, Field(ge=1)]


class Autoscaling(Part):
    """HorizontalPodAutoscaler by processor, memory or metrics of your own."""

    enabled: bool = False
    """Whether there is one."""
    min_replicas: Positive = 1
    """Fewest replicas."""
    max_replicas: Positive = 3
    """Most replicas."""
    target_cpu: Annotated[Percentage | None, Field(alias="targetCPUUtilizationPercentage")] = 80
    """Share of the requested processor at which one more is wanted; null: not used."""
    target_memory: Annotated[Percentage | None, Field(alias="targetMemoryUtilizationPercentage")] = None
    """Share of the requested memory at which one more is wanted; null: not used."""
    metrics: list[Free] = []
    """More entries for `spec.metrics`."""
    behavior: Free = {}
    """`spec.behavior`."""


class Keda(Part):
    """KEDA's ScaledObject by the lag of groups."""

    enabled: bool = False
    """Whether there is one."""
    groups: list[str] = []
    """Names of plugins or merged groups, as after the dot in `<groupPrefix><team>.<plugin>`."""
    min_replica_count: Count = 1
    """Fewest replicas. At least one: nothing else would write the positions of a new group."""
    max_replica_count: Positive | None = None
    """Most replicas; null: partitions of the events topic times groups. More would find nothing to do."""
    lag_threshold: Positive = 100
    """Lag in events for which one more replica is wanted."""
    activation_lag_threshold: Count = 5
    """Lag from which on there is something to do. Markers of transactions count as lag, so not 0."""
    polling_interval: Positive = 30
    """Seconds between two looks at the lag."""
    cooldown_period: Count = 300
    """Seconds without lag before it scales to the fewest."""
    fallback: Free = {}
    """Replicas while KEDA cannot read the lag, as KEDA takes it."""
    behavior: Free = {}
    """`spec.advanced.horizontalPodAutoscalerConfig.behavior`."""
    extra_triggers: list[Free] = []
    """More triggers, as KEDA takes them."""
    annotations: Labels = {}
    """Annotations of the ScaledObject."""
