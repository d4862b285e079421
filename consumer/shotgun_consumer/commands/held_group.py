"""A group without members, so that its position can be set: its members leave, and come back by themselves."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timezone

from shotgun_runtime.control import ControlWriter
from shotgun_runtime.errors import KafkaRefusedError, StreamError
from shotgun_runtime.shutdown import Deadline
from shotgun_schemas import control
from shotgun_schemas.control import ControlRecord

from ..orders.hold import LEASE_SECONDS, RENEW_SECONDS, hold_in_force, hold_until
from .control_desk import myself
from .view import StreamView

EMPTY_SECONDS = 150.0
_LOOK_SECONDS = 0.2


@contextmanager
def held_group(
    view: StreamView, writer: ControlWriter, group: str, reason: str, say: Callable[[str], None]
) -> Iterator[None]:
    """The group has no members while the block runs; those that it had leave after the event that they run.

    `say` is told what takes time. Raises StreamError while another command holds the group, KafkaRefusedError when its
    members do not leave. Whatever happens, the hold is lifted; a killed command's ends by itself.
    """
    key = control.hold_key(group)
    _refuse_second(group, view.control().get(key), say)
    try:
        _write(writer, key, reason)
        _await_empty(view, writer, group, reason, say)
        yield
    finally:
        try:
            writer.delete(key)
        except StreamError as error:
            say(f"The hold was not lifted; it ends by itself within {LEASE_SECONDS:g} s. {error}")


def _refuse_second(group: str, record: ControlRecord | None, say: Callable[[str], None]) -> None:
    if record is None:
        return
    if hold_in_force(record, time.time()):
        until = datetime.fromtimestamp(hold_until(record), timezone.utc).isoformat(timespec="seconds")
        raise StreamError(
            f"group {group!r} is held by {record.by} since {record.at} ({record.reason}). Try again when that is done; "
            f"if that command has died, its hold ends at {until}"
        )
    say(f"A hold that {record.by} left behind at {record.at} ({record.reason}) is cleared.")


def _write(writer: ControlWriter, key: str, reason: str) -> None:
    writer.put(key, by=myself(), reason=reason, until=time.time() + LEASE_SECONDS)


def _await_empty(
    view: StreamView, writer: ControlWriter, group: str, reason: str, say: Callable[[str], None]
) -> None:
    deadline, renewal = Deadline.after(EMPTY_SECONDS), Deadline.after(RENEW_SECONDS)
    said = False
    while members := view.members([group])[group]:
        hosts = ", ".join(sorted({member.host for member in members}))
        if not said:
            said = True
            say(f"Waiting until the {len(members)} member(s) of group {group!r} on {hosts} have left ...")
        if deadline.expired:
            raise KafkaRefusedError(
                f"group {group!r} still has {len(members)} member(s), on {hosts}, {EMPTY_SECONDS:g} s after they were "
                "asked to leave; Kafka moves only a group without members, so nothing was changed. A callback runs for "
                "that long, or they are not of shotgun-consumer: stop them, then run this again"
            )
        if renewal.expired:
            _write(writer, control.hold_key(group), reason)
            renewal = Deadline.after(RENEW_SECONDS)
        time.sleep(_LOOK_SECONDS)
