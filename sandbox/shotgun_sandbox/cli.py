"""The command `shotgun-sandbox`."""

from __future__ import annotations

import importlib

import click

from shotgun_runtime.cli import run_cli, version_option
from shotgun_runtime.errors import ConfigurationError

_COMMANDS = ("broker", "demo", "site")


class LazyGroup(click.Group):
    """Imports a command's module when the command is asked for: `site` needs nothing of what `broker` needs."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - as click calls it
        """The names of all commands."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name, imported now; None when there is none."""
        if cmd_name not in _COMMANDS:
            return None
        try:
            module = importlib.import_module(f"{__package__}.{cmd_name}.command")
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("shotgun_"):
                raise
            return _lacking(cmd_name, str(error.name))
        command = getattr(module, f"{cmd_name}_command")
        assert isinstance(command, click.Command)
        return command


def _lacking(name: str, package: str) -> click.Command:
    """Stands for a command whose libraries are not installed."""

    def say() -> None:
        raise ConfigurationError(
            f"shotgun-sandbox {name} needs {package}, which is not installed: pip install 'shotgun-stream[sandbox]'"
        )

    return click.Command(
        name,
        callback=say,
        help="Needs: pip install 'shotgun-stream[sandbox]'.",
        context_settings={"ignore_unknown_options": True, "allow_extra_args": True},
    )


@click.group("shotgun-sandbox", cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@version_option
def commands() -> None:
    """A Shotgun site, an Apache Kafka and a demo on this machine, to try things out and to test against."""


def main() -> None:
    """Run the command line and exit."""
    run_cli(commands)
