"""Sends a plugin's errors where its `setEmails` says."""

from __future__ import annotations

import logging
import socket

from shotgun_runtime.mail import MailHandler
from shotgun_runtime.settings import LoggingSettings

from .plugin_loader import LoadedPlugin
from .registrar import Emails


class MailRoutes:
    """Keeps plugins' errors out of the service's mails where they ask for it, or sends them to their own addresses.

    Without configured mail, nothing is mailed. Belongs to the main thread.
    """

    def __init__(self, settings: LoggingSettings, *, service: str) -> None:
        self._settings = settings
        self._service = service
        self._own: dict[str, MailHandler] = {}
        self._kept_out: set[str] = set()
        self._said: dict[str, Emails] = {}
        self._general = [
            handler for handler in logging.getLogger().handlers if isinstance(handler, MailHandler)
        ]
        for handler in self._general:
            handler.addFilter(self._is_general)

    def set(self, plugin: LoadedPlugin) -> None:
        """Mail this plugin's errors as it says now, whatever it said when it was loaded before."""
        if self._said.get(plugin.name, True) == plugin.emails:
            return
        self._said[plugin.name] = plugin.emails
        self._end(plugin.logger)
        if plugin.emails is True or self._settings.email is None:
            return
        self._kept_out.add(plugin.logger.name)
        if not plugin.emails:
            return
        own = self._settings.email.model_copy(update={"recipients": list(plugin.emails)})
        handler = MailHandler(own, service=self._service, host=socket.gethostname())
        if self._general:
            # The service's formatter masks secrets.
            handler.setFormatter(self._general[0].formatter)
        plugin.logger.addHandler(handler)
        self._own[plugin.logger.name] = handler

    def close(self) -> None:
        """Send what is left and end."""
        for name in tuple(self._own):
            self._end(logging.getLogger(name))
        for handler in self._general:
            handler.removeFilter(self._is_general)

    def _end(self, logger: logging.Logger) -> None:
        self._kept_out.discard(logger.name)
        handler = self._own.pop(logger.name, None)
        if handler is not None:
            logger.removeHandler(handler)
            handler.close()

    def _is_general(self, record: logging.LogRecord) -> bool:
        return not any(record.name == name or record.name.startswith(f"{name}.") for name in self._kept_out)
