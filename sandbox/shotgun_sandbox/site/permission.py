"""Rows that a script is not allowed to see: it is given fewer rows, and no error."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Restriction:
    """What one account does not see: event types by their beginning, projects, and a span of ids."""

    event_types: tuple[str, ...] = ()
    projects: tuple[int, ...] = ()
    first_id: int | None = None
    last_id: int | None = None

    def hides(self, row: Row) -> bool:
        """Tell whether ``row`` is hidden."""
        event_type = row.get("event_type") or ""
        if self.event_types and event_type.startswith(self.event_types):
            return True
        project = row.get("project") or {}
        if project.get("id") in self.projects:
            return True
        if self.first_id is None and self.last_id is None:
            return False
        return (self.first_id or 0) <= row["id"] and (self.last_id is None or row["id"] <= self.last_id)


class Permissions:
    """The restrictions by account name (a script's name or a person's)."""

    def __init__(self) -> None:
        self._by_account: dict[str, Restriction] = {}

    def restrict(self, account: str, restriction: Restriction | None) -> None:
        """Narrow what ``account`` sees; none gives everything back."""
        if restriction is None:
            self._by_account.pop(account, None)
        else:
            self._by_account[account] = restriction

    def hidden_from(self, account: str) -> Callable[[Row], bool] | None:
        """Return the test that tells which rows ``account`` does not see; none when it sees all."""
        restriction = self._by_account.get(account)
        return None if restriction is None else restriction.hides
