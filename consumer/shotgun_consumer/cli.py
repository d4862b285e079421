"""The command `shotgun-consumer`."""

from __future__ import annotations

import functools
import json
import logging
import os
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import click

from shotgun_runtime.cli import config_options, run_cli, version_option
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.health import Health
from shotgun_runtime.http import StatusServer
from shotgun_runtime.log import close_logging, configure_logging
from shotgun_runtime.metric_list import new_registry
from shotgun_runtime.settings import Settings, require_consumer
from shotgun_runtime.shutdown import Shutdown, signal_handlers

from .commands.dead_letters import dead_letters
from .commands.doctor import doctor
from .commands.groups import groups
from .commands.migrate import migrate
from .commands.orders import pause, resume, skip
from .commands.positions import positions
from .commands.replay import replay
from .commands.rewind import rewind
from .commands.tail import tail
from .plugins.plugin_config import plugin_config
from .plugins.plugin_loader import LoadedPlugin
from .plugins.plugin_set import load_plugins
from .service import SERVICE, ConsumerService
from .surroundings import Surroundings, TeamSurroundings
from .trying import check as checking
from .trying import dev as dev_run
from .trying import try_event as trying

log = logging.getLogger(__name__)

DEFAULT_PORT = 9465
LAST_SECONDS = 5.0


@click.group("shotgun-consumer", context_settings={"help_option_names": ["-h", "--help"]})
@version_option
def commands() -> None:
    """Run plugins that react to the events of a Shotgun site."""


for _command in (
    dead_letters,
    doctor,
    groups,
    migrate,
    pause,
    positions,
    replay,
    resume,
    rewind,
    skip,
    tail,
):
    commands.add_command(_command)


def _shortcuts(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options that stand for keys of the configuration; they win over the file and the environment."""

    @click.option("--team", metavar="TEAM", help="The team; part of each group's name (consumer.team).")
    @click.option(
        "--plugins",
        multiple=True,
        type=click.Path(path_type=Path),
        metavar="PATH",
        help="Folder with plugins, or one plugin. May be given more than once (consumer.plugin_paths).",
    )
    @click.option(
        "--start",
        metavar="WHERE",
        help="Where a new group begins: latest, earliest, an event id or a date (consumer.start).",
    )
    @functools.wraps(command)
    def wrapper(
        *,
        team: str | None,
        plugins: tuple[Path, ...],
        start: str | None,
        overrides: Mapping[str, str],
        **kwargs: Any,
    ) -> Any:
        given = {
            "consumer.team": team,
            "consumer.plugin_paths": ",".join(map(str, plugins)) or None,
            "consumer.start": start,
        }
        chosen = {key: value for key, value in given.items() if value is not None}
        return command(overrides={**overrides, **chosen}, **kwargs)

    return wrapper


@commands.command()
@click.option(
    "--dev",
    is_flag=True,
    help="For work on plugins: from the newest event on, in groups of your own, with writes shown and not made.",
)
@_shortcuts
@config_options
def run(settings: Settings, dev: bool) -> None:
    """Run the plugins, each in a consumer group of its own, until SIGTERM or Ctrl-C.

    Any number of processes may run for one team: they share the work.

    With --dev, neither team nor prefix matter: the groups are dev-USER.PLUGIN, or dev-USER-2.PLUGIN in a second
    terminal. Reads go to the configured site, if there is one; nothing is written to it, and no dead letters are kept.
    """
    if dev:
        _refuse_start()
        settings = dev_run.prepare(settings)
        _run(settings, dev_run.DevSurroundings(settings), dev_run.introduction)
    else:
        require_consumer(settings)
        _run(settings, TeamSurroundings(settings), None)


def _refuse_start() -> None:
    if click.get_current_context().params.get("start") is not None:
        raise click.UsageError(
            "--start cannot be used with --dev, which begins at the newest event; to run an event that is past, "
            "use 'shotgun-consumer try PLUGIN --event ID'"
        )


Introduction = Callable[[Settings, Iterable[LoadedPlugin]], str]


def _run(settings: Settings, surroundings: Surroundings, introduction: Introduction | None) -> None:
    configure_logging(settings.logging, service=SERVICE)
    shutdown = Shutdown(settings.shutdown_timeout)
    health = Health()
    registry = new_registry()
    server = StatusServer(settings.http, DEFAULT_PORT, registry, health)
    service = ConsumerService(settings, shutdown, health, registry, surroundings)
    try:
        with signal_handlers(shutdown):
            plugins = service.load()
            if introduction is not None:
                log.info("%s", introduction(settings, plugins.loaded))
            port = server.start()
            log.info("Metrics, /healthz and /readyz are served on port %d", port)
            _end_in_time(shutdown)
            service.run(plugins)
    finally:
        server.close()
        close_logging()


@commands.command()
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path), metavar="PATH...")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
def check(settings: Settings, paths: tuple[Path, ...], as_json: bool) -> int:
    """Load plugins without Kafka and Shotgun, and print their callbacks, filters and mistakes.

    PATH is a folder or one file; without one, those of the configuration. Exits with 2 when a plugin cannot be started,
    or a helper beside it cannot be imported.
    """
    configure_logging(
        settings.logging.model_copy(update={"level": "ERROR", "email": None, "file": None}),
        service=SERVICE,
        stream=sys.stderr,
    )
    folders = list(paths) or settings.consumer.plugin_paths
    if not folders:
        raise ConfigurationError("no plugins to check; name a folder or a file: shotgun-consumer check PATH")
    plugins = load_plugins(folders, settings.consumer, plugin_config(settings))
    if as_json:
        click.echo(json.dumps(checking.as_json(plugins), indent=2))
    else:
        for line in checking.as_text(plugins):
            click.echo(line)
    if not plugins.loaded and not plugins.failures:
        raise ConfigurationError(
            f"no plugin in {', '.join(map(str, folders))}; a plugin is a .py file directly in the folder, with "
            "'def registerCallbacks(reg):' or a function under @on"
        )
    return ConfigurationError.exit_code if plugins.failures or plugins.helpers else 0


@commands.command("try")
@click.argument("plugin", type=click.Path(path_type=Path), metavar="PLUGIN")
@click.option(
    "--event", "given", required=True, metavar="ID|FILE", help="An id, a file with one event, or -."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@config_options
def try_plugin(settings: Settings, plugin: Path, given: str, as_json: bool) -> int:
    """Run one event against PLUGIN and show what it logs and what it would write; nothing is written.

    PLUGIN is a file, or the name of a plugin in consumer.plugin_paths.

    Reads go to the configured site. The event is read from there by its id, or from a file with one JSON object.
    Exits with 1 when a callback failed.
    """
    configure_logging(
        settings.logging.model_copy(update={"level": "CRITICAL", "email": None, "file": None}),
        service=SERVICE,
        stream=sys.stderr,
    )
    loaded = trying.load(settings, plugin)
    event = trying.read_event(settings, given, sys.stdin)
    done, writes = trying.try_event(settings, loaded, event)
    if as_json:
        click.echo(json.dumps(trying.as_json(event, done, writes), indent=2, default=str))
    else:
        for line in trying.as_text(event, done, writes):
            click.echo(line)
    return 0 if done.outcome in trying.ENDED_WELL else 1


def _end_in_time(shutdown: Shutdown) -> None:
    """Whatever hangs, the process ends soon after its time to stop is over; a callback's thread cannot be killed."""

    def watch() -> None:
        shutdown.wait()
        threading.Event().wait(shutdown.deadline.remaining() + LAST_SECONDS)
        log.error("The stop took longer than %g s: ending at once", shutdown.timeout)
        os._exit(1)

    threading.Thread(target=watch, name="last-resort", daemon=True).start()


def main() -> None:
    """Run the command line and exit."""
    run_cli(commands)


if __name__ == "__main__":
    main()
