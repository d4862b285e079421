"""All groups of a process, and what becomes of them when plugins change. Belongs to the main thread."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from pathlib import Path

from shotgun_runtime.settings import ConsumerSettings
from shotgun_runtime.shutdown import Deadline

from .group import Group, GroupState
from .metrics import Metrics
from .plugins.plugin_library import Broken, Change, Loaded, Removed
from .plugins.plugin_loader import LoadedPlugin
from .plugins.plugin_set import PluginSet, describe
from .running.merged import GroupPlan, plan_groups
from .running.succession import Version

log = logging.getLogger(__name__)

MakeVersion = Callable[[GroupPlan], Version]
MakeGroup = Callable[[GroupPlan, Version], Group]


class Fleet:
    """Starts a group for each plugin that is good, hands it over to the plugin's next version, and ends it with it.

    `rank` gives a plugin's place in the classic order by its path. `leave_seconds` is the time for what runs when a
    group is left.
    """

    def __init__(
        self,
        settings: ConsumerSettings,
        metrics: Metrics,
        make_version: MakeVersion,
        make_group: MakeGroup,
        *,
        rank: Callable[[Path], tuple[int, str]],
        leave_seconds: float,
    ) -> None:
        self._settings = settings
        self._metrics = metrics
        self._make_version = make_version
        self._make_group = make_group
        self._rank = rank
        self._leave_seconds = leave_seconds
        self._plugins: dict[str, LoadedPlugin] = {}
        self._broken: set[str] = set()
        self._groups: dict[str, Group] = {}
        self._leaving: dict[str, Group] = {}
        self._missing: dict[str, tuple[str, ...]] = {}

    def start(self, plugins: PluginSet) -> None:
        """Start the groups of the plugins that were loaded at first."""
        self._plugins = {plugin.name: plugin for plugin in plugins.loaded}
        self._broken = set(plugins.failures)
        self._reconcile(changed=())

    def apply(self, changes: Sequence[Change]) -> None:
        """Take in what has become of plugins."""
        for change in changes:
            self._take_in(change)
        self._reconcile([change.plugin.name for change in changes if isinstance(change, Loaded)])

    def beat(self) -> None:
        """Start what waits for its predecessor to have left."""
        ended = [name for name, group in self._leaving.items() if group.join(Deadline.after(0.0))]
        for name in ended:
            del self._leaving[name]
        if ended:
            self._reconcile(changed=())

    @property
    def plugins(self) -> Collection[LoadedPlugin]:
        """The plugins as they were last loaded."""
        return self._plugins.values()

    @property
    def broken(self) -> Collection[str]:
        """The plugins whose files cannot be loaded as they are now."""
        return self._broken

    def states(self) -> list[GroupState]:
        """How the groups fare."""
        return [group.state for group in self._groups.values()]

    def stop(self, deadline: Deadline) -> list[str]:
        """Leave all groups. Returns those that have not stopped in time."""
        groups = [*self._groups.values(), *self._leaving.values()]
        for group in groups:
            group.stop(deadline)
        return [group.state.group for group in groups if not group.join(deadline)]

    def _take_in(self, change: Change) -> None:
        if isinstance(change, Loaded):
            self._take_in_loaded(change)
        elif isinstance(change, Broken):
            self._broken.add(change.name)
            self._metrics.plugin_broken(change.name)
            self._metrics.reload_failures(change.name).inc()
            consequence = (
                "The version that was loaded last runs on"
                if change.name in self._plugins
                else "The plugin is not started, the others run on"
            )
            details = f"\n{change.error.details.rstrip()}" if change.error.details else ""
            log.error("%s (%s) %s%s", change.error, change.error.where(), consequence, details)
        elif isinstance(change, Removed):
            self._broken.discard(change.name)
            self._metrics.plugin_gone(change.name)
            plugin = self._plugins.pop(change.name, None)
            if plugin is not None:
                log.info("Plugin %s is no longer at %s; its position is kept", plugin.name, plugin.path)

    def _take_in_loaded(self, change: Loaded) -> None:
        plugin = change.plugin
        self._broken.discard(plugin.name)
        if plugin.name in self._settings.groups:
            log.error(
                "Plugin %s (%s) is not started: consumer.groups has a merged group of this name; rename one of them",
                plugin.name,
                plugin.path,
            )
            return
        again = plugin.name in self._plugins
        self._plugins[plugin.name] = plugin
        self._metrics.plugin_loaded(plugin.name, change.version)
        self._metrics.reloaded(plugin.name).inc()
        describe(plugin, f"{'loaded again' if again else 'loaded'}, version {change.version},")

    def _reconcile(self, changed: Iterable[str]) -> None:
        """Bring the groups in line with the plugins."""
        changed = set(changed)
        in_order = sorted(self._plugins.values(), key=lambda plugin: self._rank(plugin.path))
        plans = {plan.name: plan for plan in plan_groups(self._settings, in_order)}
        for name, plan in plans.items():
            self._say_missing(plan)
            if plan.missing:
                self._leave(name)
            elif name not in self._groups:
                self._join(plan)
            elif any(plugin.name in changed for plugin in plan.plugins):
                self._succeed(plan)
        for name in [name for name in self._groups if name not in plans]:
            self._leave(name)

    def _join(self, plan: GroupPlan) -> None:
        # One process is one member: the group is joined anew when its thread here has ended.
        if plan.name not in self._leaving:
            group = self._groups[plan.name] = self._make_group(plan, self._make_version(plan))
            group.start()

    def _succeed(self, plan: GroupPlan) -> None:
        version = self._make_version(plan)
        if not self._groups[plan.name].offer(version):
            self._leave(plan.name)

    def _leave(self, name: str) -> None:
        group = self._groups.pop(name, None)
        if group is not None:
            group.stop(Deadline.after(self._leave_seconds))
            self._leaving[name] = group

    def _say_missing(self, plan: GroupPlan) -> None:
        if plan.missing and self._missing.get(plan.name) != plan.missing:
            log.error(
                "Merged group %s is not joined: %s cannot be loaded here (see above, and consumer.only); the group "
                "needs all of its plugins",
                plan.name,
                ", ".join(plan.missing),
            )
        self._missing[plan.name] = plan.missing
