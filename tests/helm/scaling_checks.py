"""Checks of KEDA's triggers, whose keys neither the API server nor any schema knows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from manifests import Objects, duplicates, of_kind, title

# What KEDA's scaler "apache kafka" reads; it takes no notice of any other key.
_KAFKA_KEYS = frozenset(
    {
        "bootstrapServers",
        "bootstrapServersFromEnv",
        "consumerGroup",
        "consumerGroupFromEnv",
        "topic",
        "topicFromEnv",
        "lagThreshold",
        "activationLagThreshold",
        "offsetResetPolicy",
        "allowIdleConsumers",
        "scaleToZeroOnInvalidOffset",
        "version",
        "partitionLimitation",
        "excludePersistentLag",
        "limitToPartitionsWithLag",
        "ensureEvenDistributionOfPartitions",
        "sasl",
        "tls",
        "unsafeSsl",
        "saslTokenProvider",
        "awsRegion",
    }
)
_KAFKA_NEEDS = ("bootstrapServers", "consumerGroup", "topic", "lagThreshold", "activationLagThreshold")


def keda_triggers(objects: Objects) -> Iterator[str]:
    """Kafka triggers use KEDA's keys, rightly spelt, and set what KEDA would take otherwise than the bridge does."""
    for found in of_kind(objects, "ScaledObject"):
        triggers = [
            trigger
            for trigger in (found.get("spec") or {}).get("triggers") or []
            if trigger.get("type") == "kafka"
        ]
        for trigger in triggers:
            for problem in _wrong_in(trigger.get("metadata") or {}):
                yield f"{title(found)}: {problem}"
        groups = [(trigger.get("metadata") or {}).get("consumerGroup") for trigger in triggers]
        for group in duplicates(groups):
            yield f"{title(found)}: two triggers watch the group {group}"


def _wrong_in(metadata: Mapping[str, Any]) -> Iterator[str]:
    for key in sorted(set(metadata) - _KAFKA_KEYS):
        yield f"the kafka trigger knows no {key}"
    for key in _KAFKA_NEEDS:
        if key not in metadata:
            yield f"the kafka trigger needs {key}"
    # A group without offsets starts where its own `start` says; taken for "latest" its lag would never be seen.
    if metadata.get("offsetResetPolicy") != "earliest":
        yield "offsetResetPolicy must be earliest"
    for key in ("lagThreshold", "activationLagThreshold"):
        if key in metadata and not str(metadata[key]).isdigit():
            yield f"{key} must be a number, not {metadata[key]!r}"
    # KEDA looks the name up in its own namespace.
    for server in str(metadata.get("bootstrapServers", "")).split(","):
        host = server.strip().rpartition(":")[0]
        if server.strip() and "." not in host:
            yield f"bootstrapServers {server.strip()}: needs a full name and a port, such as kafka.streams.svc:9092"


def keda_bounds(objects: Objects) -> Iterator[str]:
    """At least one consumer always runs, and no more than could find work."""
    for found in of_kind(objects, "ScaledObject"):
        spec = found.get("spec") or {}
        least, most = spec.get("minReplicaCount", 0), spec.get("maxReplicaCount", 100)
        if least == 0 or spec.get("idleReplicaCount") == 0:
            yield f"{title(found)}: scales to nothing; minReplicaCount must be 1 or more"
        if isinstance(least, int) and isinstance(most, int) and least > most:
            yield f"{title(found)}: minReplicaCount {least} is more than maxReplicaCount {most}"
