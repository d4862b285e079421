"""What plugins are run with while their author works on them: nothing that they do outlasts the run.

The positions of the groups are all that is written to Kafka, and no later run looks at them.
"""

from __future__ import annotations

import itertools
import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

from confluent_kafka import Consumer, TopicPartition

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.kafka import BrokerWatch, admin, require_broker
from shotgun_runtime.settings import Settings, require_kafka
from shotgun_schemas import headers
from shotgun_schemas.control import ControlRecord

from ..plugins.plugin_loader import LoadedPlugin
from ..positions.group_positions import running_groups
from ..positions.placement import Hold, Witness
from ..positions.position import Position
from ..positions.positions import Positions, bounds, commit_now, committed_offsets
from ..running.connections import Connect
from ..running.delivery import Delivery, Outcome, Result
from ..running.failure_handler import DeadLetters, FailedCall
from ..running.flood_guard import FloodGuard, NoGuard
from ..running.steps import Steps, Way
from ..stream import Stream
from ..surroundings import Letters
from .dev_settings import as_team, dev_settings, free_team, user_word
from .recording import FIRST_MADE_ID, Journal, Write, has_site, recording_connector

log = logging.getLogger(__name__)

_NOTHING: Mapping[str, ControlRecord] = MappingProxyType({})


def introduction(settings: Settings, plugins: Iterable[LoadedPlugin]) -> str:
    """What a run does, for the author."""
    names = ", ".join(f"{settings.consumer.team}.{plugin.name}" for plugin in plugins)
    shotgun = settings.shotgun
    reads = (
        f"go to {shotgun.url} as script {shotgun.script_name!r}"
        if has_site(shotgun)
        else "fail: no site is configured (shotgun.url, shotgun.script_name, shotgun.api_key)"
    )
    return "\n".join(
        (
            "this is a run for development; nothing that it does outlasts it",
            f"    groups        {names}",
            "    events        those that come from now on; each start begins at the newest again",
            f"    reads         {reads}",
            "    writes        are shown here, and not made",
            "    dead letters  are shown here, and not kept",
            "    a saved file  takes over with the next event, or with the one that its plugin stays at",
            "    Ctrl-C        ends the run",
        )
    )


def prepare(settings: Settings) -> Settings:
    """The settings of a run, under a name for its groups that no other run has.

    Raises ConfigurationError for what is missing, StreamError or KafkaRefusedError when Kafka cannot be asked.
    """
    require_kafka(settings.kafka)
    if not settings.consumer.plugin_paths:
        raise ConfigurationError("no plugins are given; name a folder or a file: run --dev --plugins PATH")
    user = user_word()
    client = admin(settings)
    require_broker(client, settings.kafka.bootstrap_servers)
    return as_team(dev_settings(settings), free_team(user, running_groups(client, f"dev-{user}")))


class DevSurroundings:
    """See the module, and `surroundings.Surroundings`."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._ids = itertools.count(FIRST_MADE_ID)

    def stream(self, watch: BrokerWatch, by: str) -> Stream:
        """A stream on which nobody's orders hold, and that writes no control records."""
        return DevStream(self._settings, watch, by=by)

    def positions(self, group: str, stream: Stream, watch: BrokerWatch) -> Positions:
        """Positions that begin at the newest event."""
        return DevPositions(self._settings, group, stream, watch)

    def letters(self, watch: BrokerWatch) -> Letters:  # noqa: ARG002
        """Letters that are shown in the plugin's log."""
        return DevLetters()

    def connect(self, plugin: LoadedPlugin) -> Connect:
        """Connections that read, and show in the plugin's log what they would write."""
        return recording_connector(self._settings.shotgun, ShownJournal(plugin.logger, self._ids))

    def watched(self, plugin: LoadedPlugin, way: Way) -> Way:
        """`way`, and a line in the plugin's log that says what became of the event."""

        def told(delivery: Delivery) -> Steps:
            started = time.perf_counter()
            result = yield from way(delivery)
            if result.outcome is not Outcome.FILTERED:
                plugin.logger.info(
                    "%s: %s, after %.3g s", _named(delivery), _became(result), time.perf_counter() - started
                )
            return result

        return told


class DevStream(Stream):
    """The stream without its control records: those of an earlier run, or of a team, must not reach this one."""

    @property
    def records(self) -> Mapping[str, ControlRecord]:
        """None: no order holds."""
        return _NOTHING

    def offer(self, key: str, reason: str, fields: Mapping[str, Any]) -> None:
        """Nobody else is to know."""

    def take_back(self, key: str) -> None:
        """There is nothing to take back."""

    def hold(self, group: str) -> ControlRecord | None:  # noqa: ARG002
        """No hold reaches it."""
        return None

    def witness(self, group: str) -> Witness | None:  # noqa: ARG002
        """Its positions are no loss."""
        return None

    def offer_witness(self, group: str, witness: Witness) -> None:
        """Its positions are no loss."""


class DevPositions(Positions):
    """Each partition begins at its end as it was at the start of the run, whatever was committed before."""

    def __init__(self, settings: Settings, group: str, stream: Stream, watch: BrokerWatch) -> None:
        super().__init__(settings, group, stream, watch)
        self._topic_id: str | None = None
        self._begun: set[int] = set()

    def check(self) -> Hold | None:
        """Find where partitions begin. Nobody has to decide anything: what cannot go on begins anew."""
        stream = self._stream
        identity = stream.identity
        limits = bounds(stream.admin, stream.topic, range(identity.partitions))
        if identity.topic_id != self._topic_id:
            self._topic_id = identity.topic_id
            self._begun.clear()
            self._starts = {partition: end for partition, (_, end) in limits.items()}
        if self._begun:
            committed = committed_offsets(self._settings, self._group, stream.topic, self._begun, self._watch)
            for partition, offset in committed.items():
                low, end = limits.get(partition, (0, -1))
                if offset is None or not low <= offset <= end:
                    self._begun.discard(partition)
                    self._starts[partition] = low
        # Partitions that the topic was given meanwhile are read from their first event.
        self._starts = {partition: low for partition, (low, _) in limits.items()} | self._starts
        return None

    def take_up(self, consumer: Consumer, partitions: Iterable[int]) -> Mapping[int, Position] | Hold | None:
        """See `Positions`; what was committed counts only where this run has begun."""
        wanted = list(partitions)
        fresh = [partition for partition in wanted if partition not in self._begun]
        if any(partition not in self._starts for partition in fresh):
            return None
        found = super().take_up(consumer, [one for one in wanted if one in self._begun])
        if found is None or isinstance(found, Hold):
            return found
        if fresh:
            commit_now(
                consumer,
                [
                    TopicPartition(self._stream.topic, partition, self._starts[partition])
                    for partition in fresh
                ],
            )
            self._begun.update(fresh)
        return {**found, **{partition: Position(self._starts[partition]) for partition in fresh}}


class DevLetters:
    """Shows letters, and keeps none."""

    def prepare(self) -> None:
        """There is nothing to make."""

    def of(self, group: str, plugin: str) -> DeadLetters:  # noqa: ARG002
        """All are alike."""
        return _ShownLetters()

    def guard(self) -> FloodGuard:
        """Nothing can be filled."""
        return NoGuard()

    def stays(self, group: str) -> str | None:  # noqa: ARG002
        """What the author can do."""
        return (
            "the plugin stays at this event: save the corrected file, and the event is run again; a restart goes on "
            "with the next event that comes"
        )

    def close(self) -> None:
        """There is nothing to end."""


class _ShownLetters:
    def put(self, failed: FailedCall, stack: str) -> str:  # noqa: ARG002
        """The failure is logged with its traceback in any case."""
        return f"the event would be a dead letter of this callback (tries: {failed.attempt})"

    def take_back(self, letter: str) -> None:
        """There is none."""


class ShownJournal(Journal):
    """Writes are lines in a log, and not remembered. `ids` are those of what is created."""

    def __init__(self, logger: logging.Logger, ids: Iterator[int]) -> None:
        super().__init__()
        self._logger = logger
        self._made = ids

    def add(self, write: Write) -> None:
        """Show it."""
        self._logger.info("would write: %s", write)

    def new_id(self) -> int:
        """An id that no other plugin of the run is given."""
        return next(self._made)


def _named(delivery: Delivery) -> str:
    about = (delivery.text(headers.EVENT_TYPE), delivery.text(headers.ATTRIBUTE_NAME))
    return " ".join([f"event {delivery.event_id}", *filter(None, about)])


def _became(result: Result) -> str:
    if result.outcome is Outcome.DEAD_LETTERED:
        return "would be a dead letter"
    if result.outcome is not None:
        return str(result.outcome.value)
    return "to be tried again" if result.retry_after is not None else "unfinished"
