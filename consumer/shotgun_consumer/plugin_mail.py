"""Sends a plugin's errors where its `setEmails` says."""

from __future__ import annotations

import logging
import socket

from shotgun_runtime.mail import MailHandler
from shotgun_runtime.settings import LoggingSettings

from .plugin_loader import LoadedPlugin


def route_mail(plugin: LoadedPlugin, settings: LoggingSettings, *, service: str) -> MailHandler | None:
    """Keep this plugin's errors out of the service's mails, or send them to the plugin's own addresses.

    Returns the handler to close at the end, if one was made. Without configured mail, nothing is mailed.
    """
    if plugin.emails is True or settings.email is None:
        return None
    general = [handler for handler in logging.getLogger().handlers if isinstance(handler, MailHandler)]
    prefix = plugin.logger.name
    for handler in general:
        handler.addFilter(lambda record: not (record.name == prefix or record.name.startswith(f"{prefix}.")))
    if not plugin.emails:
        return None
    own = settings.email.model_copy(update={"recipients": list(plugin.emails)})
    handler = MailHandler(own, service=service, host=socket.gethostname())
    if general:
        # The service's formatter masks secrets.
        handler.setFormatter(general[0].formatter)
    plugin.logger.addHandler(handler)
    return handler
