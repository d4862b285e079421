"""A real SMTP server on loopback, in a thread."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import threading
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


class Mailbox:
    """Takes mails; `gate` holds the server back from answering until it is set."""

    def __init__(self) -> None:
        self.mails: list[EmailMessage] = []
        self.logins: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        self.gate = threading.Event()
        self.gate.set()
        self._news = threading.Condition()

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802
        await asyncio.get_running_loop().run_in_executor(None, self.gate.wait, 30)
        assert isinstance(envelope.content, bytes)
        with self._news:
            self.mails.append(message_from_bytes(envelope.content, policy=policy.default))  # type: ignore[arg-type]
            self.encrypted.append(server.transport.get_extra_info("ssl_object") is not None)
            self._news.notify_all()
        return "250 OK"

    def authenticate(
        self, server: SMTP, session: Session, envelope: Envelope, kind: str, data: Any
    ) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password == b"pass-word")

    def wait_for(self, count: int) -> list[EmailMessage]:
        with self._news:
            assert self._news.wait_for(lambda: len(self.mails) >= count, 20), (
                f"only {len(self.mails)} mails came"
            )
            return list(self.mails)


@contextlib.contextmanager
def serving(mailbox: Mailbox, *, wrap: ssl.SSLContext | None, **options: Any) -> Iterator[int]:
    loop = asyncio.new_event_loop()
    server = loop.run_until_complete(
        loop.create_server(
            lambda: SMTP(mailbox, loop=loop, authenticator=mailbox.authenticate, **options),
            "127.0.0.1",
            0,
            ssl=wrap,
        )
    )
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        mailbox.gate.set()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        for task in asyncio.all_tasks(loop):
            task.cancel()
        loop.run_until_complete(asyncio.sleep(0))
        loop.run_until_complete(loop.shutdown_default_executor())
        loop.close()
