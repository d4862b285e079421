"""The live view of the demo."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.console import Group, RenderableType
from rich.panel import Panel
from rich.table import Table
from rich.text import Text


@dataclass(frozen=True, slots=True)
class PluginRow:
    """One plugin at one moment. `lag` in events (an upper bound), `rate` in events a second."""

    team: str
    plugin: str
    delivered: int
    succeeded: int
    skipped: int
    lag: int
    rate: float
    last_line: str


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The whole demo at one moment. `rate` in events a second, `lag` in seconds."""

    site_url: str
    visible: int
    published: int
    rate: float
    lag: float
    holes: Mapping[str, int]
    plugins: Sequence[PluginRow]
    metrics: Mapping[str, str]

    def line(self) -> str:
        """One line, for a terminal that is none."""
        slowest = max((row.lag for row in self.plugins), default=0)
        return (
            f"site shows {self.visible} events, {self.published} published ({self.rate:.0f}/s), "
            f"{sum(self.holes.values())} holes in the ids, slowest plugin {slowest} behind"
        )


def render(snapshot: Snapshot) -> RenderableType:
    """The view as rich draws it."""
    holes = ", ".join(f"{count} {tier}" for tier, count in sorted(snapshot.holes.items())) or "none"
    flow = Table.grid(padding=(0, 2))
    flow.add_row("site", f"{snapshot.visible:,} events visible", Text(snapshot.site_url, style="dim"))
    flow.add_row(
        "stream",
        f"{snapshot.published:,} events published",
        f"{snapshot.rate:.1f}/s   lag {snapshot.lag:.1f} s   holes: {holes}",
    )
    plugins = Table(expand=True, box=None, header_style="bold")
    plugins.add_column("team")
    plugins.add_column("plugin", no_wrap=True)
    for title in ("got", "done", "skipped", "behind", "rate/s"):
        plugins.add_column(title, justify="right")
    plugins.add_column("last thing it did", ratio=1, no_wrap=True, overflow="ellipsis", style="cyan")
    for row in snapshot.plugins:
        plugins.add_row(
            row.team,
            row.plugin,
            f"{row.delivered:,}",
            f"{row.succeeded:,}",
            f"{row.skipped:,}",
            Text(f"{row.lag:,}", style="green" if row.lag < 50 else "yellow"),
            f"{row.rate:.1f}",
            row.last_line,
        )
    links = Table.grid(padding=(0, 2))
    for name, url in snapshot.metrics.items():
        links.add_row(name, Text(url, style="dim"))
    return Group(
        Panel(flow, title="Shotgun Stream", title_align="left"),
        Panel(plugins, title="plugins, each a consumer group", title_align="left"),
        Panel(links, title="metrics", title_align="left", subtitle="Ctrl-C ends it", subtitle_align="right"),
    )
