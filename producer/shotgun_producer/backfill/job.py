"""A backfill as it stands in the control topic: what somebody wants the active producer to do."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from shotgun_schemas.control import BACKFILL_PREFIX, ControlRecord

Wish = Literal["wanted", "cancelled"]

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NAME_FORM = "at most 100 letters, digits, dots, dashes and underscores, the first a letter or digit"


@dataclass(frozen=True, slots=True)
class Job:
    """The ids `first` to `last`, both included; at most `rate_limit` events a second, None for no limit.

    `at`: when it was asked for, ISO 8601 in UTC; `by`: by whom.
    """

    name: str
    first: int
    last: int
    rate_limit: float | None = None
    state: Wish = "wanted"
    at: str = ""
    by: str = ""

    @property
    def is_cancelled(self) -> bool:
        """Whether it is to end where it is."""
        return self.state == "cancelled"

    @property
    def turn(self) -> tuple[str, str]:
        """Jobs run in the order of this."""
        return self.at, self.name

    @property
    def fields(self) -> dict[str, Any]:
        """The fields of its control record."""
        return {
            "first": self.first,
            "last": self.last,
            "rate_limit": self.rate_limit,
            "state": self.state,
        }


def read_job(record: ControlRecord) -> Job:
    """The job of a control record. Raises ValueError that says what is wrong with it."""
    fields = record.fields
    name = record.key.removeprefix(BACKFILL_PREFIX)
    if not NAME.fullmatch(name):
        raise ValueError(f"the name {name!r} is not {NAME_FORM}")
    first, last = _id(fields, "first"), _id(fields, "last")
    rate = fields.get("rate_limit")
    is_rate = isinstance(rate, int | float) and not isinstance(rate, bool) and rate > 0
    if rate is not None and not is_rate:
        raise ValueError(f"rate_limit is no number above 0: {rate!r}")
    state = fields.get("state")
    if state not in ("wanted", "cancelled"):
        raise ValueError(f"state is neither wanted nor cancelled: {state!r}")
    return Job(name, first, last, rate, state, record.at, record.by)


def _id(fields: Mapping[str, Any], name: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 <= value < 2**63:
        raise ValueError(f"{name} is no event id: {value!r}")
    return value
