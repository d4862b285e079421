"""Scripted faults: which requests go wrong, and in what way."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from random import Random
from typing import Any

KINDS = (
    "status",
    "redirect",
    "exception",
    "html",
    "empty",
    "no_content",
    "object",
    "null",
    "list",
    "garbage",
    "hang",
    "drip",
    "slow",
    "rst",
    "fin",
    "cut_headers",
    "cut_body",
    "cut_gzip",
    "cut_json",
    "rst_body",
    "invalid_utf8",
    "no_paging_info",
    "duplicate_rows",
    "idle_close",
    "lost_answer",
)


@dataclass(frozen=True, slots=True)
class Fault:
    """One scripted fault. It strikes a request of ``methods`` (any when empty) with probability ``share``.

    It ends after ``times`` strikes (0: never) or ``seconds`` of the site's time (0: never), whichever is first,
    and lets ``skip`` matching requests pass before the first strike.
    """

    kind: str
    methods: tuple[str, ...] = ()
    share: float = 1.0
    times: int = 0
    seconds: float = 0.0
    skip: int = 0
    code: int = 0  # status: HTTP status (503); redirect: 302; exception: the site's code (102)
    message: str = ""  # exception: its text; the refusal of the script when empty
    body: str = "html"  # status: html, text, json or empty
    location: str = "/saml/saml_login_request"
    retry_after: float | None = None
    delay: float = (
        0.0  # slow: seconds before the answer; drip: between two pieces; hang: until it ends, 0 = never
    )
    pieces: int = 8  # drip: how many pieces the body comes in
    then: str = "fin"  # lost_answer: fin, rst, hang or status, after the call was carried out

    @classmethod
    def parse(cls, wire: Mapping[str, Any]) -> Fault:
        """Build a fault from JSON. Raises ValueError naming what is wrong."""
        known = set(cls.__dataclass_fields__)
        unknown = sorted(set(wire) - known)
        if unknown:
            raise ValueError(f"unknown keys {unknown} in a fault; known: {sorted(known)}")
        if wire.get("kind") not in KINDS:
            raise ValueError(f"unknown kind of fault {wire.get('kind')!r}; known: {list(KINDS)}")
        methods = wire.get("methods", ())
        return cls(**{**wire, "methods": (methods,) if isinstance(methods, str) else tuple(methods)})


@dataclass(slots=True)
class _Entry:
    number: int
    fault: Fault
    since: float
    struck: int = 0


class FaultPlan:
    """The faults in force, first come first served. Not thread-safe: the owner holds a lock."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._numbers = itertools.count(1)
        self._entries: list[_Entry] = []

    def add(self, fault: Fault, now: float) -> int:
        """Put a fault in force and return its number."""
        entry = _Entry(next(self._numbers), fault, now)
        self._entries.append(entry)
        return entry.number

    def remove(self, number: int | None = None) -> int:
        """Lift one fault, or all when no number is given; return how many were lifted."""
        kept = [] if number is None else [entry for entry in self._entries if entry.number != number]
        removed = len(self._entries) - len(kept)
        self._entries = kept
        return removed

    def pick(self, method: str, now: float) -> Fault | None:
        """Return the fault that strikes this request, if any, and count the strike."""
        self._entries = [entry for entry in self._entries if _alive(entry, now)]
        for entry in self._entries:
            fault = entry.fault
            if fault.methods and method not in fault.methods:
                continue
            if fault.skip > 0:
                entry.fault = replace(fault, skip=fault.skip - 1)
                continue
            if self._random.random() < fault.share:
                entry.struck += 1
                return fault
        return None

    def listing(self, now: float) -> list[dict[str, Any]]:
        """Return the faults in force as JSON, each with its number and how often it struck."""
        alive = [entry for entry in self._entries if _alive(entry, now)]
        return [{"id": entry.number, "struck": entry.struck, **asdict(entry.fault)} for entry in alive]


def _alive(entry: _Entry, now: float) -> bool:
    fault = entry.fault
    worn_out = fault.times > 0 and entry.struck >= fault.times
    return not worn_out and (fault.seconds <= 0 or now < entry.since + fault.seconds)
