"""What Kafka keeps of groups: positions with their marks, and members. For commands: nothing is joined."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from typing import Any

from confluent_kafka import (
    Consumer,
    ConsumerGroupState,
    ConsumerGroupTopicPartitions,
    KafkaError,
    KafkaException,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient

from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.kafka import BrokerWatch, consumer_config, explain, is_refusal, new_consumer
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Deadline

from .marks import NO_MARKS, decode_marks, encode_marks
from .position import Position

REQUEST_SECONDS = 15.0
_AT_ONCE = 8
_PASSING = frozenset(
    {
        KafkaError.NOT_COORDINATOR,
        KafkaError.COORDINATOR_NOT_AVAILABLE,
        KafkaError.COORDINATOR_LOAD_IN_PROGRESS,
    }
)


@dataclass(frozen=True, slots=True)
class Member:
    """One process that takes part in a group. `host`: the address from which it is connected."""

    client: str
    host: str


def read_positions(
    settings: Settings, groups: Collection[str], partitions: Iterable[int], watch: BrokerWatch
) -> dict[str, dict[int, Position]]:
    """The positions of each group in the event topic; partitions without one are left out.

    Raises StreamError when Kafka does not answer, KafkaRefusedError when it refuses.
    """
    numbers = list(partitions)
    with ThreadPoolExecutor(_AT_ONCE, "positions") as pool:
        found = pool.map(lambda group: _positions(settings, group, numbers, watch), groups)
        return dict(zip(groups, found, strict=True))


def _positions(
    settings: Settings, group: str, partitions: list[int], watch: BrokerWatch
) -> dict[int, Position]:
    # Not with AdminClient.list_consumer_group_offsets: while the group's coordinator is loading, that brings the whole
    # process down with a segmentation fault (confluent-kafka 2.16.1).
    asker = new_consumer(consumer_config(settings, group_id=group, watch=watch))
    deadline = Deadline.after(REQUEST_SECONDS)
    asked = [TopicPartition(settings.stream.topic, partition) for partition in partitions]
    try:
        while True:
            answers, error = _ask(asker, asked, deadline)
            if error is None:
                return {one.partition: _position(one) for one in answers if one.offset >= 0}
            if error.code() not in _PASSING or deadline.expired:
                raise _failure(f"the position of group {group!r} cannot be read", error)
            time.sleep(0.1)
    finally:
        asker.close()


def _ask(
    asker: Consumer, asked: list[TopicPartition], deadline: Deadline
) -> tuple[list[TopicPartition], KafkaError | None]:
    try:
        answers = asker.committed(asked, timeout=max(1.0, deadline.remaining()))
    except KafkaException as error:
        return [], error.args[0]
    return answers, next((one.error for one in answers if one.error is not None), None)


def _position(answer: TopicPartition) -> Position:
    return Position(answer.offset, decode_marks(answer.offset, answer.metadata) or NO_MARKS)


def write_positions(client: AdminClient, group: str, topic: str, positions: Mapping[int, Position]) -> None:
    """Set the positions of a group without members. Raises KafkaRefusedError when Kafka does not accept them."""
    pairs = [
        TopicPartition(topic, partition, position.offset, encode_marks(position.offset, position.marks))
        for partition, position in positions.items()
    ]
    request = ConsumerGroupTopicPartitions(group, pairs)
    future = client.alter_consumer_group_offsets([request], request_timeout=REQUEST_SECONDS)[group]
    try:
        answer = future.result(timeout=2 * REQUEST_SECONDS)
    except KafkaException as error:
        raise KafkaRefusedError(f"Kafka does not move group {group!r}: {explain(error.args[0])}") from None
    except FutureTimeoutError:
        raise StreamError(f"group {group!r} was not moved: no answer in time") from None
    refused = [pair for pair in answer.topic_partitions or [] if pair.error is not None]
    if refused:
        reasons = "; ".join(
            f"{topic}[{pair.partition}]: {explain(pair.error)}" for pair in refused if pair.error
        )
        raise KafkaRefusedError(f"Kafka does not move group {group!r}: {reasons}")


def members_of(client: AdminClient, groups: Collection[str]) -> dict[str, tuple[Member, ...]]:
    """The members of each group; none for a group that Kafka does not know.

    Only to be asked once the groups' coordinator has answered, as `read_positions` makes sure. Raises StreamError,
    KafkaRefusedError.
    """
    if not groups:
        return {}
    futures = client.describe_consumer_groups(list(groups), request_timeout=REQUEST_SECONDS)
    return {group: _members(group, future) for group, future in futures.items()}


def _members(group: str, future: Future[Any]) -> tuple[Member, ...]:
    try:
        members = future.result(timeout=2 * REQUEST_SECONDS).members
    except KafkaException as error:
        if error.args[0].code() == KafkaError.GROUP_ID_NOT_FOUND:
            return ()
        raise _failure(f"the members of group {group!r} cannot be seen", error.args[0]) from None
    except FutureTimeoutError:
        raise StreamError(f"the members of group {group!r} cannot be seen: no answer in time") from None
    return tuple(Member(str(member.client_id), str(member.host).lstrip("/")) for member in members)


def group_names(client: AdminClient, prefix: str) -> set[str]:
    """The groups that Kafka knows and whose name begins so. What a broker does not tell is left out."""
    return {str(group.group_id) for group in _listed(client, prefix)}


def running_groups(client: AdminClient, prefix: str) -> set[str]:
    """Those of them that have members."""
    without = (ConsumerGroupState.EMPTY, ConsumerGroupState.DEAD)
    return {str(group.group_id) for group in _listed(client, prefix) if group.state not in without}


def _listed(client: AdminClient, prefix: str) -> list[Any]:
    future: Any = client.list_consumer_groups(request_timeout=REQUEST_SECONDS)
    try:
        listing = future.result(timeout=2 * REQUEST_SECONDS)
    except KafkaException as error:
        raise _failure("the list of groups", error.args[0]) from None
    except FutureTimeoutError:
        raise StreamError("the list of groups: no answer in time") from None
    return [group for group in listing.valid if str(group.group_id).startswith(prefix)]


def _failure(what: str, error: KafkaError) -> StreamError:
    message = f"{what}: {explain(error)}"
    return KafkaRefusedError(message) if is_refusal(error) else StreamError(message)
