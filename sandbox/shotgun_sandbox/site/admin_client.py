"""A typed client of the admin interface, for tests and the demo."""

from __future__ import annotations

import http.client
import json
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib.parse import urlsplit

TIMEOUT = 60.0


class AdminError(Exception):
    """The site refused an admin call; the text says why."""


@dataclass(frozen=True, slots=True)
class SiteState:
    """The figures of a site at one moment.

    ``reserved`` ids lie in open blocks and were not drawn; ``uncommitted`` ones were drawn and are not visible yet;
    ``dead`` ones never will be. ``steps`` counts the rows that reads have looked at. ``time`` is epoch seconds.
    """

    head: int
    first: int
    visible: int
    hidden_below: int
    next_id: int
    reserved: int
    dead: int
    transactions: int
    uncommitted: int
    generator: bool
    listening: bool
    steps: int
    time: float


@dataclass(frozen=True, slots=True)
class VisibleDigest:
    """Visible ids in short: their number, the ends, and SHA-256 over each id in decimal and a newline."""

    count: int
    first: int
    last: int
    sha256: str


@dataclass(frozen=True, slots=True)
class OpenTransaction:
    """A transaction whose rows nobody sees yet."""

    name: str
    writer: int
    ids: tuple[int, ...]


class SiteAdmin:
    """Drives a simulated site. Every method raises AdminError when the site refuses. Safe from any thread."""

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        self._connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=TIMEOUT)
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the connection; a later call opens it again."""
        with self._lock:
            self._connection.close()

    def state(self) -> SiteState:
        """Return the site's figures."""
        answer = self.call("GET", "/state")
        return SiteState(**{spec.name: answer[spec.name] for spec in fields(SiteState)})

    def visible(self, first: int = 0, last: int | None = None) -> list[int]:
        """Return the ids that the site shows between ``first`` and ``last``, ascending."""
        answer = self.call("GET", f"/visible?ids=1&from={first}&to={last or ''}")
        return [int(event_id) for event_id in answer["ids"]]

    def digest(self, first: int = 0, last: int | None = None) -> VisibleDigest:
        """Return number and digest of the ids that the site shows between ``first`` and ``last``."""
        return VisibleDigest(**self.call("GET", f"/visible?from={first}&to={last or ''}"))

    def write_events(
        self,
        count: int = 1,
        *,
        shape: str = "status",
        changes: Mapping[str, Any] | None = None,
        meta_bytes: int = 0,
        per_transaction: int = 1,
        after: float = 0.0,
        writer: int | None = None,
    ) -> list[int]:
        """Write rows and return their ids in the order of writing; they are visible ``after`` seconds."""
        answer = self.call(
            "POST",
            "/events",
            _order(count, shape, changes, meta_bytes, writer)
            | {"per_transaction": per_transaction, "after": after},
        )
        return list(answer["ids"])

    def write_rows(self, rows: Sequence[Mapping[str, Any]], *, after: float = 0.0) -> list[int]:
        """Write exactly these rows in one transaction (ids are drawn by the site) and return the ids."""
        body = {"rows": list(rows), "per_transaction": max(1, len(rows)), "after": after}
        return list(self.call("POST", "/events", body)["ids"])

    def open_transaction(
        self,
        count: int = 1,
        *,
        shape: str = "status",
        changes: Mapping[str, Any] | None = None,
        meta_bytes: int = 0,
        writer: int | None = None,
    ) -> OpenTransaction:
        """Draw ids for ``count`` rows that stay invisible until ``commit``."""
        answer = self.call("POST", "/transactions", _order(count, shape, changes, meta_bytes, writer))
        return _transaction(answer)

    def transactions(self) -> list[OpenTransaction]:
        """Return the open transactions, oldest first."""
        return [_transaction(item) for item in self.call("GET", "/transactions")]

    def commit(self, transaction: OpenTransaction, *, after: float = 0.0) -> None:
        """Make a transaction visible in one instant, now or ``after`` seconds of the site's time."""
        self.call("POST", f"/transactions/{transaction.name}/commit", {"after": after})

    def abort(self, transaction: OpenTransaction) -> None:
        """Drop a transaction; its ids never appear."""
        self.call("POST", f"/transactions/{transaction.name}/abort")

    def time(self) -> float:
        """Return the site's time in epoch seconds."""
        return float(self.call("GET", "/clock")["time"])

    def advance(self, seconds: float) -> float:
        """Step the clock; what falls due by that has happened when this returns. Return the new time."""
        return float(self.call("POST", "/clock", {"advance": seconds})["time"])

    def set_time(self, to: float | str) -> float:
        """Set the clock to epoch seconds or an ISO date. Return the new time."""
        return float(self.call("POST", "/clock", {"set": to})["time"])

    def start_generator(self, **pace: float) -> None:
        """Start the generator: ``rate``, ``late``, ``late_seconds``, ``dead``, ``batch_every``, ``batch_size``..."""
        self.call("POST", "/generator", {"running": True, **pace})

    def stop_generator(self) -> None:
        """Stop the generator; open transactions still commit when they fall due."""
        self.call("POST", "/generator", {"running": False})

    def hide_below(self, event_id: int) -> None:
        """Archive every row below ``event_id``; 0 brings all back."""
        self.call("POST", "/retention", {"below": event_id})

    def restrict(
        self,
        account: str | None = None,
        *,
        event_types: Sequence[str] = (),
        projects: Sequence[int] = (),
        first_id: int | None = None,
        last_id: int | None = None,
    ) -> None:
        """Hide rows from an account (the sandbox's script when none); with no restriction it sees all again."""
        spans = {"first_id": first_id, "last_id": last_id}
        body = {"account": account, "event_types": list(event_types), "projects": list(projects), **spans}
        self.call("POST", "/permission", body)

    def reset(self, next_id: int) -> int:
        """Restore the site from a backup: the counter goes back to ``next_id``. Return how many rows were lost."""
        return int(self.call("POST", "/reset", {"next_id": next_id})["lost"])

    def thumbnail(self, entity_type: str, entity_id: int, *, after: float = 30.0) -> None:
        """Give an entity a new image: a transient row now, the real one ``after`` seconds."""
        self.call("POST", "/thumbnails", {"type": entity_type, "id": entity_id, "after": after})

    def set_key(self, key: str, script: str | None = None) -> None:
        """Give a script (the sandbox's when none) another key."""
        self.call("POST", "/keys", {"script": script, "key": key})

    def settings(self, **changes: Any) -> dict[str, Any]:
        """Change settings of the running site, and return all."""
        return dict(self.call("POST", "/settings", changes))

    def close_port(self, seconds: float = 0.0) -> None:
        """Make the site unreachable, for ``seconds`` or until ``open_port``."""
        self.call("POST", "/listener", {"open": False, "seconds": seconds})

    def open_port(self) -> None:
        """Make the site reachable again, on the same port."""
        self.call("POST", "/listener", {"open": True})

    def add_fault(self, kind: str, **values: Any) -> int:
        """Put a fault in force and return its number; the kinds and values are in the sandbox's page."""
        return int(self.call("POST", "/faults", {"kind": kind, **values})["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force."""
        return list(self.call("GET", "/faults"))

    def clear_faults(self) -> None:
        """Lift every fault."""
        self.call("DELETE", "/faults")

    def calls(self) -> dict[str, int]:
        """Return how many requests of each method reached the site since the last ``forget_calls``."""
        return dict(self.call("GET", "/requests")["calls"])

    def forget_calls(self) -> None:
        """Count requests from zero again."""
        self.call("DELETE", "/requests")

    def call(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> Any:
        """Make one admin call and return its JSON."""
        data = None if body is None else json.dumps(body)
        with self._lock:
            self._connection.request(method, path, data, {"Content-Type": "application/json"})
            response = self._connection.getresponse()
            status, sent = response.status, response.read()
        answer = json.loads(sent)
        if status != 200:
            raise AdminError(f"{method} {path}: {answer.get('error')}")
        return answer


def _order(
    count: int, shape: str, changes: Mapping[str, Any] | None, meta_bytes: int, writer: int | None
) -> dict[str, Any]:
    return {
        "count": count,
        "shape": shape,
        "changes": dict(changes or {}),
        "meta_bytes": meta_bytes,
        "writer": writer,
    }


def _transaction(answer: Mapping[str, Any]) -> OpenTransaction:
    return OpenTransaction(answer["transaction"], answer["writer"], tuple(answer["ids"]))
