"""Plugins that react to the events of a Shotgun site: each at its own pace, none skipped.

Plugin authors import from here; everything else in this package is the framework's own. This import needs no Kafka:
plugins can be imported, and tested with `shotgun_consumer.testing`, wherever Python runs.
"""

from __future__ import annotations

from .context import Context, Position
from .errors import RegistrationError
from .plugins.decorator import on
from .plugins.registrar import Registrar
from .requests import DeadLetterRequest, RetryRequest

__all__ = ["Context", "DeadLetterRequest", "Position", "Registrar", "RegistrationError", "RetryRequest", "on"]
