"""Whether Kafka lets this user do what the producer needs."""

from __future__ import annotations

from collections.abc import Collection

from confluent_kafka.admin import AdminClient

from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.kafka_rights import Right, grant_command
from shotgun_runtime.kafka_rights_look import look_at_group, look_at_topics
from shotgun_runtime.settings import Settings

from .rights import group_rights, principal_of, topic_rights


def require_rights(client: AdminClient, settings: Settings) -> None:
    """Raises KafkaRefusedError that names what this user lacks on the stream's topics and groups.

    Only what Kafka says for certain counts: a topic that is missing, or an answer that does not come, is no reason.
    """
    topics, groups = topic_rights(settings), group_rights(settings)
    try:
        looks = look_at_topics(client, [right.name for right in topics])
    except StreamError:
        return
    granted = {
        right: looks[right.name].operations for right in topics if looks[right.name].state != "missing"
    }
    for right in groups:
        operations = look_at_group(client, right.name)
        if operations is not None:
            granted[right] = operations
    lacks = {right: right.lacking(operations) for right, operations in granted.items()}
    lines = [_line(right, operations, settings) for right, operations in lacks.items() if operations]
    if lines:
        raise KafkaRefusedError(
            "Kafka does not let this user do what the producer needs\n" + "\n".join(lines)
        )


def _line(right: Right, operations: Collection[str], settings: Settings) -> str:
    command = grant_command(right, operations, principal_of(settings.kafka))
    return f"  {' and '.join(operations)} on the {right}; grant it with: {command}"
