"""Logging: stdout for people or machines, a rotating file, and mail for errors. No secret gets through."""

from __future__ import annotations

import logging
import logging.handlers
import socket
import sys
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TextIO

from pythonjsonlogger.json import JsonFormatter

from shotgun_runtime.client_log import quiet_client_log
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.mail import MailHandler
from shotgun_runtime.secret import Redactor
from shotgun_runtime.settings import LoggingSettings

_TEXT = "%(asctime)s %(levelname)-8s %(name)s: %(message)s"
_OURS = "_shotgun_stream"


def configure_logging(settings: LoggingSettings, *, service: str, stream: TextIO | None = None) -> None:
    """Set up the root logger. A second call replaces what the first one made.

    ``service`` names the process in JSON lines and mails. ``stream`` is stdout unless given; a command that prints
    data takes stderr. All secrets of the configuration that ``settings`` came with are masked in every line. Raises
    ConfigurationError when the log file cannot be written.
    """
    redact = Redactor(settings.redacted)
    handlers: list[logging.Handler] = [_StreamHandler(stream or sys.stdout)]
    if settings.file:
        handlers.append(_file_handler(settings, settings.file))
    for handler in handlers:
        handler.setFormatter(_Redacting(_formatter(settings.format, service, redact), redact))
    if settings.email:
        mail = MailHandler(settings.email, service=service, host=socket.gethostname())
        mail.setFormatter(_Redacting(_TextFormatter(), redact))
        handlers.append(mail)
    quiet_client_log()
    root = logging.getLogger()
    _replace(root, handlers)
    root.setLevel(settings.level)


def close_logging() -> None:
    """Flush and take away what ``configure_logging`` made; waiting mails get their few seconds."""
    _replace(logging.getLogger(), [])


class _StreamHandler(logging.StreamHandler[TextIO]):
    """Says nothing more once nobody reads it, instead of a traceback for each line."""

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        if isinstance(sys.exc_info()[1], BrokenPipeError):
            self.setLevel(logging.CRITICAL + 1)
        else:
            super().handleError(record)


def _replace(root: logging.Logger, handlers: Iterable[logging.Handler]) -> None:
    # Mail first, which was added last: what it says about its end still has somewhere to go.
    for old in [handler for handler in reversed(root.handlers) if getattr(handler, _OURS, False)]:
        old.close()
        root.removeHandler(old)
    for handler in handlers:
        setattr(handler, _OURS, True)
        root.addHandler(handler)


def _file_handler(settings: LoggingSettings, path: Path) -> logging.Handler:
    try:
        return logging.handlers.RotatingFileHandler(
            path, maxBytes=settings.file_max_bytes, backupCount=settings.file_count, encoding="utf-8"
        )
    except OSError as error:
        raise ConfigurationError(
            f"logging.file {path} cannot be written: {error.strerror}; make its folder, or name another file"
        ) from None


def _formatter(form: str, service: str, redact: Redactor) -> logging.Formatter:
    return _JsonFormatter(service, redact) if form == "json" else _TextFormatter()


def _moment(record: logging.LogRecord) -> str:
    moment = datetime.fromtimestamp(record.created, timezone.utc)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


class _TextFormatter(logging.Formatter):
    """One line for people, in UTC, so that logs of several machines can be laid side by side."""

    def __init__(self) -> None:
        super().__init__(_TEXT)

    def formatTime(self, record: logging.LogRecord, datefmt: str | None = None) -> str:  # noqa: N802, ARG002
        return _moment(record)


class _JsonFormatter(JsonFormatter):
    """One object a line: timestamp, level, logger, message, service, exception, and what ``extra`` holds."""

    def __init__(self, service: str, redact: Redactor) -> None:
        super().__init__("%(message)s", json_ensure_ascii=False)
        self._service = service
        self._redact = redact

    def add_fields(
        self, log_data: dict[str, Any], record: logging.LogRecord, message_dict: dict[str, Any]
    ) -> None:
        super().add_fields(log_data, record, message_dict)
        rest = {
            key: value
            for key, value in log_data.items()
            if key not in ("message", "exc_info", "stack_info", "taskName")
        }
        exception = log_data.get("exc_info")
        stack = log_data.get("stack_info")
        log_data.clear()
        log_data["timestamp"] = _moment(record)
        log_data["level"] = record.levelname
        log_data["logger"] = record.name
        log_data["message"] = record.getMessage()
        log_data["service"] = self._service
        if exception:
            log_data["exception"] = exception
        if stack:
            log_data["stack"] = stack
        for key, value in rest.items():
            log_data.setdefault(key, value)
        # Here as well as in the finished line: what is escaped twice cannot be recognised any more.
        for key, value in log_data.items():
            if isinstance(value, str):
                log_data[key] = self._redact(value)


class _Redacting(logging.Formatter):
    """Masks secrets in the finished line, tracebacks included."""

    def __init__(self, inner: logging.Formatter, redact: Redactor) -> None:
        super().__init__()
        self._inner = inner
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(self._inner.format(record))
