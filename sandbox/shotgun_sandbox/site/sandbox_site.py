"""A whole site in this process: what the command runs, and what tests use."""

from __future__ import annotations

import ssl
from random import Random
from types import TracebackType

from shotgun_sandbox.site.admin import Admin, serve_admin
from shotgun_sandbox.site.admin_client import SiteAdmin
from shotgun_sandbox.site.core import SiteCore
from shotgun_sandbox.site.generator import Generator, Pace, live_past
from shotgun_sandbox.site.listener import Listener
from shotgun_sandbox.site.options import SiteOptions
from shotgun_sandbox.site.server import Front


class SandboxSite:
    """A running site. Use it as a context manager, or call ``close``, which ends every thread of it.

    The constructor returns when the site answers. Raises OSError when a port is taken, and ssl.SSLError, which
    is an OSError too, when the certificate cannot be used.
    """

    def __init__(self, options: SiteOptions | None = None) -> None:
        self.options = options or SiteOptions()
        self.core = SiteCore(self.options)
        live_past(self.core, Random(self.options.seed + 5))  # noqa: S311
        self.generator = Generator(self.core, Random(self.options.seed + 6), _pace(self.options))  # noqa: S311
        self.front = Front(self.core)
        self._listener = Listener(self.front, self.options.host, self.options.port, _tls(self.options))
        self._listener.open()
        try:
            admin = Admin(self.front, self.generator, self._listener)
            self._admin_server = serve_admin(admin, self.options.host, self.options.admin_port)
        except OSError:
            self._listener.close()
            raise
        self._admin_server.start()
        self.core.scheduler.start()
        self.admin = SiteAdmin(self.admin_url)
        if self.options.rate > 0 or self.options.batch_every > 0:
            self.generator.start()

    @property
    def url(self) -> str:
        """The address that the client is given."""
        scheme = "http" if self.options.tls_cert is None else "https"
        return f"{scheme}://{self.options.host}:{self._listener.port}"

    @property
    def admin_url(self) -> str:
        """The address of the admin interface."""
        return f"http://{self.options.host}:{self._admin_server.port}"

    @property
    def script_name(self) -> str:
        """The script that may log in."""
        return self.options.script_name

    @property
    def api_key(self) -> str:
        """The key of that script at the start."""
        return self.options.api_key

    def close(self) -> None:
        """End the site: no port stays open and no thread goes on."""
        self.generator.stop()
        self.core.scheduler.close()
        self._listener.close()
        self._admin_server.close()
        self.admin.close()

    def __enter__(self) -> SandboxSite:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _tls(options: SiteOptions) -> ssl.SSLContext | None:
    if options.tls_cert is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(options.tls_cert, options.tls_key)
    return context


def _pace(options: SiteOptions) -> Pace:
    return Pace(
        rate=options.rate,
        late=options.late,
        late_seconds=options.late_seconds,
        dead=options.dead,
        batch_every=options.batch_every,
        batch_size=options.batch_size,
        batch_seconds=options.batch_seconds,
    )
