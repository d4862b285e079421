"""What a doctor looks at in Kafka and on the site, the same for every service. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient, ConfigResource, ResourceType  # type: ignore[attr-defined]

from shotgun_runtime.doctor_checks import (
    Check,
    NeededTopic,
    judge_broker,
    judge_right,
    judge_topic,
    missing_topic,
    unknown_settings,
)
from shotgun_runtime.errors import StreamError
from shotgun_runtime.kafka import explain
from shotgun_runtime.kafka_rights import Right
from shotgun_runtime.kafka_rights_look import creation_refusal, look_at_topics
from shotgun_runtime.topics import TopicSpec

_CALL_SECONDS = 15.0


def brokers(client: AdminClient, principal: str | None, numbers: Iterable[int]) -> list[Check]:
    """The checks of these brokers; what is the same on several stands there once."""
    found: dict[Check, None] = {}
    right = Right("cluster", "", ("DescribeConfigs",))
    for number in numbers:
        resource = ConfigResource(ResourceType.BROKER, str(number))
        known = _settings_of(client, resource, f"broker {number}", right, principal)
        checks = [known] if isinstance(known, Check) else judge_broker(known)
        found.update(dict.fromkeys(checks))
    return list(found)


def topics(
    client: AdminClient,
    needed: Sequence[NeededTopic],
    replication_factor: int | None,
    principal: str | None,
) -> list[Check]:
    """Of each topic: is it there, are its settings well, and may this user use it."""
    try:
        looks = look_at_topics(client, [one.spec.name for one in needed])
    except StreamError as error:
        return [Check("topics", "problem", str(error))]
    checks: list[Check] = []
    for one in needed:
        spec, look = one.spec, looks[one.spec.name]
        if look.state == "missing":
            refusal = creation_refusal(client, spec, replication_factor) if one.is_made_here else None
            checks.append(missing_topic(spec, replication_factor, refusal, one.maker))
            continue
        if look.state == "there":
            checks += _topic(client, spec, look.partitions, principal)
        checks.append(judge_right(one.right, look.operations, principal))
    return checks


def _topic(client: AdminClient, spec: TopicSpec, partitions: int, principal: str | None) -> list[Check]:
    right = Right("topic", spec.name, ("DescribeConfigs",))
    resource = ConfigResource(ResourceType.TOPIC, spec.name)
    found = _settings_of(client, resource, f"topic {spec.name}", right, principal)
    return [found] if isinstance(found, Check) else judge_topic(spec, partitions, found)


def _settings_of(
    client: AdminClient, resource: ConfigResource, subject: str, right: Right, principal: str | None
) -> Mapping[str, str] | Check:
    """The settings by the broker's names, or the check that says why they cannot be read."""
    future = client.describe_configs([resource], request_timeout=_CALL_SECONDS)[resource]
    try:
        entries: Mapping[str, Any] = future.result(2 * _CALL_SECONDS)
    except KafkaException as error:
        return unknown_settings(subject, explain(error.args[0]), right, principal)
    return {name: str(entry.value) for name, entry in entries.items() if entry.value is not None}


def as_text(checks: Iterable[Check]) -> str:
    """The checks for people."""
    lines = []
    for check in checks:
        lines.append(f"{check.state:<8} {check.subject}: {check.found}")
        if check.advice:
            lines.append(f"{'':<8} -> {check.advice}")
    return "\n".join(lines)
