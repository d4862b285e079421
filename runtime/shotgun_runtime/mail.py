"""Mail for errors: from a thread of its own, a few a minute, never in the way of the service."""

from __future__ import annotations

import collections
import contextlib
import logging
import queue
import smtplib
import ssl
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from shotgun_runtime.settings import EmailSettings
from shotgun_runtime.shutdown import Deadline

log = logging.getLogger(__name__)

_QUEUE_SIZE = 100
_CLOSE_SECONDS = 5.0
_DEFAULT_PORTS = {"starttls": 587, "tls": 465, "none": 25}
_SUBJECT_LENGTH = 120


class MailBudget:
    """At most so many mails in any minute, and a count of those that had to be held back. Pure; one owner."""

    def __init__(self, per_minute: int) -> None:
        self._sent: collections.deque[float] = collections.deque(maxlen=per_minute)
        self.held = 0

    def admit(self, now: float) -> bool:
        """Tell whether one more mail may go now (monotonic seconds); counts it as held back when not."""
        if len(self._sent) == self._sent.maxlen and now - self._sent[0] < 60.0:
            self.held += 1
            return False
        self._sent.append(now)
        return True

    def take_held(self) -> int:
        """Return the count of mails held back since the last call."""
        held, self.held = self.held, 0
        return held


@dataclass(frozen=True, slots=True)
class _Mail:
    """One mail that waits; ``held`` counts the errors before it that were held back."""

    subject: str
    text: str
    held: int


class MailHandler(logging.Handler):
    """Sends records of level ERROR and above. ``emit`` never waits: the sending happens in the handler's thread.

    When the server does not take mail, one warning goes to the other handlers, and what was not sent is counted in the
    next mail. ``close`` gives what waits up to five seconds.
    """

    def __init__(
        self,
        settings: EmailSettings,
        *,
        service: str,
        host: str,
        clock: Callable[[], float] = time.monotonic,
        close_seconds: float = _CLOSE_SECONDS,
    ) -> None:
        super().__init__(logging.ERROR)
        self._settings = settings
        self._service = service
        self._host = host
        self._clock = clock
        self._close_seconds = close_seconds
        self._lock = threading.Lock()  # guards the budget between whoever logs and the sending thread
        self._budget = MailBudget(settings.max_per_minute)
        self._waiting: queue.Queue[_Mail | None] = queue.Queue(_QUEUE_SIZE)
        self._broken = False
        self._deadline: Deadline | None = None
        self._thread = threading.Thread(target=self._run, name="mail", daemon=True)
        self._thread.start()

    def emit(self, record: logging.LogRecord) -> None:
        """Queue a record for sending, or count it as held back."""
        if record.name == log.name or self._deadline is not None:
            return
        with self._lock:
            if not self._budget.admit(self._clock()):
                return
            held = self._budget.take_held()
        try:
            text = self.format(record)
            first_line = text.partition("\n")[0].partition(f"{record.name}: ")[2]
            self._waiting.put_nowait(_Mail(f"{record.levelname}: {first_line}", text, held))
        except queue.Full:
            with self._lock:
                self._budget.held += held + 1
        except Exception:  # noqa: BLE001 - logging's own way to report a handler's fault
            self.handleError(record)

    def close(self) -> None:
        """Send what waits, within the time for it, and end the thread."""
        if self._deadline is None:
            self._deadline = Deadline.after(self._close_seconds)
            with contextlib.suppress(queue.Full):
                self._waiting.put(None, timeout=self._deadline.remaining())
            self._thread.join(self._deadline.remaining())
        super().close()

    def _run(self) -> None:
        while (mail := self._waiting.get()) is not None:
            self._deliver(mail)
        with self._lock:
            held = self._budget.take_held()
        if held and not self._broken:
            self._deliver(_Mail("stopped", "The service has stopped.", held))

    def _deliver(self, mail: _Mail) -> None:
        text = mail.text
        if mail.held:
            text += f"\n\n{mail.held} more error(s) before this one were not mailed; the log has them."
        try:
            self._send(self._message(mail.subject, text))
        except Exception as error:  # noqa: BLE001 - mail must never break the service
            with self._lock:
                self._budget.held += mail.held + 1
            if not self._broken:
                self._broken = True
                log.warning(
                    "Mail to %s cannot be sent: %s. Errors are in this log", self._settings.host, error
                )
        else:
            if self._broken:
                self._broken = False
                log.info("Mail to %s is sent again", self._settings.host)

    def _message(self, subject: str, text: str) -> EmailMessage:
        message = EmailMessage()
        one_line = " ".join(f"{self._settings.subject} {self._service}@{self._host} {subject}".split())
        message["Subject"] = one_line[:_SUBJECT_LENGTH]
        message["From"] = self._settings.sender
        message["To"] = ", ".join(self._settings.recipients)
        message["Date"] = formatdate()
        message["Message-ID"] = make_msgid(domain=self._host or None)
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(text, charset="utf-8")
        return message

    def _send(self, message: EmailMessage) -> None:
        settings = self._settings
        port = settings.port or _DEFAULT_PORTS[settings.security]
        timeout = (
            min(settings.timeout, self._deadline.remaining() + 0.1) if self._deadline else settings.timeout
        )
        with self._connection(port, timeout) as server:
            if settings.security == "starttls":
                server.starttls(context=self._tls())
            if settings.username:
                server.login(settings.username, settings.password.get_secret_value())
            server.send_message(message)

    def _connection(self, port: int, timeout: float) -> smtplib.SMTP:
        if self._settings.security == "tls":
            return smtplib.SMTP_SSL(self._settings.host, port, timeout=timeout, context=self._tls())
        return smtplib.SMTP(self._settings.host, port, timeout=timeout)

    def _tls(self) -> ssl.SSLContext:
        ca_certs = self._settings.ca_certs
        return ssl.create_default_context(cafile=str(ca_certs) if ca_certs else None)
