"""The admin interface: what a test or a demo does to the site, on a port that no client ever sees."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Mapping
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from shotgun_sandbox.site.clock import iso, parse_iso
from shotgun_sandbox.site.faults import Fault
from shotgun_sandbox.site.generator import Generator
from shotgun_sandbox.site.http_server import ClosableServer
from shotgun_sandbox.site.id_ranges import LAST
from shotgun_sandbox.site.listener import Listener
from shotgun_sandbox.site.permission import Restriction
from shotgun_sandbox.site.server import Front
from shotgun_sandbox.site.settings import Settings
from shotgun_sandbox.site.shapes import rows
from shotgun_sandbox.site.transactions import Transaction

Body = Mapping[str, Any]
MOST_ROWS = 200_000


class Admin:
    """The operations behind the admin interface. Each raises ValueError or KeyError for what it cannot do."""

    def __init__(self, front: Front, generator: Generator, listener: Listener) -> None:
        self._front = front
        self._core = front.core
        self._generator = generator
        self._listener = listener
        self._settings = Settings(front)
        self.routes: tuple[tuple[str, re.Pattern[str], Callable[..., Any]], ...] = tuple(
            (method, re.compile(path), act)
            for method, path, act in (
                ("GET", r"/state", lambda _body: self.state()),
                ("GET", r"/visible", self.visible),
                ("POST", r"/events", self.write_events),
                ("GET", r"/transactions", lambda _body: self.transactions()),
                ("POST", r"/transactions", self.open_transaction),
                ("POST", r"/transactions/(\w+)/commit", self.commit),
                ("POST", r"/transactions/(\w+)/abort", self.abort),
                ("GET", r"/clock", lambda _body: self.clock()),
                ("POST", r"/clock", self.set_clock),
                ("GET", r"/generator", lambda _body: self._generator.state()),
                ("POST", r"/generator", self.run_generator),
                ("POST", r"/retention", self.retention),
                ("POST", r"/permission", self.permission),
                ("POST", r"/reset", self.reset),
                ("POST", r"/thumbnails", self.thumbnail),
                ("POST", r"/keys", self.set_key),
                ("GET", r"/settings", lambda _body: self._settings.show()),
                ("POST", r"/settings", self._settings.change),
                ("GET", r"/listener", lambda _body: {"open": self._listener.is_open}),
                ("POST", r"/listener", self.listen),
                ("GET", r"/requests", lambda _body: self.requests()),
                ("DELETE", r"/requests", lambda _body: self.forget_requests()),
                ("GET", r"/faults", lambda _body: self.faults()),
                ("POST", r"/faults", self.add_fault),
                ("DELETE", r"/faults", lambda _body: self.remove_faults()),
                ("DELETE", r"/faults/(\d+)", lambda _body, number: self.remove_faults(int(number))),
            )
        )

    def state(self) -> dict[str, Any]:
        """Return the site's figures: visible rows, the counter, open transactions, dead ids, time."""
        core = self._core
        with core.lock:
            return {
                "head": core.log.head,
                "first": core.log.first,
                "visible": len(core.log),
                "hidden_below": core.log.hidden_below,
                "next_id": core.counter.next_id,
                "reserved": core.counter.reserved,
                "dead": len(core.history.dead) + len(core.transactions.dead),
                "transactions": len(core.transactions.pending),
                "uncommitted": sum(len(item.rows) for item in core.transactions.pending),
                "generator": self._generator.state()["running"],
                "listening": self._listener.is_open,
                "steps": core.log.steps,
                "time": core.clock.now(),
            }

    def visible(self, body: Body) -> dict[str, Any] | Iterable[bytes]:
        """Return count and digest of the visible ids between ``from`` and ``to``; the ids with ``ids=1``."""
        first, last = int(body.get("from") or 0), int(body.get("to") or LAST)
        found = self._core.visible(first, last)
        if body.get("ids"):
            return _stream(found)
        digest = hashlib.sha256()
        for event_id in found:
            digest.update(b"%d\n" % event_id)
        ends = (found[0], found[-1]) if found else (0, 0)
        return {"count": len(found), "first": ends[0], "last": ends[1], "sha256": digest.hexdigest()}

    def write_events(self, body: Body) -> dict[str, Any]:
        """Write rows, ``per_transaction`` of them in one transaction (1), visible ``after`` seconds (0)."""
        core = self._core
        made = self._rows(body)
        size = max(1, int(body.get("per_transaction", 1)))
        after = float(body.get("after", 0.0))
        with core.lock:
            return {
                "ids": [
                    event_id
                    for start in range(0, len(made), size)
                    for event_id in core.write_events(
                        made[start : start + size], writer=body.get("writer"), after=after
                    )
                ]
            }

    def transactions(self) -> list[dict[str, Any]]:
        """Return the open transactions with their ids."""
        with self._core.lock:
            return [_described(item) for item in self._core.transactions.pending]

    def open_transaction(self, body: Body) -> dict[str, Any]:
        """Draw ids for rows and keep them invisible until a commit."""
        with self._core.lock:
            transaction = self._core.transactions.open(body.get("writer"))
            for values in self._rows(body):
                self._core.transactions.write(transaction, values)
            return _described(transaction)

    def commit(self, body: Body, name: str) -> dict[str, Any]:
        """Make a transaction visible, at once or ``after`` seconds."""
        with self._core.lock:
            transaction = self._core.transactions.get(name)
            self._core.commit_after(transaction, float(body.get("after", 0.0)))
            return _described(transaction)

    def abort(self, _body: Body, name: str) -> dict[str, Any]:
        """Drop a transaction; its ids are dead."""
        with self._core.lock:
            transaction = self._core.transactions.get(name)
            self._core.transactions.abort(transaction)
            return _described(transaction)

    def clock(self) -> dict[str, Any]:
        """Return the site's time."""
        now = self._core.clock.now()
        return {"time": now, "iso": iso(now)}

    def set_clock(self, body: Body) -> dict[str, Any]:
        """Step the clock by ``advance`` seconds or ``set`` it, and do at once what falls due by that."""
        if "set" in body:
            to = body["set"]
            self._core.clock.set(parse_iso(to) if isinstance(to, str) else float(to))
        self._core.clock.advance(float(body.get("advance", 0.0)))
        self._core.scheduler.settle()
        return self.clock()

    def run_generator(self, body: Body) -> dict[str, Any]:
        """Start or stop the generator, or change its pace."""
        changes = {name: value for name, value in body.items() if name != "running"}
        if body.get("running", True):
            self._generator.start(changes)
        else:
            self._generator.stop()
        return self._generator.state()

    def retention(self, body: Body) -> dict[str, Any]:
        """Archive every row below the id ``below``; 0 brings all back."""
        with self._core.lock:
            self._core.log.hide_below(int(body.get("below") or 0))
        return self.state()

    def permission(self, body: Body) -> dict[str, Any]:
        """Narrow what an ``account`` sees; without any restriction it sees all again."""
        account = str(body.get("account") or self._core.options.script_name)
        restriction = Restriction(
            event_types=tuple(body.get("event_types") or ()),
            projects=tuple(body.get("projects") or ()),
            first_id=body.get("first_id"),
            last_id=body.get("last_id"),
        )
        with self._core.lock:
            self._core.permissions.restrict(account, None if restriction == Restriction() else restriction)
        return {"account": account}

    def reset(self, body: Body) -> dict[str, Any]:
        """Restore the site from a backup in which ``next_id`` was the next id."""
        lost = self._core.reset(int(body["next_id"]))
        return {"lost": lost, **self.state()}

    def thumbnail(self, body: Body) -> dict[str, Any]:
        """Give an entity a new image; the second row follows ``after`` seconds (30)."""
        core = self._core
        with core.lock:
            record = core.entities.alive(str(body["type"]), int(body["id"]))
            if record is None:
                raise KeyError(f"{body['type']} {body['id']}")
            self._generator.thumbnail(record, float(body.get("after", 30.0)))
        return {}

    def set_key(self, body: Body) -> dict[str, Any]:
        """Give a script another key; the old one is refused from now on."""
        script = str(body.get("script") or self._core.options.script_name)
        with self._core.lock:
            self._core.accounts.set_key(script, str(body["key"]))
        return {"script": script}

    def listen(self, body: Body) -> dict[str, Any]:
        """Close the site's port, for ``seconds`` if given, or open it again."""
        if body.get("open", True):
            self._listener.open()
        else:
            self._listener.close()
            if body.get("seconds"):
                self._core.scheduler.after(float(body["seconds"]), self._listener.open)
        return {"open": self._listener.is_open}

    def requests(self) -> dict[str, Any]:
        """Return how many requests of each method came, and the latest of them."""
        with self._front.lock:
            return {"calls": dict(self._front.calls), "recent": list(self._front.recent)}

    def forget_requests(self) -> dict[str, Any]:
        """Count requests from zero again."""
        with self._front.lock:
            self._front.calls.clear()
            self._front.recent.clear()
        return {}

    def faults(self) -> list[dict[str, Any]]:
        """Return the faults in force."""
        with self._front.lock:
            return self._front.faults.listing(self._core.clock.now())

    def add_fault(self, body: Body) -> dict[str, Any]:
        """Put a fault in force."""
        fault = Fault.parse(body)
        with self._front.lock:
            return {"id": self._front.faults.add(fault, self._core.clock.now())}

    def remove_faults(self, number: int | None = None) -> dict[str, Any]:
        """Lift one fault, or all."""
        with self._front.lock:
            return {"removed": self._front.faults.remove(number)}

    def _rows(self, body: Body) -> list[dict[str, Any]]:
        if "rows" in body:
            return [dict(row) for row in body["rows"]]
        count = int(body.get("count", 1))
        if not 0 <= count <= MOST_ROWS:
            raise ValueError(f"count must be between 0 and {MOST_ROWS}, got {count}")
        shape, changes = str(body.get("shape", "status")), body.get("changes") or {}
        return list(rows(count, shape, changes, int(body.get("meta_bytes", 0)), self._core.clock.now()))


class AdminHandler(BaseHTTPRequestHandler):
    """One connection of a test."""

    protocol_version = "HTTP/1.1"
    admin: Admin
    server: ClosableServer

    def handle_call(self) -> None:
        """Answer one call: 200 with JSON, 400 for a bad one, 404 for what does not exist."""
        length = int(self.headers.get("content-length") or 0)
        sent = self.rfile.read(length)
        parts = urlsplit(self.path)
        query: dict[str, Any] = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        try:
            body = json.loads(sent) if sent else query
            if not isinstance(body, dict):
                raise ValueError("the body must be a JSON object")
            self._answer(200, self._route(parts.path, body))
        except KeyError as error:
            self._answer(404, {"error": f"there is no {error.args[0]!r}"})
        except (ValueError, TypeError, OSError) as error:
            self._answer(400, {"error": str(error)})

    do_GET = do_POST = do_DELETE = handle_call  # noqa: N815 - names that the base class looks for

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Keep quiet."""

    def _route(self, path: str, body: Body) -> Any:
        for method, pattern, act in self.admin.routes:
            match = pattern.fullmatch(path)
            if match is not None and method == self.command:
                return act(body, *match.groups())
        raise KeyError(f"{self.command} {path}")

    def _answer(self, status: int, value: Any) -> None:
        head = f"HTTP/1.1 {status} Answer\r\nContent-Type: application/json\r\n"
        if isinstance(value, (dict, list)):
            data = json.dumps(value).encode()
            self.connection.sendall(f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data)
            return
        self.connection.sendall(f"{head}Transfer-Encoding: chunked\r\n\r\n".encode())
        for piece in value:
            self.connection.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        self.connection.sendall(b"0\r\n\r\n")


def serve_admin(admin: Admin, host: str, port: int) -> ClosableServer:
    """Open the admin port and return its server, not started yet. Raises OSError when the port is taken."""
    handler = type("BoundAdminHandler", (AdminHandler,), {"admin": admin})
    return ClosableServer(host, port, handler, "admin")


def _described(transaction: Transaction) -> dict[str, Any]:
    return {"transaction": transaction.name, "writer": transaction.writer, "ids": transaction.ids}


def _stream(ids: list[int], size: int = 20_000) -> Iterable[bytes]:
    yield b'{"ids":['
    for start in range(0, len(ids), size):
        piece = ",".join(map(str, ids[start : start + size]))
        yield (("," if start else "") + piece).encode()
    yield b"]}"
