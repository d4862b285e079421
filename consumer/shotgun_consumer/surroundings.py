"""What plugins are run with: a team's positions, orders, dead letters and connections. `dev` has those of an author."""

from __future__ import annotations

from typing import Protocol

from shotgun_runtime.kafka import BrokerWatch
from shotgun_runtime.settings import Settings

from .plugins.plugin_loader import LoadedPlugin
from .positions.positions import Positions
from .running.connections import Connect, connector
from .running.dead_letter_writer import DeadLetterWriter, GroupDeadLetters
from .running.failure_handler import DeadLetters
from .running.flood_guard import FloodGuard
from .running.steps import Way
from .stream import Stream


class Letters(Protocol):
    """Where the events that callbacks could not take in are put aside. One for a process, for any thread."""

    def prepare(self) -> None:
        """Make sure that letters can be kept. Raises StreamError, KafkaRefusedError."""

    def of(self, group: str, plugin: str) -> DeadLetters:
        """The letters of one plugin in one group."""

    def guard(self) -> FloodGuard:
        """What keeps a broken plugin from filling them."""

    def stays(self, group: str) -> str | None:
        """What it means that the group stays at an event, for the log; None: what it means for a team."""

    def close(self) -> None:
        """End the connections."""


class Surroundings(Protocol):
    """Made by the main thread. What it makes belongs to whoever asked."""

    def stream(self, watch: BrokerWatch, by: str) -> Stream:
        """The stream, with the orders that hold."""

    def positions(self, group: str, stream: Stream, watch: BrokerWatch) -> Positions:
        """The positions of one group."""

    def letters(self, watch: BrokerWatch) -> Letters:
        """Where events are put aside."""

    def connect(self, plugin: LoadedPlugin) -> Connect:
        """How the plugin's callbacks get their connections."""

    def watched(self, plugin: LoadedPlugin, way: Way) -> Way:
        """`way`, which takes an event through the plugin, and whatever else is to happen then."""


class TeamSurroundings:
    """The real things: positions that last, orders from everywhere, letters in Kafka, and the site itself."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def stream(self, watch: BrokerWatch, by: str) -> Stream:
        """See `Surroundings`."""
        return Stream(self._settings, watch, by=by)

    def positions(self, group: str, stream: Stream, watch: BrokerWatch) -> Positions:
        """See `Surroundings`."""
        return Positions(self._settings, group, stream, watch)

    def letters(self, watch: BrokerWatch) -> Letters:
        """See `Surroundings`."""
        return TeamLetters(DeadLetterWriter(self._settings, watch))

    def connect(self, plugin: LoadedPlugin) -> Connect:  # noqa: ARG002
        """See `Surroundings`."""
        return connector(self._settings.shotgun)

    def watched(self, plugin: LoadedPlugin, way: Way) -> Way:  # noqa: ARG002
        """See `Surroundings`."""
        return way


class TeamLetters:
    """Letters in the team's topic."""

    def __init__(self, writer: DeadLetterWriter) -> None:
        self._writer = writer

    def prepare(self) -> None:
        """Make the topic if it is missing."""
        self._writer.prepare()

    def of(self, group: str, plugin: str) -> DeadLetters:
        """See `Letters`."""
        return GroupDeadLetters(self._writer, group, plugin)

    def guard(self) -> FloodGuard:
        """See `Letters`."""
        return FloodGuard()

    def stays(self, group: str) -> str | None:  # noqa: ARG002
        """See `Letters`."""
        return None

    def close(self) -> None:
        """See `Letters`."""
        self._writer.close()
