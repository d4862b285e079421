"""What a callback may ask for instead of returning: `context.dead_letter(reason)` and `context.retry_in(seconds)`.

They are raised, and are no `Exception`: a callback's own `except Exception` does not swallow them.
"""

from __future__ import annotations


class CallbackRequest(BaseException):
    """Base of what callbacks ask for. Whoever runs a callback must tell it from a failure."""


class DeadLetterRequest(CallbackRequest):
    """The event is to become a dead letter of this callback at once, without another attempt."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class RetryRequest(CallbackRequest):
    """The event is to reach this callback again after so many seconds."""

    def __init__(self, seconds: float) -> None:
        super().__init__(f"again in {seconds:g} s")
        self.seconds = seconds
