"""`shotgun-consumer migrate`: takes over a classic installation, its configuration and its positions."""

from __future__ import annotations

import json
import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Any

import click

from shotgun_runtime.cli import config_options
from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import Settings, require_kafka

from ..classic.classic_conf import ClassicConf
from ..classic.classic_import import Origin, left_out, origins
from ..classic.classic_state import ClassicState, read_state
from ..classic.classic_yaml import convert, render
from ..plugins.plugin_files import find_plugin_files
from ..positions.group_report import table
from .options import log_to_stderr, require_yes
from .placement_write import COLUMNS, Plan, Wish, plan_positions, write_plans
from .view import StreamView, open_view, team_prefix

_ORIGIN_COLUMNS = ("plugin", "group", "last event", "awaited", "note")


@dataclass(frozen=True, slots=True)
class _Installation:
    """What was read of the classic daemon."""

    conf: ClassicConf
    state: ClassicState
    folders: tuple[str, ...]
    origins: tuple[Origin, ...]


@dataclass(frozen=True, slots=True)
class _Target:
    """Where the configuration goes, and whether what is there is replaced, positions of groups included.

    `read` is the configuration that the command itself was given, which is never replaced.
    """

    output: Path
    replaces: bool
    read: Path | None

    def require_free(self, text: str) -> None:
        """Raise ConfigurationError when something else than this text is there that must not be replaced."""
        if not self.output.exists():
            return
        if not self.output.is_file():
            raise ConfigurationError(f"{self.output} is no file; name another one with --output FILE")
        if self.output.read_bytes() == text.encode():
            return
        if self.read is not None and self.read.exists() and self.output.samefile(self.read):
            raise ConfigurationError(
                f"{self.output} is the configuration of this very command; name another file with --output FILE"
            )
        if not self.replaces:
            raise ConfigurationError(
                f"{self.output} exists; name another file with --output FILE, or replace it with --force"
            )

    def write(self, text: str) -> None:
        """Write the file, for its owner alone: it may hold secrets. Raises ConfigurationError."""
        path = self.output
        written: Path | None = None
        try:
            # What is there stays until the new one is whole.
            with NamedTemporaryFile("w", encoding="utf-8", dir=path.parent, delete=False) as file:
                written = Path(file.name)
                file.write(text)
            written.replace(path)
        except OSError as error:
            if written is not None:
                written.unlink(missing_ok=True)
            raise ConfigurationError(
                f"{path} cannot be written: {error.strerror}; no group was moved"
            ) from None


@click.command()
@click.option(
    "--conf",
    "conf_path",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="shotgunEventDaemon.conf",
)
@click.option(
    "--state",
    "state_path",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="The state file. Default: what eventIdFile in the configuration names.",
)
@click.option("--team", metavar="TEAM", help="The team that its plugins become (consumer.team).")
@click.option("--folder", "only", multiple=True, metavar="PATH", help="Only this plugin folder. Repeatable.")
@click.option(
    "--output",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Write the new configuration here. Default: TEAM.yaml in this folder.",
)
@click.option(
    "--force", is_flag=True, help="Replace what is there already: the file, and positions of groups."
)
@click.option(
    "--dry-run", is_flag=True, help="Say what would happen, and change nothing. Without Kafka: what was read."
)
@click.option("--yes", is_flag=True, help="Do it without a question.")
@click.option("--json", "wants_json", is_flag=True, help="Print one JSON object.")
@config_options
def migrate(
    settings: Settings,
    conf_path: Path,
    state_path: Path | None,
    team: str | None,
    only: tuple[str, ...],
    output: Path | None,
    force: bool,
    dry_run: bool,
    yes: bool,
    wants_json: bool,
) -> None:
    """Take over the configuration and the positions of a classic event daemon, which must be stopped.

    Each plugin becomes a consumer group that goes on where the daemon was: it runs every event that the daemon had not
    done, also those that it still awaited, and none that it had.
    """
    log_to_stderr(settings)
    if team is not None:
        consumer = settings.consumer.model_copy(update={"team": team})
        settings = settings.model_copy(update={"consumer": consumer})
    team_prefix(settings, "set consumer.team, or use --team TEAM")
    if not dry_run or settings.kafka.bootstrap_servers:
        require_kafka(settings.kafka)
    found = _read(conf_path, state_path, only)
    made = convert(found.conf, settings, found.folders)
    text = render(made, conf_path.name)
    _check(made.values)
    read = click.get_current_context().params.get("config")
    target = _Target(output or Path(f"{settings.consumer.team}.yaml"), force, read)
    target.require_free(text)
    say = _Say(wants_json)
    say.table([_ORIGIN_COLUMNS, *(_origin_row(settings, one) for one in found.origins)])
    for folder in left_out(found.state, found.folders):
        say(f"The folder {folder} of the state file is not in the configuration, and is left out.")
    plans: list[Plan] = []
    if settings.kafka.bootstrap_servers:
        with open_view(settings) as view:
            plans = _move(view, settings, found, target, say, decided=yes, dry_run=dry_run, text=text)
    if wants_json:
        click.echo(json.dumps(_as_json(settings, found, plans, moved=not dry_run)))


def _move(
    view: StreamView,
    settings: Settings,
    found: _Installation,
    target: _Target,
    say: _Say,
    *,
    decided: bool,
    dry_run: bool,
    text: str,
) -> list[Plan]:
    wishes = [
        Wish(_group(settings, one), one.state.is_done, first, one.state.last)
        for one in found.origins
        if one.state is not None and (first := one.state.first_missing) is not None
    ]
    plans = plan_positions(view, wishes)
    if plans:
        say.table([COLUMNS, *(plan.as_row() for plan in plans)])
    if dry_run:
        return plans
    taken = [plan.group for plan in plans if plan.old and not plan.is_there]
    if taken and not target.replaces:
        raise ConfigurationError(
            f"{', '.join(taken)} went on in Kafka already, so the classic position is an old one; nothing was changed. "
            "--force replaces it"
        )
    require_yes(decided, "Go on?")
    target.write(text)
    say(f"{target.output} was written; start with: shotgun-consumer run --config {target.output}")
    write_plans(view, plans, "migrate", say)
    say(f"{len(plans)} group(s) placed in {settings.stream.topic}")
    return plans


class _Say:
    """What is said to a person: on standard output, or on standard error where that is for JSON."""

    def __init__(self, wants_json: bool) -> None:
        self._aside = wants_json

    def __call__(self, text: str) -> None:
        click.echo(text, err=self._aside)

    def table(self, rows: Sequence[Sequence[str]]) -> None:
        self("\n".join(table(rows)))


def _read(conf_path: Path, state_path: Path | None, only: tuple[str, ...]) -> _Installation:
    conf = ClassicConf(conf_path, os.environ)
    if state_path is None:
        named = conf.get("daemon", "eventIdFile")
        if named is None:
            raise ConfigurationError(
                f"{conf_path} has no eventIdFile in [daemon]; name the state file with --state"
            )
        state_path = Path(named.text.strip())
    state = read_state(state_path)
    folders = conf.words("plugins", "paths")
    if not folders:
        raise ConfigurationError(f"{conf_path} has no paths in [plugins]")
    unknown = [folder for folder in only if folder not in folders]
    if unknown:
        raise ConfigurationError(
            f"--folder {unknown[0]} is none of the paths in [plugins]: {', '.join(folders)}"
        )
    chosen = tuple(folder for folder in folders if not only or folder in only)
    files = {folder: _plugins_in(Path(folder)) for folder in chosen}
    return _Installation(conf, state, chosen, tuple(origins(state, chosen, files)))


def _plugins_in(folder: Path) -> Collection[str] | None:
    if not folder.is_dir():
        return None
    return [file.name for file in find_plugin_files([folder])]


def _check(values: dict[str, Any]) -> None:
    """Raise ConfigurationError when the classic values make no configuration of ours."""
    try:
        Settings.model_validate(values)
    except ValueError as error:
        raise ConfigurationError(
            f"the classic configuration has values that cannot be taken over: {error}"
        ) from None


def _group(settings: Settings, origin: Origin) -> str:
    return f"{team_prefix(settings)}{origin.plugin}"


def _origin_row(settings: Settings, origin: Origin) -> tuple[str, ...]:
    state = origin.state
    if state is None or state.last is None:
        return origin.plugin, _group(settings, origin), "-", "-", origin.note
    gaps = f"{len(state.gaps)} from {state.gaps[0]}" if state.gaps else "none"
    return origin.plugin, _group(settings, origin), str(state.last), gaps, origin.note


def _as_json(settings: Settings, found: _Installation, plans: list[Plan], *, moved: bool) -> dict[str, Any]:
    by_group = {plan.group: plan.as_json() for plan in plans}
    return {
        "moved": moved,
        "plugins": [
            {
                "plugin": one.plugin,
                "folder": one.folder,
                "group": _group(settings, one),
                "last": None if one.state is None else one.state.last,
                "awaited": [] if one.state is None else list(one.state.gaps),
                "note": one.note,
                "position": by_group.get(_group(settings, one)),
            }
            for one in found.origins
        ],
    }
