"""Kafka's error codes in the words of an operator, with the next step."""

from __future__ import annotations

from collections.abc import Mapping

from confluent_kafka import KafkaError

_PLAIN: Mapping[int, str] = {
    KafkaError._ALL_BROKERS_DOWN: "no broker can be reached; check kafka.bootstrap_servers and the network",
    KafkaError._TRANSPORT: "no broker can be reached; check kafka.bootstrap_servers and the network",
    KafkaError._RESOLVE: "a broker's host name does not resolve; check kafka.bootstrap_servers",
    KafkaError._TIMED_OUT: "no answer in time",
    KafkaError._AUTHENTICATION: "the login was refused; check the sasl.* values in kafka.properties",
    KafkaError._SSL: "the TLS connection failed; check security.protocol and the ssl.* values in kafka.properties",
    KafkaError._FENCED: "another instance with the same transactional id has taken over",
    KafkaError.SASL_AUTHENTICATION_FAILED: "the login was refused; check the sasl.* values in kafka.properties",
    KafkaError.TOPIC_AUTHORIZATION_FAILED: "this user may not use the topic; grant it the operation on the topic",
    KafkaError.GROUP_AUTHORIZATION_FAILED: "this user may not use the consumer group; grant it READ on the group",
    KafkaError.CLUSTER_AUTHORIZATION_FAILED: "this user may not do that on the cluster; grant it the operation",
    KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED: "this user may not use the transactional id; grant it WRITE "
    "and DESCRIBE on the transactional id",
    KafkaError.UNKNOWN_TOPIC_OR_PART: "the topic does not exist",
    KafkaError._UNKNOWN_TOPIC: "the topic does not exist",
    KafkaError._UNKNOWN_PARTITION: "the partition does not exist",
    KafkaError.MSG_SIZE_TOO_LARGE: "the record is larger than the topic or broker allows (max.message.bytes)",
    KafkaError.NOT_ENOUGH_REPLICAS: "too few replicas of the partition are in sync",
}

_REFUSALS = frozenset(
    {
        KafkaError._AUTHENTICATION,
        KafkaError.SASL_AUTHENTICATION_FAILED,
        KafkaError.TOPIC_AUTHORIZATION_FAILED,
        KafkaError.GROUP_AUTHORIZATION_FAILED,
        KafkaError.CLUSTER_AUTHORIZATION_FAILED,
        KafkaError.TRANSACTIONAL_ID_AUTHORIZATION_FAILED,
    }
)


_LEADER_CHANGES = frozenset(
    {
        KafkaError.NOT_LEADER_FOR_PARTITION,
        KafkaError.LEADER_NOT_AVAILABLE,
        KafkaError.FENCED_LEADER_EPOCH,
        KafkaError.UNKNOWN_LEADER_EPOCH,
    }
)


def explain(error: KafkaError) -> str:
    """Return what happened and what to look at, ending with librdkafka's own name and text for it."""
    plain = _PLAIN.get(error.code())
    detail = error.str()
    if plain is None:
        return f"{detail} ({error.name()})"
    return f"{plain} ({error.name()}: {detail})" if detail else f"{plain} ({error.name()})"


def is_refusal(error: KafkaError) -> bool:
    """Tell whether the cluster refused this user: trying again does not help."""
    return error.code() in _REFUSALS


def is_leader_change(error: KafkaError) -> bool:
    """Tell whether the partition's leader has just moved: the next try, a moment later, finds the new one."""
    return error.code() in _LEADER_CHANGES
