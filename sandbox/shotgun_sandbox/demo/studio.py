"""Builds the demo up, watches it, drains it and takes it down."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from shotgun_runtime.errors import StreamError
from shotgun_schemas import topics

from ..broker import Broker
from ..site import SandboxSite, SiteOptions
from .chat import ChatRoom
from .scrape import Scrape
from .services import PluginLines, Service
from .totals import Totals, count_published, plugin_totals
from .view import PluginRow, Snapshot

TEAMS: Mapping[str, tuple[str, ...]] = {
    "anim": ("ready_next_task", "version_status_to_task"),
    "prod": ("notify_chat", "log_everything"),
}
_DRAIN_DEADLINE = 120.0  # seconds without any progress


@dataclass(frozen=True, slots=True)
class Options:
    """`rate`: events a second on the site. `history`: events there before the start. `plugins`: a folder whose
    plugins run as a third team, `mine`."""

    rate: float
    history: int
    plugins: Path | None = None


def example_plugins() -> Path:
    """The folder of the example plugins: part of the wheel, or beside the packages in a checkout."""
    here = Path(__file__).resolve()
    packaged = here.parents[1] / "example_plugins"
    return packaged if packaged.is_dir() else here.parents[3] / "plugins"


class Demo:
    """Everything on this machine, on free ports, in one temporary folder. A context manager; nothing outlives it."""

    def __init__(self, options: Options, report: Callable[[str], None]) -> None:
        self._options = options
        self._report = report
        self._closing = ExitStack()
        self._teams: dict[str, Service] = {}
        self._lines: dict[str, PluginLines] = {}
        self._before: tuple[float, dict[str, float]] = (time.monotonic(), {})

    def __enter__(self) -> Demo:
        try:
            self._start()
        except BaseException:
            self._closing.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing.close()

    def _start(self) -> None:
        folder = Path(tempfile.mkdtemp(prefix="shotgun-stream-demo-"))
        self._closing.callback(shutil.rmtree, folder, ignore_errors=True)
        self._broker = Broker(folder / "kafka", report=self._report)
        # Its data goes with the folder, so there is nothing to end in an orderly way.
        self._closing.callback(self._broker.kill)
        self._broker.start()
        self._report("Starting the site")
        self._site = self._closing.enter_context(
            SandboxSite(
                SiteOptions(
                    events=self._options.history,
                    rate=self._options.rate,
                    late=0.03,
                    late_seconds=5.0,
                    dead=0.005,
                )
            )
        )
        self._chat = ChatRoom()
        self._closing.callback(self._chat.close)
        self._report("Starting the producer and the teams' consumers")
        self._start_services(folder)

    def _start_services(self, folder: Path) -> None:
        key_file = folder / "script_key"
        key_file.touch(mode=0o600)
        key_file.write_text(self._site.api_key)
        common = {
            "shotgun": {
                "url": self._site.url,
                "script_name": self._site.script_name,
                "api_key_file": str(key_file),
            },
            "kafka": {"bootstrap_servers": self._broker.bootstrap_servers},
        }
        self._closing.callback(self._stop_services)
        self._producer = self._service(
            "producer", "shotgun_producer", {**common, "producer": {"start": "earliest"}}, folder
        )
        self._producer.wait_ready()
        for team, settings in self._team_settings().items():
            service = self._service(
                f"consumer-{team}", "shotgun_consumer", {**common, "consumer": settings}, folder
            )
            self._teams[team] = service
            self._lines[team] = PluginLines(service.log)
            self._closing.callback(self._lines[team].close)
        for service in self._teams.values():
            service.wait_ready()

    def _team_settings(self) -> dict[str, dict[str, Any]]:
        examples = str(example_plugins())
        settings: dict[str, dict[str, Any]] = {
            team: {"team": team, "start": "earliest", "plugin_paths": [examples], "only": list(only)}
            for team, only in TEAMS.items()
        }
        if self._options.plugins is not None:
            mine = {
                "team": "mine",
                "start": "earliest",
                "plugin_paths": [str(self._options.plugins.resolve())],
            }
            settings["mine"] = mine
        return settings

    def _service(self, name: str, module: str, settings: Mapping[str, Any], folder: Path) -> Service:
        # A configuration of the user's own shell must not reach into the demo.
        clean = {name: value for name, value in os.environ.items() if not name.startswith("SHOTGUN_STREAM_")}
        return Service(name, module, settings, folder, {**clean, "CHAT_WEBHOOK_URL": self._chat.url})

    def _stop_services(self) -> None:
        services = [*self._teams.values(), *([self._producer] if hasattr(self, "_producer") else [])]
        for service in services:
            service.terminate()
        for service in services:
            service.close()

    def snapshot(self) -> Snapshot:
        """The state now. Raises StreamError when a service has ended by itself."""
        producer = self._producer.scrape()
        teams = {team: service.scrape() for team, service in self._teams.items()}
        self._check_alive()
        published = producer.total("shotgun_producer_events_published_total")
        counts = {"": published}
        for team, scraped in teams.items():
            for plugin, count in scraped.by("plugin", "shotgun_consumer_events_delivered_total").items():
                counts[f"{team}.{plugin}"] = count
        rates = self._rates(counts)
        return Snapshot(
            site_url=self._site.url,
            visible=self._visible(),
            published=int(published),
            rate=rates.get("", 0.0),
            lag=producer.total("shotgun_producer_lag_seconds"),
            holes={
                tier: int(count)
                for tier, count in producer.by("tier", "shotgun_producer_holes").items()
                if count
            },
            plugins=[row for team, scraped in teams.items() for row in self._rows(team, scraped, rates)],
            metrics={
                service.name: service.metrics_url for service in (self._producer, *self._teams.values())
            },
        )

    def _rows(self, team: str, scraped: Scrape, rates: Mapping[str, float]) -> list[PluginRow]:
        self._lines[team].read()
        lag = scraped.by("plugin", "shotgun_consumer_lag_offsets")
        return [
            PluginRow(
                team=team,
                plugin=plugin,
                delivered=totals.delivered,
                succeeded=totals.succeeded,
                skipped=totals.skipped,
                lag=int(lag.get(plugin, 0)),
                rate=rates.get(f"{team}.{plugin}", 0.0),
                last_line=self._lines[team].last.get(plugin, ""),
            )
            for plugin, totals in plugin_totals(scraped).items()
        ]

    def _visible(self) -> int:
        return self._site.admin.digest().count

    def _rates(self, counts: dict[str, float]) -> dict[str, float]:
        then, before = self._before
        now = time.monotonic()
        self._before = (now, counts)
        return {
            name: (count - before.get(name, count)) / max(now - then, 1e-3) for name, count in counts.items()
        }

    def _check_alive(self) -> None:
        for service in (self._producer, *self._teams.values()):
            service.check_alive()
        if self._broker.pid is None:
            raise StreamError(f"Kafka ended. Its last lines:\n{self._broker.log_tail()}")

    def drain(self, watch: Callable[[Snapshot], None]) -> Totals:
        """Stop the studio's work, wait until every event has gone all the way, and add up.

        Returns what it found when nothing moves any more, also when it does not add up.
        """
        self._site.admin.stop_generator()
        latest: Totals | None = None
        moved_at = time.monotonic()
        while True:
            watch(self.snapshot())
            totals = self._totals()
            if totals != latest:
                latest, moved_at = totals, time.monotonic()
            quiet = time.monotonic() - moved_at
            # A plugin's last write makes an event of its own: being level for a moment is not the end.
            if (not totals.problems() and quiet > 2.0) or quiet > _DRAIN_DEADLINE:
                return totals
            time.sleep(0.25)

    def _totals(self) -> Totals:
        published, distinct = count_published(self._broker.bootstrap_servers, topics.EVENTS)
        return Totals(
            visible=self._visible(),
            published=published,
            distinct=distinct,
            teams={team: plugin_totals(service.scrape()) for team, service in self._teams.items()},
        )
