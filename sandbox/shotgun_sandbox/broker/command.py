"""`shotgun-sandbox broker`."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import click

from shotgun_runtime.errors import StreamError

from .jars import Report
from .node import Broker


@click.command("broker")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9092,
    show_default=True,
    help="Port on 127.0.0.1; 0 takes any free one.",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path),
    help="Folder for the topics; on the same one the broker finds them again. Without it they are gone at the end.",
)
def broker_command(port: int, data: Path | None) -> None:
    """Run a real Apache Kafka on this machine until SIGTERM or Ctrl-C.

    Prints one JSON line with `bootstrap_servers` when it is ready. The first start fetches Kafka (45 MB), later ones
    take seconds. A Java 17 or newer is used when there is one, else the one that pip installed.
    """
    # One way out for both signals, wherever they arrive; Kafka's supervisor ends what an impatient second one leaves.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with ExitStack() as stack:
        with _progress() as report:
            broker = stack.enter_context(Broker(data, port=port, report=report))
        try:
            click.echo(json.dumps({"bootstrap_servers": broker.bootstrap_servers}))
            code = broker.wait()
        except KeyboardInterrupt:
            return
        raise StreamError(f"Kafka ended by itself with exit code {code}. {broker.last_words()}")


@contextmanager
def _progress() -> Iterator[Report]:
    from rich.console import Console

    console = Console(stderr=True)
    if not console.is_terminal:
        yield lambda text: click.echo(text, err=True)
        return
    with console.status("Starting Apache Kafka") as status:
        yield status.update
