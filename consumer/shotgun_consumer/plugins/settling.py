"""When a change of files has come to rest and may be acted upon."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

GONE = ""
"""The state of a plugin whose file is not there."""


@dataclass(frozen=True, slots=True)
class _Difference:
    state: str
    since: float


class Settling:
    """Tells which plugins differ from what was acted upon, and have not changed any more for a while.

    Pure: it is given the time, and reads nothing. A state is any text that is equal when the plugin's content is;
    `GONE` when its file is not there. A new state must last for `quiet` seconds, for the file may be half written;
    the end of a file for `gone` seconds, for editors and mounts take files away for a moment.
    """

    def __init__(self, quiet: float, gone: float) -> None:
        self._quiet = quiet
        self._gone = gone
        self._differences: dict[str, _Difference] = {}

    def due(self, now: float, seen: Mapping[str, str], acted: Mapping[str, str]) -> list[str]:
        """The plugins to act upon now, in the order of `seen`.

        `seen` are the states as they are; a plugin that is not in it cannot be seen at present, which changes nothing.
        `acted` are the states that were acted upon last; a plugin that is not in it is new.
        """
        differences: dict[str, _Difference] = {}
        due = []
        for name, state in seen.items():
            if state == acted.get(name, GONE):
                continue
            known = self._differences.get(name)
            if known is None or known.state != state:
                known = _Difference(state, now)
            differences[name] = known
            if now - known.since >= self._limit(known):
                due.append(name)
        self._differences = differences
        return due

    def next_look(self, now: float) -> float | None:
        """Seconds until something may be due; None while nothing differs."""
        return min(
            (max(0.0, one.since + self._limit(one) - now) for one in self._differences.values()), default=None
        )

    def _limit(self, difference: _Difference) -> float:
        return self._gone if difference.state == GONE else self._quiet
