"""Plugins that react to the events of a Shotgun site: each at its own pace, none skipped.

Plugin authors import from here; everything else in this package is the framework's own.
"""

from __future__ import annotations

from .context import Context, Position
from .registrar import Registrar

__all__ = ["Context", "Position", "Registrar"]
