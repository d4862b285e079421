"""Where reading begins: ``latest``, ``earliest``, an event id, or a date."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timezone
from typing import Any, Literal

FORM = "latest, earliest, an event id such as 123456, or a date such as 2026-01-31 or 2026-01-31T08:00:00Z"

_SECONDS = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?([+-]\d\d:\d\d)?)?")


@dataclass(frozen=True, slots=True)
class Start:
    """A position to begin at. ``event_id`` is set for kind ``id``, ``moment`` (aware) for kind ``date``."""

    kind: Literal["latest", "earliest", "id", "date"]
    event_id: int | None = None
    moment: datetime | None = None

    def __str__(self) -> str:
        if self.event_id is not None:
            return str(self.event_id)
        if self.moment is not None:
            return self.moment.isoformat()
        return self.kind


def parse_start(value: Any) -> Start:
    """Read a start as it stands in a configuration: text, or the int and date objects that YAML makes.

    A date without a zone is UTC, a date without a time its first second. Raises ValueError with the allowed form.
    """
    if isinstance(value, Start):
        return value
    if isinstance(value, bool):
        raise ValueError(FORM)
    if isinstance(value, int):
        return _at_id(value)
    if isinstance(value, datetime):
        return _at_moment(value)
    if isinstance(value, date):
        return _at_moment(datetime(value.year, value.month, value.day, tzinfo=timezone.utc))
    if not isinstance(value, str):
        raise ValueError(FORM)
    return _from_text(value.strip())


def _from_text(text: str) -> Start:
    if text.lower() == "latest":
        return Start("latest")
    if text.lower() == "earliest":
        return Start("earliest")
    if text.isascii() and text.isdigit():
        return _at_id(int(text))
    zoned = text[:-1] + "+00:00" if text.endswith(("Z", "z")) else text
    if not _SECONDS.fullmatch(zoned):
        raise ValueError(FORM)
    try:
        return _at_moment(datetime.fromisoformat(zoned))
    except ValueError:
        raise ValueError(FORM) from None


def _at_id(number: int) -> Start:
    if not 0 <= number < 2**63:
        raise ValueError(FORM)
    return Start("id", event_id=number)


def _at_moment(moment: datetime) -> Start:
    aware = moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
    return Start("date", moment=aware.astimezone(timezone.utc))
