"""What kind of site to run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class SiteOptions:
    """Everything that shapes a simulated site. Durations are in seconds, shares between 0 and 1.

    The defaults are a quiet and immediate site; its ids come from blocks, as on a real one.
    """

    host: str = "127.0.0.1"
    port: int = 0
    admin_port: int = 0
    events: int = 0  # visible rows at the start
    seed: int = 1
    start: float | None = None  # the site's clock at the start, epoch seconds; now when none
    writers: int = 16
    id_block: int = 33
    rate: float = 0.0  # rows a second that the generator writes
    late: float = 0.0  # share of its transactions that commit late
    late_seconds: float = 30.0
    dead: float = 0.0  # share of its transactions, and of the past's ids, that never commit
    batch_every: float = 0.0  # a large transaction begins so often; 0 = never
    batch_size: int = 200
    batch_seconds: float = 12.0  # and stays invisible for so long
    latency: float = 0.0  # median time of a read
    page_cap: int = 500
    visible_after: float = 0.0  # from a client's write to its rows being visible
    tls_cert: Path | None = None  # PEM file: the site speaks HTTPS with this certificate
    tls_key: Path | None = None  # its key; in the certificate's own file when none
    script_name: str = "sandbox"
    api_key: str = "sandbox-key"
    password: str = "sandbox-password"  # noqa: S105 - of a site that exists only on this machine
