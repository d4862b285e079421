"""The command ``shotgun-sandbox site``."""

from __future__ import annotations

import errno
import json
import signal
import ssl
import threading
from pathlib import Path
from typing import Any

import click

from shotgun_sandbox.site.clock import parse_iso
from shotgun_sandbox.site.options import SiteOptions
from shotgun_sandbox.site.sandbox_site import SandboxSite

PORT = click.IntRange(0, 65535)
COUNT = click.IntRange(0)
SHARE = click.FloatRange(0.0, 0.99)
SECONDS = click.FloatRange(0.0)
FILE = click.Path(exists=True, dir_okay=False, path_type=Path)


def _moment(_context: click.Context, _parameter: click.Parameter, value: str | None) -> float | None:
    if value is None:
        return None
    try:
        return parse_iso(value)
    except ValueError:
        raise click.BadParameter(f"{value!r} is no ISO date; use for example 2026-03-02T09:00:00Z") from None


@click.command("site")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen on.")
@click.option("--port", type=PORT, default=0, show_default=True, help="Port of the site; 0 = any free one.")
@click.option("--admin-port", type=PORT, default=0, show_default=True, help="Port of the admin interface.")
@click.option("--events", type=COUNT, default=0, show_default=True, help="Visible events at the start.")
@click.option(
    "--rate", type=SECONDS, default=0.0, show_default=True, help="Live events a second, on average."
)
@click.option(
    "--late", type=SHARE, default=0.0, show_default=True, help="Share of transactions that commit late."
)
@click.option("--late-seconds", type=SECONDS, default=30.0, show_default=True, help="The latest of them.")
@click.option(
    "--dead", type=SHARE, default=0.0, show_default=True, help="Share of transactions that never commit."
)
@click.option(
    "--writers", type=click.IntRange(1), default=16, show_default=True, help="Writers that reserve ids."
)
@click.option(
    "--id-block", type=click.IntRange(1), default=33, show_default=True, help="Ids in a reserved block."
)
@click.option(
    "--batch-every", type=SECONDS, default=0.0, show_default=True, help="Seconds between large batches."
)
@click.option(
    "--batch-size", type=click.IntRange(1), default=200, show_default=True, help="Events in such a batch."
)
@click.option(
    "--batch-seconds", type=SECONDS, default=12.0, show_default=True, help="How long it stays invisible."
)
@click.option(
    "--latency-ms", type=SECONDS, default=0.0, show_default=True, help="Median time of a read; real: 170."
)
@click.option(
    "--page-cap", type=click.IntRange(1), default=500, show_default=True, help="Rows a page may have."
)
@click.option("--tls-cert", type=FILE, help="Speak HTTPS with the certificate in this PEM file.")
@click.option("--tls-key", type=FILE, help="Its key; in the certificate's own file when absent.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same past.")
@click.option(
    "--start", callback=_moment, help="The site's clock at the start, an ISO date; now when absent."
)
def site_command(latency_ms: float, **values: Any) -> None:
    """Run a simulated Shotgun site on this machine until SIGTERM.

    Prints one line of JSON when it answers: url, script_name, api_key, admin_url.
    """
    options = SiteOptions(latency=latency_ms / 1000, **values)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: ended.set())
    try:
        site = SandboxSite(options)
    except ssl.SSLError:
        raise click.UsageError(
            f"--tls-cert {options.tls_cert}: not a certificate with its key; name the key with --tls-key"
        ) from None
    except OSError as error:
        raise click.UsageError(_port_message(options, error)) from None
    with site:
        ready = {
            "url": site.url,
            "script_name": site.script_name,
            "api_key": site.api_key,
            "admin_url": site.admin_url,
        }
        click.echo(json.dumps(ready))
        ended.wait()


def _port_message(options: SiteOptions, error: OSError) -> str:
    ports = " or ".join(str(port) for port in (options.port, options.admin_port) if port) or "0"
    if error.errno == errno.EADDRINUSE:
        return f"port {ports} on {options.host} is taken; choose another one, or --port 0 for any free one"
    return f"cannot listen on {options.host} port {ports}: {error.strerror}; choose another --host or --port"
