"""The producer's way of reading a site, without Kafka: real reader, real client, and waits that cost nothing."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace

from prometheus_client import CollectorRegistry

from shotgun_producer.event_log import EventLog
from shotgun_producer.first_position import Position
from shotgun_producer.holes import Holes
from shotgun_producer.metrics import Metrics
from shotgun_producer.page import Page, Row
from shotgun_producer.progress import Place, Progress
from shotgun_producer.site_reader import SiteReader
from shotgun_producer.site_voice import MainVoice, QuietVoice, Voice
from shotgun_runtime.health import Health
from shotgun_runtime.settings import ShotgunSettings
from shotgun_sandbox.site import SandboxSite


class SiteTime(threading.Event):
    """A stop that nobody requests. Who waits for it returns at once, and the site's clock has gone on by so much.

    After `patience` pauses it is set, so that a reader that would wait for ever ends with HaltedError.
    """

    def __init__(self, site: SandboxSite, patience: int = 500) -> None:
        super().__init__()
        self._site = site
        self._patience = patience
        self.pauses: list[float] = []
        self.then: Callable[[int], None] = lambda _: None
        """Called after each pause with the number of pauses so far."""

    def wait(self, timeout: float | None = None) -> bool:
        if self.is_set():
            return True
        self.pauses.append(timeout or 0.0)
        self._site.admin.advance(timeout or 0.0)
        self.then(len(self.pauses))
        if len(self.pauses) >= self._patience:
            self.set()
        return self.is_set()


class Reading:
    """One reader of a site, and what others see of it."""

    def __init__(
        self,
        site: SandboxSite,
        *,
        url: str | None = None,
        timeout: float = 10.0,
        patience: int = 500,
        **more: object,
    ) -> None:
        self.site = site
        self.registry = CollectorRegistry()
        self.metrics = Metrics(self.registry)
        self.health = Health()
        self.health.set_ready()
        self.halt = SiteTime(site, patience)
        values = {
            "url": url or site.url,
            "script_name": site.script_name,
            "api_key": site.api_key,
            "timeout": timeout,
        }
        self.settings = ShotgunSettings.model_validate({**values, **more})
        self.reader = self._reader(MainVoice(self.settings.url, self.metrics, self.health))
        self.events = EventLog(self.reader, self.halt)
        self.holes = Holes()
        self.found: list[int] = []
        self.rows: dict[int, Row] = {}
        self.expired: list[tuple[int, int]] = []

    def quiet_reader(self) -> SiteReader:
        """A reader beside the main one."""
        return self._reader(QuietVoice())

    def follow(self) -> Page:
        """One poll as the producer makes it; what it would publish is added to `found`."""
        plan = self.holes.plan(self.events.now())
        page = self.events.page(plan)
        newest = self.events.newest_id() or 0 if page.is_full else 0
        seen = self.holes.observe(
            page.sightings, plan, now=self.events.now(), reach=page.reach, newest=newest
        )
        self.found += [event.id for event in seen.found]
        self.rows.update({event.id: page.rows[event.id] for event in seen.found})
        self.expired += seen.expired
        return page

    def catch_up(self) -> None:
        """Polls until a page is not full."""
        while self.follow().is_full:
            pass

    def progress(self) -> Progress:
        """What the producer would know by now."""
        ends = (len(self.found),)
        place = Place(self.settings.url, "events", "id", 1)
        begun = Progress.begin(place, Position(0), ends, self.events.now())
        begun.take_anchor(list(self.rows.values()))
        now = begun.checkpoint(self.events.now())
        return Progress(replace(now, head=self.holes.head, holes=self.holes.snapshot()))

    def metric(self, name: str, **labels: str) -> float:
        value = self.registry.get_sample_value(f"shotgun_producer_{name}", labels)
        assert value is not None, name
        return value

    def _reader(self, voice: Voice) -> SiteReader:
        return SiteReader(self.settings, self.metrics, voice)
