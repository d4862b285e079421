"""What can be changed about a running site, beside its data."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from shotgun_sandbox.site.server import Front


class Settings:
    """The adjustable values of a site, by the names of the admin interface."""

    def __init__(self, front: Front) -> None:
        self._front = front

    def show(self) -> dict[str, Any]:
        """Return the present values."""
        core = self._front.core
        return {
            "version": core.pages.version,
            "api_max_entities_per_page": core.pages.cap,
            "latency": self._front.latency.median,
            "keep_alive": self._front.keep_alive,
            "visible_after": core.visible_after,
            "new_row_last": core.rules.new_row_last,
        }

    def change(self, changes: Mapping[str, Any]) -> dict[str, Any]:
        """Set the named values and return all. Raises ValueError for an unknown name or an impossible value."""
        unknown = sorted(set(changes) - set(self.show()))
        if unknown:
            raise ValueError(f"unknown settings {unknown}; known: {sorted(self.show())}")
        core = self._front.core
        with core.lock, self._front.lock:
            for name, value in changes.items():
                self._set(name, value)
        return self.show()

    def _set(self, name: str, value: Any) -> None:
        core = self._front.core
        if name == "version":
            core.pages.version = [int(part) for part in value]
        elif name == "api_max_entities_per_page":
            core.pages.cap = _positive(name, int(value))
        elif name == "latency":
            self._front.latency.median = float(value)
        elif name == "keep_alive":
            self._front.keep_alive = None if value is None else float(_positive(name, value))
        elif name == "visible_after":
            core.visible_after = float(value)
        else:
            core.rules.new_row_last = bool(value)


def _positive(name: str, value: int) -> int:
    if value <= 0:
        raise ValueError(f"{name} must be above 0, got {value!r}")
    return value
