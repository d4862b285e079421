"""The errors that a user sees, and the exit code of each."""

from __future__ import annotations

from typing import ClassVar


class StreamError(Exception):
    """A failure whose message is the whole text for the user: the thing, the value, the next step.

    A command that ends with one prints ``error: <message>`` without a traceback and exits with ``exit_code``.
    """

    exit_code: ClassVar[int] = 1


class ConfigurationError(StreamError):
    """Wrong usage or configuration: the user must change something before another try makes sense."""

    exit_code: ClassVar[int] = 2


class SiteRefusedError(StreamError):
    """The Shotgun site refused: credentials or permissions."""

    exit_code: ClassVar[int] = 3


class KafkaRefusedError(StreamError):
    """Kafka refused: credentials, permissions, or a topic whose settings would break a promise."""

    exit_code: ClassVar[int] = 4


class DecisionNeededError(StreamError):
    """Only a person can decide how to go on; the message names the command that decides."""

    exit_code: ClassVar[int] = 5
