"""What a transactional call's error asks for. librdkafka's flags are only right when read in this order."""

from __future__ import annotations

from enum import Enum

from confluent_kafka import KafkaError


class Verdict(Enum):
    """The next step after an error."""

    FENCED = "fenced"
    """Another instance has taken over, or the transaction timed out on the broker: leave, never fence back."""

    FATAL = "fatal"
    """The producer is unusable, and an abort would only be refused: throw it away."""

    RETRY = "retry"
    """The same call again: it goes on where it was."""

    ABORT = "abort"
    """Abort the transaction, then throw the producer away."""


_FENCED_CODES = frozenset({KafkaError._FENCED, KafkaError.PRODUCER_FENCED, KafkaError.INVALID_PRODUCER_EPOCH})


def judge(error: KafkaError) -> Verdict:
    """The verdict on an error of a transactional producer."""
    if error.code() in _FENCED_CODES:
        return Verdict.FENCED
    if error.fatal():
        return Verdict.FATAL
    if error.retriable():
        return Verdict.RETRY
    if error.txn_requires_abort():
        return Verdict.ABORT
    return Verdict.FATAL
