"""The command `shotgun-producer`."""

from __future__ import annotations

import logging
import os
import threading

import click

from shotgun_runtime.cli import config_options, run_cli, version_option
from shotgun_runtime.collector import relax_collector
from shotgun_runtime.health import Health
from shotgun_runtime.http import StatusServer
from shotgun_runtime.log import close_logging, configure_logging
from shotgun_runtime.metric_list import new_registry
from shotgun_runtime.settings import Settings, require_producer
from shotgun_runtime.shutdown import Shutdown, signal_handlers

from .commands.backfill import backfill
from .commands.checkpoint import checkpoint
from .commands.doctor import doctor
from .commands.holes import holes
from .commands.status import status
from .commands.topics import topics
from .commands.verify import verify
from .service import ProducerService

log = logging.getLogger(__name__)

DEFAULT_PORT = 9464


@click.group("shotgun-producer", context_settings={"help_option_names": ["-h", "--help"]})
@version_option
def commands() -> None:
    """Read the event log of a Shotgun site and publish every event exactly once to Kafka."""


for command in (backfill, checkpoint, doctor, holes, status, topics, verify):
    commands.add_command(command)


@commands.command()
@config_options
def run(settings: Settings) -> None:
    """Publish the site's events until SIGTERM or Ctrl-C.

    Any number of instances may run for one topic: one publishes, the others stand by.
    """
    require_producer(settings)
    configure_logging(settings.logging, service="shotgun-producer")
    shutdown = Shutdown(settings.shutdown_timeout)
    health = Health()
    registry = new_registry()
    server = StatusServer(settings.http, DEFAULT_PORT, registry, health)
    try:
        with signal_handlers(shutdown):
            # Before the first scrape: its metrics are in the registry from then on.
            service = ProducerService(settings, shutdown, health, registry)
            port = server.start()
            log.info("Metrics, /healthz and /readyz are served on port %d", port)
            _end_in_time(shutdown)
            relax_collector()
            service.run()
    finally:
        server.close()
        close_logging()


def _end_in_time(shutdown: Shutdown) -> None:
    """Whatever hangs, the process ends when its time to stop is over. Kafka aborts what it left open."""

    def watch() -> None:
        shutdown.wait()
        if not ended.wait(shutdown.deadline.remaining()):
            log.error("The stop took longer than %g s: ending at once", shutdown.timeout)
            os._exit(1)

    ended = threading.Event()
    threading.Thread(target=watch, name="last-resort", daemon=True).start()


def main() -> None:
    """Run the command line and exit."""
    run_cli(commands)


if __name__ == "__main__":
    main()
