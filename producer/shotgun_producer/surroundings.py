"""What the sessions of one process share."""

from __future__ import annotations

from dataclasses import dataclass

from confluent_kafka.admin import AdminClient

from shotgun_runtime.health import Health
from shotgun_runtime.kafka import BrokerWatch, LastingAdmin
from shotgun_runtime.settings import Settings

from .audit.schedule import AuditSchedule
from .metrics import Metrics
from .page_size import PageSize
from .site_reader import SiteReader
from .site_voice import QuietVoice
from .spare import Spare
from .stable_offset import StableOffsetWatch


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a session uses and does not own."""

    settings: Settings
    site: SiteReader
    admin: LastingAdmin
    watch: BrokerWatch
    spare: Spare
    metrics: Metrics
    health: Health
    page_size: PageSize
    stable_offset: StableOffsetWatch
    audits: AuditSchedule

    @property
    def client(self) -> AdminClient:
        """The admin client to use now."""
        return self.admin.client

    def open_reader(self) -> SiteReader:
        """Another reader of the site, for another thread, that is quiet: the poll speaks for the site."""
        return SiteReader(self.settings.shotgun, self.metrics, QuietVoice())
