"""A simulated Shotgun site that the real client talks to over HTTP."""

from __future__ import annotations

from shotgun_sandbox.site.admin_client import AdminError, OpenTransaction, SiteAdmin, SiteState, VisibleDigest
from shotgun_sandbox.site.options import SiteOptions
from shotgun_sandbox.site.sandbox_site import SandboxSite

__all__ = [
    "AdminError",
    "OpenTransaction",
    "SandboxSite",
    "SiteAdmin",
    "SiteOptions",
    "SiteState",
    "VisibleDigest",
]
