"""What the command lines of all services share: options, and how errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import functools
import importlib.metadata
import logging
import os
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import click

from shotgun_runtime.errors import StreamError
from shotgun_runtime.settings import load_settings, render_settings
from shotgun_runtime.settings_layers import CONFIG_VARIABLE

F = TypeVar("F", bound=Callable[..., Any])

DISTRIBUTION = "shotgun-stream"

log = logging.getLogger(__name__)


def version_option(command: F) -> F:
    """Add ``--version``."""
    try:
        version = importlib.metadata.version(DISTRIBUTION)
    except importlib.metadata.PackageNotFoundError:
        version = "unknown"
    return click.version_option(version, package_name=DISTRIBUTION, message=f"%(prog)s {version}")(command)


def config_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add ``--config``, ``--set`` and ``--print-config``, and call the command with ``settings=Settings``."""

    @click.option(
        "--config",
        type=click.Path(path_type=Path),
        envvar=CONFIG_VARIABLE,
        metavar="FILE",
        help=f"YAML configuration file (or {CONFIG_VARIABLE}).",
    )
    @click.option(
        "--set",
        "overrides",
        multiple=True,
        metavar="KEY=VALUE",
        callback=_as_mapping,
        help="Override one key, such as http.port=0. May be given more than once.",
    )
    @click.option(
        "--print-config", is_flag=True, help="Print the merged configuration, secrets masked, and exit."
    )
    @functools.wraps(command)
    def wrapper(
        *args: Any, config: Path | None, overrides: Mapping[str, str], print_config: bool, **kwargs: Any
    ) -> Any:
        settings = load_settings(config, overrides)
        if print_config:
            click.echo(render_settings(settings), nl=False)
            return None
        return command(*args, settings=settings, **kwargs)

    return wrapper


def _as_mapping(ctx: click.Context, param: click.Parameter, given: tuple[str, ...]) -> dict[str, str]:
    overrides: dict[str, str] = {}
    for text in given:
        key, equals, value = text.partition("=")
        if not equals or not key.strip():
            raise click.BadParameter(
                f"'{key}' is no KEY=VALUE; write for example --set http.port=0", ctx, param
            )
        overrides[key.strip()] = value
    return overrides


def run_cli(command: click.Command, args: list[str] | None = None) -> None:
    """Run a command line and exit the process with its code.

    StreamError becomes ``error: <message>`` on stderr and its own code; Ctrl-C 130; wrong usage 2; anything
    unexpected is logged with its traceback and exits with 1.
    """
    sys.exit(_exit_code(command, args))


def _exit_code(command: click.Command, args: list[str] | None) -> int:
    try:
        result = command.main(args=args, standalone_mode=False)
    except StreamError as error:
        click.echo(f"error: {error}", err=True)
        return error.exit_code
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("interrupted", err=True)
        return 130
    except BrokenPipeError:
        # Whoever read our output has gone; nothing is left to say to them, also not at the interpreter's end.
        with contextlib.suppress(OSError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except Exception:
        log.critical("Unexpected error; this is a fault of Shotgun Stream, please report it", exc_info=True)
        return 1
    return result if isinstance(result, int) and not isinstance(result, bool) else 0
