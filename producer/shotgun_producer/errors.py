"""Why a spell of publishing ends. None of these reaches a user: the service acts on each."""

from __future__ import annotations


class HaltedError(Exception):
    """A stop was requested, or the leadership ended."""


class FencedError(Exception):
    """Another instance has taken over the transactional id, or the broker timed out the transaction."""


class RecycleError(Exception):
    """The Kafka producer must be thrown away and the checkpoint read again.

    `reason` is the label of the metric `shotgun_producer_recycles_total`.
    """

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason
