"""What Kafka lets this user do, asked in ways that change nothing and need no right of their own."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterable
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from enum import Enum
from typing import Literal

from confluent_kafka import KafkaError, KafkaException, TopicCollection
from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    TopicDescription,
)

from shotgun_runtime.errors import StreamError
from shotgun_runtime.kafka import explain, is_refusal
from shotgun_runtime.kafka_rights import Acl
from shotgun_runtime.shutdown import Deadline
from shotgun_runtime.topics import TopicSpec

_CALL_SECONDS = 15.0
_COORDINATOR_SECONDS = 5.0
_AUTHORIZER = "authorizer.class.name"
_PASSING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)
_MISSING = frozenset({KafkaError.UNKNOWN_TOPIC_OR_PART, KafkaError._UNKNOWN_TOPIC})


@dataclass(frozen=True, slots=True)
class TopicLook:
    """A topic as this user sees it. `hidden`: it may not even know whether it is there."""

    state: Literal["there", "missing", "hidden"]
    partitions: int = 0
    operations: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class AclLook:
    """The rules about a thing. `unchecked`: the brokers have no authorizer; `hidden`: this user may not see rules."""

    state: Literal["seen", "hidden", "unchecked"]
    acls: tuple[Acl, ...] = ()


def look_at_topics(client: AdminClient, names: Iterable[str]) -> dict[str, TopicLook]:
    """Each of the topics. Raises StreamError when Kafka does not answer."""
    futures = {
        name: client.describe_topics(
            TopicCollection([name]), include_authorized_operations=True, request_timeout=_CALL_SECONDS
        )[name]
        for name in names
    }
    return {name: _topic(name, future) for name, future in futures.items()}


def _topic(name: str, future: Future[TopicDescription]) -> TopicLook:
    try:
        topic = future.result(2 * _CALL_SECONDS)
    except FutureTimeoutError:
        raise StreamError(f"topic {name}: no answer in time") from None
    except KafkaException as error:
        cause: KafkaError = error.args[0]
        if cause.code() in _MISSING:
            return TopicLook("missing")
        if is_refusal(cause):
            return TopicLook("hidden")
        raise StreamError(f"topic {name}: {explain(cause)}") from None
    return TopicLook("there", len(topic.partitions), _names(topic.authorized_operations))


def look_at_group(client: AdminClient, group: str) -> frozenset[str] | None:
    """The operations that this user may do on a consumer group, be it there or not; None when Kafka does not tell."""
    deadline = Deadline.after(_COORDINATOR_SECONDS)
    while True:
        future = client.describe_consumer_groups(
            [group], include_authorized_operations=True, request_timeout=_CALL_SECONDS
        )[group]
        try:
            return _names(future.result(2 * _CALL_SECONDS).authorized_operations)
        except FutureTimeoutError:
            return None
        except KafkaException as error:
            if error.args[0].code() == KafkaError.GROUP_AUTHORIZATION_FAILED:
                return frozenset()
            if error.args[0].code() not in _PASSING or deadline.expired:
                return None
        time.sleep(0.1)


def look_at_acls(client: AdminClient, transactional_id: str) -> AclLook:
    """The rules about a transactional id, which unlike topics and groups cannot be described."""
    wanted = AclBindingFilter(
        ResourceType.TRANSACTIONAL_ID,
        transactional_id,
        ResourcePatternType.MATCH,
        None,  # type: ignore[arg-type]  # any principal
        None,  # type: ignore[arg-type]  # any host
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    try:
        bindings = client.describe_acls(wanted, request_timeout=_CALL_SECONDS).result(2 * _CALL_SECONDS)
    except (KafkaException, FutureTimeoutError):
        return AclLook("hidden")
    if bindings:
        return AclLook("seen", tuple(_acl(binding) for binding in bindings))
    # The client tells a refusal, and brokers without an authorizer, as "no rules" as well.
    if _has_no_authorizer(client):
        return AclLook("unchecked")
    return AclLook("seen" if "Describe" in _on_the_cluster(client) else "hidden")


def _has_no_authorizer(client: AdminClient) -> bool:
    """Whether a broker says that it checks nothing; False as well when it does not say."""
    try:
        number = min(client.list_topics(timeout=_CALL_SECONDS).brokers)
        resource = ConfigResource(ResourceType.BROKER, str(number))
        entries = client.describe_configs([resource], request_timeout=_CALL_SECONDS)[resource].result(
            2 * _CALL_SECONDS
        )
    except (KafkaException, FutureTimeoutError, ValueError):
        return False
    entry = entries.get(_AUTHORIZER)
    return entry is not None and not entry.value


def _on_the_cluster(client: AdminClient) -> frozenset[str]:
    try:
        future = client.describe_cluster(include_authorized_operations=True, request_timeout=_CALL_SECONDS)
        return _names(future.result(2 * _CALL_SECONDS).authorized_operations)
    except (KafkaException, FutureTimeoutError):
        return frozenset()


def is_open_to_all(client: AdminClient) -> bool:
    """Whether this user may use a thing that no rule names: a super user may, or anybody where that is the default."""
    return "Read" in (look_at_group(client, f"shotgun-doctor.{uuid.uuid4().hex}") or ())


def creation_refusal(client: AdminClient, spec: TopicSpec, replication_factor: int | None) -> str | None:
    """Why this user could not create the topic, None when it could. Creates nothing."""
    topic = NewTopic(
        spec.name,
        num_partitions=spec.partitions,
        replication_factor=replication_factor or -1,
        config=dict(spec.settings),
    )
    futures = client.create_topics([topic], validate_only=True, request_timeout=_CALL_SECONDS)
    try:
        futures[spec.name].result(2 * _CALL_SECONDS)
    except KafkaException as error:
        return explain(error.args[0])
    except FutureTimeoutError:
        return "no answer in time"
    return None


def _names(operations: Iterable[Enum] | None) -> frozenset[str]:
    return frozenset(_spelled(operation) for operation in operations or ())


def _spelled(operation: Enum) -> str:
    return "".join(word.title() for word in operation.name.split("_"))


def _acl(binding: AclBinding) -> Acl:
    allows = binding.permission_type == AclPermissionType.ALLOW
    return Acl(binding.principal, _spelled(AclOperation(binding.operation)), "allow" if allows else "deny")
