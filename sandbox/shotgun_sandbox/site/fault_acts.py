"""How each kind of fault looks on the wire."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from shotgun_sandbox.site.errors import AUTHENTICATION
from shotgun_sandbox.site.exchange import HTML_TYPE, Exchange, Reply, html_reply, json_reply
from shotgun_sandbox.site.faults import Fault

Act = Callable[[Fault, Exchange], None]
FOREVER = 3600.0


def act(fault: Fault, exchange: Exchange) -> None:
    """Answer ``exchange`` the wrong way that ``fault`` asks for."""
    _ACTS[fault.kind](fault, exchange)


def _status(fault: Fault, exchange: Exchange) -> None:
    exchange.send(_status_reply(fault))


def _status_reply(fault: Fault) -> Reply:
    code = fault.code or 503
    headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
    if fault.body == "json":
        return replace(json_reply({"errors": [{"status": code}]}), status=code, headers=headers)
    if fault.body == "text":
        return Reply(code, f"status {code}\n".encode(), "text/plain", headers)
    if fault.body == "empty":
        return Reply(code, b"", "text/plain", headers)
    return html_reply(code, f"{code}", "This site cannot answer at the moment.", headers)


def _redirect(fault: Fault, exchange: Exchange) -> None:
    reply = html_reply(fault.code or 302, "Sign in", "You are being sent to the sign-in page.")
    exchange.send(replace(reply, headers={"Location": fault.location}))


def _exception(fault: Fault, exchange: Exchange) -> None:
    code = fault.code or AUTHENTICATION
    message = fault.message or f"Can't authenticate script '{exchange.account}'"
    exchange.send(json_reply({"exception": True, "error_code": code, "message": message}))


def _html(_fault: Fault, exchange: Exchange) -> None:
    exchange.send(html_reply(200, "Welcome", "Please accept the terms of this network."))


def _body(body: bytes, status: int = 200) -> Act:
    def answer(_fault: Fault, exchange: Exchange) -> None:
        exchange.send(Reply(status, body) if body else Reply(status, b"", HTML_TYPE))

    return answer


def _garbage(_fault: Fault, exchange: Exchange) -> None:
    exchange.wire.send(b"\x16\x03\x01 this is not HTTP\r\n\r\n")
    exchange.wire.close()


def _hang(fault: Fault, exchange: Exchange) -> None:
    exchange.wire.wait(fault.delay or FOREVER)
    exchange.wire.close()


def _drip(fault: Fault, exchange: Exchange) -> None:
    data = exchange.finished(exchange.execute()).wire(exchange.date)
    size = max(1, -(-len(data) // max(1, fault.pieces)))
    for start in range(0, len(data), size):
        exchange.wire.send(data[start : start + size])
        if start + size < len(data) and exchange.wire.wait(fault.delay or 1.0):
            break


def _slow(fault: Fault, exchange: Exchange) -> None:
    exchange.wire.wait(fault.delay or 5.0)
    exchange.send(exchange.execute())


def _rst(_fault: Fault, exchange: Exchange) -> None:
    exchange.wire.reset()


def _fin(_fault: Fault, exchange: Exchange) -> None:
    exchange.wire.close()


def _cut(reply: Reply, exchange: Exchange) -> None:
    """Announce the whole body, send half of it, and end the connection."""
    data = reply.wire(exchange.date)
    exchange.wire.send(data[: len(data) - max(1, len(reply.body) // 2)])


def _cut_headers(_fault: Fault, exchange: Exchange) -> None:
    exchange.wire.send(b"HTTP/1.1 200 OK\r\nContent-Type: applica")
    exchange.wire.close()


def _cut_body(_fault: Fault, exchange: Exchange) -> None:
    _cut(exchange.finished(exchange.execute()), exchange)
    exchange.wire.close()


def _rst_body(_fault: Fault, exchange: Exchange) -> None:
    _cut(exchange.finished(exchange.execute()), exchange)
    exchange.wire.wait(0.2)  # the first half must arrive before the reset, which throws away what is unread
    exchange.wire.reset()


def _cut_gzip(_fault: Fault, exchange: Exchange) -> None:
    reply = exchange.execute().compressed()
    exchange.wire.send(replace(reply, body=reply.body[: len(reply.body) // 2]).wire(exchange.date))


def _cut_json(_fault: Fault, exchange: Exchange) -> None:
    reply = exchange.execute()
    exchange.send(replace(reply, body=reply.body[: len(reply.body) // 2]))


def _invalid_utf8(_fault: Fault, exchange: Exchange) -> None:
    reply = exchange.execute()
    exchange.send(replace(reply, body=reply.body[:-1] + b',"x":"\xff\xfe"}'))


def _changed(change: Callable[[dict[str, Any]], None]) -> Act:
    def answer(_fault: Fault, exchange: Exchange) -> None:
        whole = json.loads(exchange.execute().body)
        if isinstance(whole.get("results"), dict):
            change(whole["results"])
        exchange.send(json_reply(whole))

    return answer


def _without_paging(results: dict[str, Any]) -> None:
    results.pop("paging_info", None)


def _repeat_rows(results: dict[str, Any]) -> None:
    rows = results.get("entities") or []
    results["entities"] = [*rows[:1], *rows]


def _idle_close(_fault: Fault, exchange: Exchange) -> None:
    exchange.send(exchange.execute())
    exchange.wire.close()


def _lost_answer(fault: Fault, exchange: Exchange) -> None:
    exchange.execute()
    after: Mapping[str, Act] = {"fin": _fin, "rst": _rst, "hang": _hang, "status": _status}
    code = fault.code or 502
    after.get(fault.then, _fin)(replace(fault, code=code), exchange)


_ACTS: Mapping[str, Act] = {
    "status": _status,
    "redirect": _redirect,
    "exception": _exception,
    "html": _html,
    "empty": _body(b""),
    "no_content": _body(b"", 204),
    "object": _body(b"{}"),
    "null": _body(b"null"),
    "list": _body(b"[]"),
    "garbage": _garbage,
    "hang": _hang,
    "drip": _drip,
    "slow": _slow,
    "rst": _rst,
    "fin": _fin,
    "cut_headers": _cut_headers,
    "cut_body": _cut_body,
    "cut_gzip": _cut_gzip,
    "cut_json": _cut_json,
    "rst_body": _rst_body,
    "invalid_utf8": _invalid_utf8,
    "no_paging_info": _changed(_without_paging),
    "duplicate_rows": _changed(_repeat_rows),
    "idle_close": _idle_close,
    "lost_answer": _lost_answer,
}
