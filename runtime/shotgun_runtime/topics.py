"""The topics: created when missing, checked when there."""

from __future__ import annotations

import logging
import shlex
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import AdminClient, ConfigResource, NewTopic, ResourceType  # type: ignore[attr-defined]

from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.kafka import explain, is_refusal
from shotgun_runtime.shutdown import Deadline
from shotgun_runtime.topic_rules import Finding, judge

log = logging.getLogger(__name__)

_TIMEOUT = 15.0

_UNFIT = frozenset(
    {KafkaError.INVALID_REPLICATION_FACTOR, KafkaError.INVALID_PARTITIONS, KafkaError.INVALID_CONFIG}
)


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """How a topic is to be: name, number of partitions, settings by the broker's names."""

    name: str
    partitions: int
    settings: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """Which topic this is: the id differs when a topic was deleted and made again under its old name."""

    topic_id: str
    partitions: int


class TopicMissingError(KafkaRefusedError):
    """There is no topic of this name."""


def ensure_topics(
    client: AdminClient, specs: Sequence[TopicSpec], replication_factor: int | None = None
) -> None:
    """Create the topics that are missing and check the others.

    A setting that differs without harm is warned of. Raises KafkaRefusedError for settings that would break a promise,
    with the command that mends them, and when Kafka does not let this user create topics, with the command that
    creates them. Raises StreamError when Kafka does not answer. ``replication_factor`` None is the broker's default.
    """
    deadline = Deadline.after(2 * _TIMEOUT)
    there = _existing(client)
    missing = [spec for spec in specs if spec.name not in there]
    if missing:
        _create(client, missing, replication_factor)
        _await_leaders(client, missing, deadline)
    created = {spec.name for spec in missing}
    _check(client, [spec for spec in specs if spec.name not in created], _existing(client))


def topic_identity(client: AdminClient, name: str, *, timeout: float = _TIMEOUT) -> TopicIdentity:
    """Return the topic's id and number of partitions, asked for within about so many seconds.

    Raises TopicMissingError when it is not there, KafkaRefusedError when this user may not ask, StreamError when Kafka
    does not answer.
    """
    future = client.describe_topics(TopicCollection([name]), request_timeout=timeout)[name]
    try:
        description = future.result(timeout=2 * timeout)
    except KafkaException as error:
        raise _failure(f"topic {name}", error.args[0]) from None
    return TopicIdentity(str(description.topic_id), len(description.partitions))


def creation_command(spec: TopicSpec, replication_factor: int | None) -> str:
    """Return the shell command that creates a topic."""
    words = ["kafka-topics.sh", "--bootstrap-server", "HOST:PORT", "--create", "--topic", spec.name]
    words += ["--partitions", str(spec.partitions)]
    if replication_factor:
        words += ["--replication-factor", str(replication_factor)]
    for name, value in spec.settings.items():
        words += ["--config", f"{name}={value}"]
    return shlex.join(words)


def _existing(client: AdminClient) -> dict[str, int]:
    try:
        metadata = client.list_topics(timeout=_TIMEOUT)
    except KafkaException as error:
        raise _failure("the list of topics", error.args[0]) from None
    return {name: len(topic.partitions) for name, topic in metadata.topics.items() if topic.error is None}


def _create(client: AdminClient, specs: Sequence[TopicSpec], replication_factor: int | None) -> None:
    wanted = [
        NewTopic(
            spec.name,
            num_partitions=spec.partitions,
            replication_factor=replication_factor or -1,
            config=dict(spec.settings),
        )
        for spec in specs
    ]
    futures = client.create_topics(wanted, request_timeout=_TIMEOUT)
    refused = [reason for spec in specs if (reason := _creation_refusal(spec, futures[spec.name]))]
    if refused:
        commands = "\n".join(f"  {creation_command(spec, replication_factor)}" for spec in specs)
        raise KafkaRefusedError(
            f"Kafka refuses to create topics ({'; '.join(refused)}). Create them once with these commands, run by "
            f"somebody who may, then start again:\n{commands}"
        )


def _creation_refusal(spec: TopicSpec, created: Future[None]) -> str | None:
    try:
        created.result(timeout=2 * _TIMEOUT)
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if cause.code() == KafkaError.TOPIC_ALREADY_EXISTS:
            return None  # another process was faster
        if cause.code() in _UNFIT:
            raise KafkaRefusedError(
                f"topic {spec.name} cannot be created: {cause.str()}; check stream.partitions and "
                "stream.replication_factor"
            ) from None
        if not is_refusal(cause) and cause.code() != KafkaError.POLICY_VIOLATION:
            raise _failure(f"topic {spec.name} cannot be created", cause) from None
        return f"{spec.name}: {cause.str()}"
    log.info("Created topic %s with %d partition(s)", spec.name, spec.partitions)
    return None


def _await_leaders(client: AdminClient, specs: Iterable[TopicSpec], deadline: Deadline) -> None:
    waiting = {spec.name: spec.partitions for spec in specs}
    while waiting:
        if deadline.expired:
            raise StreamError(
                f"topics {', '.join(sorted(waiting))} were created but have no leader yet; start again"
            )
        for name in list(waiting):
            try:
                topic = client.list_topics(name, timeout=max(0.1, min(5.0, deadline.remaining()))).topics.get(
                    name
                )
            except KafkaException as error:
                log.debug("topic %s: %s", name, explain(error.args[0]))
                continue
            leaders = (
                [p for p in topic.partitions.values() if p.leader >= 0] if topic and not topic.error else []
            )
            if leaders:
                del waiting[name]


def _check(client: AdminClient, specs: Sequence[TopicSpec], partitions: Mapping[str, int]) -> None:
    if not specs:
        return
    resources = {spec.name: ConfigResource(ResourceType.TOPIC, spec.name) for spec in specs}
    futures = client.describe_configs(list(resources.values()), request_timeout=_TIMEOUT)
    refusals: list[str] = []
    for spec in specs:
        try:
            entries: Mapping[str, Any] = futures[resources[spec.name]].result(timeout=2 * _TIMEOUT)
        except KafkaException as error:
            log.warning("Topic %s: its settings cannot be checked: %s", spec.name, explain(error.args[0]))
            entries = {}
        found = {name: str(entry.value) for name, entry in entries.items() if entry.value is not None}
        for finding in judge(
            spec.settings, spec.partitions, found, partitions.get(spec.name, spec.partitions)
        ):
            text = f"topic {spec.name}: {finding.reason}"
            if finding.breaks:
                refusals.append(f"{text}. {_mend(spec, finding)}")
            else:
                log.warning("%s", text[0].upper() + text[1:])
    if refusals:
        raise KafkaRefusedError("\n".join(refusals))


def _mend(spec: TopicSpec, finding: Finding) -> str:
    if finding.setting is None:
        return "Use another topic name in the configuration, or delete this topic if nothing else uses it"
    change = f"{finding.setting}={finding.wanted}"
    words = ["kafka-configs.sh", "--bootstrap-server", "HOST:PORT", "--alter", "--topic", spec.name]
    return f"Mend it with: {shlex.join([*words, '--add-config', change])}"


def _failure(what: str, error: KafkaError) -> StreamError:
    message = f"{what}: {explain(error)}"
    if error.code() in (KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC):
        return TopicMissingError(message)
    return KafkaRefusedError(message) if is_refusal(error) else StreamError(message)
