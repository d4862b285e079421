"""Sets the position of a group that has no members: the decision that a holding group waits for."""

from __future__ import annotations

import getpass
import socket
from contextlib import suppress
from typing import Any

from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient

from shotgun_runtime.control import ControlTopic, ControlWriter
from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError, StreamError
from shotgun_runtime.kafka import BrokerWatch, admin, explain, require_broker
from shotgun_runtime.settings import Settings
from shotgun_runtime.start import Start
from shotgun_runtime.stream_topics import control_topic
from shotgun_runtime.topics import ensure_topics, topic_identity
from shotgun_schemas import control

from .placement import Witness
from .positions import REQUEST_SECONDS, bounds, committed_offsets, resolve_start


def rewind(settings: Settings, group: str, to: Start) -> dict[int, int]:
    """Let the group go on at `to`, in every partition; returns the new offsets.

    Raises ConfigurationError for a group that nobody knows, KafkaRefusedError while it has members or when Kafka
    refuses, and StreamError when Kafka does not answer.
    """
    client = admin(settings)
    require_broker(client, settings.kafka.bootstrap_servers)
    try:
        return _rewind(settings, client, group, to)
    except KafkaException as error:
        raise StreamError(f"group {group!r} was not moved: {explain(error.args[0])}") from None


def _rewind(settings: Settings, client: AdminClient, group: str, to: Start) -> dict[int, int]:
    topic = settings.stream.topic
    watch = BrokerWatch(settings.kafka.bootstrap_servers)
    identity = topic_identity(client, topic)
    partitions = range(identity.partitions)
    ensure_topics(
        client,
        [control_topic(settings.stream)],
        settings.stream.replication_factor,
    )
    _require_known(settings, group, partitions, watch)
    _require_empty(client, group)
    offsets = resolve_start(settings, watch, to, bounds(client, topic, partitions))
    _alter(client, group, topic, offsets)
    witness = Witness(identity.topic_id, identity.partitions)
    writer = ControlWriter(settings, watch=watch)
    try:
        writer.put(
            control.group_key(group),
            by=f"{_user()} on {socket.gethostname()}",
            reason=f"rewind to {to}",
            topic_id=witness.topic_id,
            partitions=witness.partitions,
            event_id=to.event_id,
            event_at=None,
        )
    finally:
        writer.close()
    return offsets


def _require_known(settings: Settings, group: str, partitions: range, watch: BrokerWatch) -> None:
    # Asked in any case: it also waits until the group's coordinator has loaded, before which the admin client's
    # requests about groups are not safe.
    committed = committed_offsets(settings, group, settings.stream.topic, partitions, watch)
    known = ControlTopic(settings, watch=watch)
    try:
        known.read_to_end(REQUEST_SECONDS)
        witness = known.get(control.group_key(group))
        others = sorted(
            key.removeprefix(control.GROUP_PREFIX) for key, _ in known.items(control.GROUP_PREFIX)
        )
    finally:
        known.close()
    if witness is not None or any(offset is not None for offset in committed.values()):
        return
    raise ConfigurationError(
        f"no group {group!r} is known in {settings.stream.topic}; the known ones are {', '.join(others) or 'none'}"
    )


def _require_empty(client: AdminClient, group: str) -> None:
    future = client.describe_consumer_groups([group], request_timeout=REQUEST_SECONDS)[group]
    try:
        description: Any = future.result(timeout=2 * REQUEST_SECONDS)
    except KafkaException:
        # A group that Kafka has forgotten has no members; what else is wrong shows when its offsets are set.
        return
    members = description.members
    if members:
        hosts = sorted({str(member.host).lstrip("/") for member in members})
        raise KafkaRefusedError(
            f"group {group!r} has {len(members)} active member(s), on {', '.join(hosts)}; Kafka moves only a group "
            "without members. Stop its consumers, then run this again"
        )


def _alter(client: AdminClient, group: str, topic: str, offsets: dict[int, int]) -> None:
    pairs = [TopicPartition(topic, partition, offset) for partition, offset in offsets.items()]
    request = ConsumerGroupTopicPartitions(group, pairs)
    future = client.alter_consumer_group_offsets([request], request_timeout=REQUEST_SECONDS)[group]
    try:
        answer = future.result(timeout=2 * REQUEST_SECONDS)
    except KafkaException as error:
        raise KafkaRefusedError(f"Kafka does not move group {group!r}: {explain(error.args[0])}") from None
    refused = [pair for pair in answer.topic_partitions or [] if pair.error is not None]
    if refused:
        reasons = "; ".join(
            f"{topic}[{pair.partition}]: {explain(pair.error)}" for pair in refused if pair.error
        )
        raise KafkaRefusedError(f"Kafka does not move group {group!r}: {reasons}")


def _user() -> str:
    with suppress(KeyError, OSError):
        return getpass.getuser()
    return "somebody"
