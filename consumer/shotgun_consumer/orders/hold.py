"""A group's hold: a command asks its members to stay out of the group until it is lifted. Pure.

The command writes the record `hold/<group>`, renews it while it works, and takes it back at its end. If the command
dies instead, nobody renews the record, and the hold ends by itself. The field `until` says when, in seconds since 1970
by the command's clock; members go by how long ago they saw the record change, so hosts' clocks need not agree.
"""

from __future__ import annotations

from datetime import datetime, timezone

from shotgun_schemas.control import ControlRecord

LEASE_SECONDS = 60.0
RENEW_SECONDS = 15.0
_CLOCKS_APART = 600.0


def hold_until(record: ControlRecord) -> float:
    """When the hold ends by itself, in seconds since 1970; 0.0 when the record does not say."""
    until = record.fields.get("until")
    return float(until) if isinstance(until, int | float) else 0.0


def hold_in_force(record: ControlRecord, now: float) -> bool:
    """Whether the command that holds the group may still be at work. `now`: seconds since 1970, by about its clock."""
    return now < hold_until(record)


def hold_reason(group: str, record: ControlRecord) -> str:
    """Why the group does not run, for log and status."""
    until = datetime.fromtimestamp(hold_until(record), timezone.utc).isoformat(timespec="seconds")
    return (
        f"group {group!r} is held by {record.by} ({record.reason}); it goes on when that is done, or about {until} if "
        "the command has died"
    )


class HoldWatch:
    """Whether one group is to stay out, as one member sees it. Pure, one owner."""

    def __init__(self) -> None:
        self._record: ControlRecord | None = None
        self._seen = 0.0

    def look(self, record: ControlRecord | None, monotonic: float, now: float) -> ControlRecord | None:
        """The hold that is in force; None when the group may run.

        `record` is the group's newest one, `now` are seconds since 1970.
        """
        if record is None:
            self._record = None
            return None
        if record != self._record:
            self._record, self._seen = record, monotonic
        is_old = now > hold_until(record) + _CLOCKS_APART  # left behind long before this member started
        return None if is_old or monotonic >= self._seen + LEASE_SECONDS else record
