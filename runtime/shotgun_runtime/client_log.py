"""The Shotgun client writes the script key to its log at DEBUG; this makes that impossible."""

from __future__ import annotations

import logging

CLIENT_LOGGER = "shotgun_api3"


def quiet_client_log() -> None:
    """Drop whatever the client logs below INFO, whatever level anybody sets. May be called often."""
    logging.getLogger(CLIENT_LOGGER).addFilter(_not_debug)


def _not_debug(record: logging.LogRecord) -> bool:
    return record.levelno >= logging.INFO
