"""Closes a group member's Kafka client, which may never come back from that."""

from __future__ import annotations

import threading
from typing import Protocol

LEAVE_SECONDS = 30.0
"""Leaving takes milliseconds where Kafka answers; where it does not, close() may never return."""


class Closable(Protocol):
    """A Kafka consumer, as far as it is needed here."""

    def close(self) -> None:
        """Leave the group and give everything back."""


def leave(consumer: Closable, seconds: float = LEAVE_SECONDS) -> bool:
    """Close the client in a thread of its own, and wait for that. False when it has not come back in time.

    Its callbacks come in that thread, while this one waits. A client that does not come back is left to itself: it
    polls no more, so the group goes on without it after `max.poll.interval.ms`.
    """
    thread = threading.Thread(target=consumer.close, name="leaving", daemon=True)
    thread.start()
    thread.join(seconds)
    return not thread.is_alive()
