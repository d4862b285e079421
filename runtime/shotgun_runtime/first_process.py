"""SIGTERM for a command that is the first process of a container, before it has handlers of its own.

The kernel gives the first process no signal that it does not handle. A container that is stopped while Python still
imports would not hear of it, begin its work, and be killed in the middle.
"""

from __future__ import annotations

import os
import signal
from types import FrameType

FIRST = 1


def end_on_sigterm() -> None:
    """As the first process, end with 143 on SIGTERM, as any other process does by itself. To be called first of all."""
    if os.getpid() == FIRST:
        signal.signal(signal.SIGTERM, _end)


def _end(number: int, _: FrameType | None) -> None:
    # Nothing is to be cleaned up: a service that has begun its work has put its own handler in this one's place.
    os._exit(128 + number)
