"""What a process does about failures, over all of its groups: dead letters, stuck callbacks, operators' orders."""

from __future__ import annotations

import logging
from collections.abc import Collection

from shotgun_runtime.errors import StreamError
from shotgun_runtime.secret import Redactor
from shotgun_runtime.settings import Settings

from .metrics import GroupMetrics
from .orders.orders import GroupOrders, Noticeboard
from .partitions.turn import Turn
from .plugins.plugin_loader import LoadedPlugin
from .plugins.plugin_options import plugin_options, puts_aside, unmatched_patterns
from .running.call_watch import CallWatch
from .running.failure_handler import FailureHandler
from .running.flood_guard import FloodGuard
from .surroundings import Letters

log = logging.getLogger(__name__)


class Supervision:
    """One for a process. `handler` may be asked for at any time; `beat` and `close` belong to the main thread."""

    def __init__(self, settings: Settings, letters: Letters, board: Noticeboard) -> None:
        self._settings = settings
        self._board = board
        self._redact = Redactor(settings.logging.redacted)
        self._letters = letters
        self._guards: dict[tuple[str, str], FloodGuard] = {}
        self._orders: dict[str, GroupOrders] = {}
        self._metrics: dict[str, GroupMetrics] = {}
        self._said: dict[str, str] = {}
        self._shown: dict[str, tuple[int, str | None]] = {}
        self._unmatched: frozenset[str] = frozenset()
        self.calls = CallWatch()
        self.turn = Turn()

    def prepare(self, plugins: Collection[LoadedPlugin], broken: Collection[str]) -> None:
        """Make the dead-letter topic if a callback may need it, so that what is wrong there shows at the start.

        Warns of configuration that no callback fits; `broken` are the plugins that cannot be loaded. Raises
        KafkaRefusedError.
        """
        self._warn_of_unmatched(plugins, broken)
        if not any(puts_aside(self._settings.consumer, plugin) for plugin in plugins):
            return
        try:
            self._letters.prepare()
        except StreamError as error:
            if error.exit_code != StreamError.exit_code:
                raise
            log.warning("%s; it is tried again when a dead letter is to be written", error)

    def follow(self, plugins: Collection[LoadedPlugin], broken: Collection[str]) -> None:
        """As `prepare`, for what the plugins have become since; a refusal is told, and ends nothing."""
        try:
            self.prepare(plugins, broken)
        except StreamError as error:
            log.error(
                "%s. Until that is mended, events that are to become dead letters are tried again", error
            )

    def orders(self, group: str) -> GroupOrders:
        """The operators' orders for one group."""
        return self._orders.setdefault(group, GroupOrders(group, self._board, self._redact))

    def handler(self, group: str, plugin: LoadedPlugin, metrics: GroupMetrics) -> FailureHandler:
        """What settles the failures of one plugin in one group."""
        self._metrics[group] = metrics
        self._shown.pop(group, None)
        return FailureHandler(
            group,
            plugin_options(self._settings.consumer, plugin.name).rules,
            self._letters.of(group, plugin.name),
            self.orders(group),
            metrics,
            # All workers of the plugin count together.
            self._guards.setdefault((group, plugin.name), self._letters.guard()),
            self._letters.stays(group),
        )

    def beat(self) -> str | None:
        """Look for stuck callbacks and news of the groups. Returns why the process must end, if it must."""
        ends = self.calls.look()
        stuck = self.calls.stuck()
        for group, metrics in self._metrics.items():
            orders = self._orders[group]
            news = (stuck.get(group, 0), None if orders.quiet else orders.paused)
            if news != self._shown.get(group):
                self._shown[group] = news
                metrics.stuck.set(news[0])
                metrics.paused_by_order.set(int(news[1] is not None))
                self._say(group, news[1])
        return f"{ends[0]} is stuck" if ends else None

    def note(self) -> str:
        """What a look at the process's status should show: groups that are paused, and where groups have stopped."""
        notes = []
        for group, orders in self._orders.items():
            if orders.quiet:
                continue
            paused = orders.paused
            if paused is not None:
                notes.append(f"{group}: {paused}")
            notes += [
                f"{group}: partition {partition} stays at event {record.fields.get('event_id')} ({record.reason})"
                for partition, record in sorted(orders.stops.items())
            ]
        return "; ".join(notes)

    def close(self) -> None:
        """End the connections."""
        self._letters.close()

    def _warn_of_unmatched(self, plugins: Collection[LoadedPlugin], broken: Collection[str]) -> None:
        keys = {plugin.name: [spec.key for spec in plugin.callbacks] for plugin in plugins}
        unmatched = unmatched_patterns(self._settings.consumer, keys, broken)
        for pattern in unmatched:
            if pattern not in self._unmatched:
                log.warning(
                    "consumer.plugins.%s fits no callback; the callbacks are %s",
                    pattern,
                    ", ".join(f"{name}/{key}" for name, given in keys.items() for key in given),
                )
        self._unmatched = frozenset(unmatched)

    def _say(self, group: str, paused: str | None) -> None:
        before = self._said.get(group)
        if paused == before:
            return
        if paused is None:
            del self._said[group]
            log.info("Group %s goes on: the pause was lifted", group)
        else:
            self._said[group] = paused
            log.warning("Group %s starts no more events: %s", group, paused)
