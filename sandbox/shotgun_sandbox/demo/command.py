"""`shotgun-sandbox demo`."""

from __future__ import annotations

import json
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

import click
from rich.console import Console
from rich.live import Live
from rich.table import Table

from shotgun_runtime.duration import parse_duration
from shotgun_runtime.errors import ConfigurationError, StreamError

from .studio import Demo, Options
from .totals import Totals
from .view import Snapshot, render

_REFRESH_SECONDS = 0.5
_LINE_EVERY_SECONDS = 5.0


class _Duration(click.ParamType[float]):
    """`30s`, `2m`: seconds as a float."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        try:
            return parse_duration(value)
        except ValueError as error:
            self.fail(f"{value!r} is not {error}", param, ctx)


@click.command("demo")
@click.option("--for", "duration", type=_Duration(), help="End after this time, for example 30s, and add up.")
@click.option("--json", "as_json", is_flag=True, help="With --for: print the totals as one JSON object.")
@click.option(
    "--rate", type=click.FloatRange(0), default=20.0, show_default=True, help="Events a second on the site."
)
@click.option(
    "--history",
    type=click.IntRange(0),
    default=2000,
    show_default=True,
    help="Events on the site before the start.",
)
@click.option(
    "--plugins",
    type=click.Path(path_type=Path),
    help="Run the plugins of this folder too, as a third team.",
)
def demo_command(
    duration: float | None, as_json: bool, rate: float, history: int, plugins: Path | None
) -> None:
    """Run the whole product on this machine: a busy studio's site, Kafka, the producer, two teams' plugins.

    Ctrl-C ends it, and leaves no process and no folder.
    """
    if plugins is not None and not plugins.is_dir():
        raise ConfigurationError(
            f"--plugins {plugins}: there is no such folder; name one that holds plugins (*.py)"
        )
    if as_json and duration is None:
        raise click.UsageError(
            "--json prints the totals at the end, so it needs --for, for example --for 30s"
        )
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    console = Console(stderr=True)
    totals: Totals | None = None
    try:
        with Demo(Options(rate=rate, history=history, plugins=plugins), _reporter(console)) as demo:
            totals = _watch(demo, console, duration)
    except KeyboardInterrupt:
        if duration is not None:
            raise
        console.print("Stopped.")
        return
    assert totals is not None
    if as_json:
        click.echo(json.dumps(totals.as_json()))
    else:
        _print_totals(console, totals)
    problems = totals.problems()
    if problems:
        raise StreamError("the demo does not add up: " + "; ".join(problems))


def _reporter(console: Console) -> Callable[[str], None]:
    return lambda text: console.print(text, style="dim", highlight=False)


def _watch(demo: Demo, console: Console, duration: float | None) -> Totals:
    end = None if duration is None else time.monotonic() + duration
    with _Screen(console) as screen:
        while end is None or time.monotonic() < end:
            screen.show(demo.snapshot())
            time.sleep(_REFRESH_SECONDS)
        return demo.drain(screen.show)


class _Screen:
    """A live view on a terminal; elsewhere a line now and then."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._live = Live(console=console, auto_refresh=False) if console.is_terminal else None
        self._last_line = float("-inf")

    def __enter__(self) -> _Screen:
        if self._live:
            self._live.start()
        return self

    def __exit__(self, *ended: object) -> None:
        if self._live:
            self._live.stop()

    def show(self, snapshot: Snapshot) -> None:
        if self._live:
            self._live.update(render(snapshot), refresh=True)
        elif time.monotonic() - self._last_line >= _LINE_EVERY_SECONDS:
            self._last_line = time.monotonic()
            print(snapshot.line(), file=sys.stderr, flush=True)  # noqa: T201


def _print_totals(console: Console, totals: Totals) -> None:
    console.print(f"{totals.visible} events on the site, {totals.published} in the topic", highlight=False)
    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    table.add_column("plugin", no_wrap=True)
    names = ("delivered", "filtered", "succeeded", "dead_lettered", "skipped", "failed")
    for name in names:
        table.add_column(name.replace("_", "-\n"), justify="right")
    for team, plugins in totals.teams.items():
        for plugin, counts in plugins.items():
            table.add_row(f"{team}.{plugin}", *(str(getattr(counts, name)) for name in names))
    console.print(table)
