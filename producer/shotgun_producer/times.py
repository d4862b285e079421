"""The site's dates as numbers."""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache


def parse_created_at(text: object) -> float | None:
    """Seconds since 1970 of a date as the site sends it (`2026-01-21T19:47:33Z`); None when it cannot be read.

    A date without a zone is taken as UTC.
    """
    return _parse(text) if isinstance(text, str) else None


@lru_cache(maxsize=1024)
def _parse(text: str) -> float | None:
    # Kept: rows are read twice, and neighbours share their second.
    try:
        moment = datetime.fromisoformat(text[:-1] + "+00:00" if text.endswith("Z") else text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone.utc)
    return moment.timestamp()


def kafka_timestamp(created_at: float | None, now: float) -> int:
    """The record's time in milliseconds, never ahead of `now`; 0 lets the broker stamp the record.

    Both arguments are seconds since 1970.
    """
    if created_at is None:
        return 0
    return max(0, int(min(created_at, now) * 1000))
