"""Mail for errors, sent to a real SMTP server on loopback."""

from __future__ import annotations

import io
import logging
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import trustme
from smtp_server import Mailbox, serving

from shotgun_runtime.log import close_logging, configure_logging
from shotgun_runtime.mail import MailBudget, MailHandler
from shotgun_runtime.settings import EmailSettings, LoggingSettings

log = logging.getLogger("tests.mail")


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def mailbox() -> Mailbox:
    return Mailbox()


@pytest.fixture
def plain(mailbox: Mailbox) -> Iterator[int]:
    with serving(mailbox, wrap=None) as port:
        yield port


@pytest.fixture
def stream() -> Iterator[io.StringIO]:
    yield io.StringIO()
    close_logging()


def email(port: int, **more: Any) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": port, "sender": "stream@studio", "recipients": "td@studio", **more}


def configure(stream: io.StringIO, settings: dict[str, Any]) -> None:
    configure_logging(LoggingSettings(email=settings), service="producer", stream=stream)


def tls_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    return context


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_an_error_is_mailed_over_tls_after_a_login(
    security: str, mailbox: Mailbox, authority: trustme.CA, ca_file: Path, stream: io.StringIO
) -> None:
    context = tls_context(authority)
    options: dict[str, Any] = {"auth_require_tls": security == "starttls"}
    if security == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    with serving(mailbox, wrap=context if security == "tls" else None, **options) as port:
        settings = email(port, security=security, username="me", password="pass-word", ca_certs=str(ca_file))
        configure(stream, settings)

        log.error("Übergröße: 日本語 & <br>")

        (mail,) = mailbox.wait_for(1)
    assert mail["To"] == "td@studio"
    assert mail["From"] == "stream@studio"
    assert "ERROR: Übergröße: 日本語" in mail["Subject"]
    assert "producer@" in mail["Subject"]
    assert "Übergröße: 日本語 & <br>" in mail.get_content()
    assert mailbox.logins == [("me", "pass-word")]
    assert mailbox.encrypted == [True]


def test_a_server_whose_certificate_is_not_trusted_gets_no_password(
    mailbox: Mailbox, authority: trustme.CA, stream: io.StringIO
) -> None:
    with serving(mailbox, wrap=None, tls_context=tls_context(authority), auth_require_tls=True) as port:
        configure(stream, email(port, username="me", password="pass-word"))

        log.error("broken")
        close_logging()

    assert mailbox.logins == []
    assert mailbox.mails == []
    assert "cannot be sent: " in stream.getvalue()


def test_warnings_are_not_mailed_and_tracebacks_are(
    mailbox: Mailbox, plain: int, stream: io.StringIO
) -> None:
    configure(stream, email(plain, security="none"))

    log.warning("just a warning")
    try:
        raise KeyError("missing field")
    except KeyError:
        log.exception("callback failed")

    (mail,) = mailbox.wait_for(1)
    assert "KeyError: 'missing field'" in mail.get_content()
    close_logging()
    assert len(mailbox.mails) == 1


def test_line_breaks_in_a_message_make_no_headers(mailbox: Mailbox, plain: int, stream: io.StringIO) -> None:
    configure(stream, email(plain, security="none"))

    log.error("bad\r\nBcc: all@studio\n\nbody")

    (mail,) = mailbox.wait_for(1)
    assert mail["Bcc"] is None
    assert mail["To"] == "td@studio"


def test_only_so_many_mails_go_out_in_a_minute_and_the_next_counts_the_rest(
    mailbox: Mailbox, plain: int
) -> None:
    now = [1000.0]
    settings = EmailSettings(**email(plain, security="none", max_per_minute=2))
    handler = MailHandler(settings, service="s", host="h", clock=lambda: now[0])
    try:
        for number in range(10):
            handler.handle(record(f"error {number}"))
        mailbox.wait_for(2)
        now[0] += 61.0
        handler.handle(record("a minute later"))
        mails = mailbox.wait_for(3)
    finally:
        handler.close()

    assert [mail.get_content().splitlines()[0] for mail in mails] == ["error 0", "error 1", "a minute later"]
    assert "8 more error(s) before this one were not mailed" in mails[2].get_content()


def test_what_was_held_back_is_told_at_the_end(mailbox: Mailbox, plain: int) -> None:
    settings = EmailSettings(**email(plain, security="none", max_per_minute=1))
    handler = MailHandler(settings, service="s", host="h", clock=lambda: 0.0)
    for number in range(3):
        handler.handle(record(f"error {number}"))

    handler.close()

    mails = mailbox.wait_for(2)
    assert "2 more error(s)" in mails[1].get_content()


def test_logging_does_not_wait_for_the_mail_server(mailbox: Mailbox, plain: int) -> None:
    mailbox.gate.clear()
    handler = MailHandler(
        EmailSettings(**email(plain, security="none", max_per_minute=1000)), service="s", host="h"
    )
    try:
        for number in range(500):  # far more than the queue holds, while the server answers nothing
            handler.handle(record(f"error {number}"))
        assert mailbox.mails == []
    finally:
        mailbox.gate.set()
        handler.close()

    mails = mailbox.wait_for(101)
    assert sum("more error(s)" in mail.get_content() for mail in mails) >= 1


def test_a_mail_server_that_is_away_costs_one_line_and_nothing_else(stream: io.StringIO) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    configure(stream, email(port, security="none"))

    for number in range(4):
        log.error("error %d", number)
    close_logging()

    lines = stream.getvalue().splitlines()
    assert len([line for line in lines if "Mail to 127.0.0.1 cannot be sent" in line]) == 1
    assert len(lines) == 5


def test_closing_ends_within_its_time_though_the_server_hangs() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings = EmailSettings(**email(silent.getsockname()[1], security="none", timeout="300s"))
        handler = MailHandler(settings, service="s", host="h", close_seconds=0.2)
        handler.handle(record("never delivered"))

        ended = threading.Thread(target=handler.close)
        ended.start()
        ended.join(20)

        assert not ended.is_alive()


def test_a_budget_lets_mails_through_again_as_the_minute_passes() -> None:
    budget = MailBudget(2)

    assert [budget.admit(at) for at in (0.0, 1.0, 59.0, 60.0, 60.5, 61.0)] == [
        True,
        True,
        False,
        True,
        False,
        True,
    ]
    assert budget.take_held() == 2
    assert budget.take_held() == 0


def record(text: str) -> logging.LogRecord:
    return logging.LogRecord("tests.mail", logging.ERROR, __file__, 1, text, (), None)
