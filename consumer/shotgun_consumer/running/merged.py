"""Several plugins in one consumer group, one after the other in the classic order."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ConsumerSettings

from ..plugins.call_options import MAX_THREADS
from ..plugins.plugin_loader import LoadedPlugin
from ..plugins.plugin_options import plugin_options
from .delivery import Delivery, Outcome, Result
from .steps import Steps, Way, take_here

log = logging.getLogger(__name__)

_WORST_FIRST = (Outcome.DEAD_LETTERED, Outcome.SKIPPED, Outcome.SUCCEEDED, Outcome.FILTERED)


@dataclass(frozen=True, slots=True)
class GroupPlan:
    """A group that this process is to run: its short name and its plugins in order.

    `missing` are plugins that belong to it and are not there: without them the group must not be joined.
    """

    name: str
    plugins: tuple[LoadedPlugin, ...]
    missing: tuple[str, ...] = ()


def check_groups(groups: Mapping[str, Sequence[str]], plugins: Collection[str]) -> None:
    """Raise ConfigurationError for merged groups that cannot be. `plugins` are the names of all plugin files."""
    owner: dict[str, str] = {}
    for group, members in groups.items():
        where = f"consumer.groups, group {group!r}"
        if group in plugins:
            raise ConfigurationError(
                f"{where}: a plugin has this name, and so its group; name the merged group otherwise"
            )
        if not members:
            raise ConfigurationError(f"{where}: it names no plugin; list its plugins, or take it out")
        for member in members:
            if member not in plugins:
                known = ", ".join(sorted(plugins)) or "none"
                raise ConfigurationError(f"{where}: there is no plugin {member!r}; the plugins are: {known}")
            if member in owner:
                raise ConfigurationError(
                    f"consumer.groups: plugin {member!r} is named in {owner[member]!r} and again in {group!r}; "
                    "name it once, for it can be in one group only"
                )
            owner[member] = group


def plan_groups(settings: ConsumerSettings, plugins: Iterable[LoadedPlugin]) -> list[GroupPlan]:
    """The groups that these plugins make, which come in the classic order.

    A merged group none of whose plugins is for this process (`consumer.only`) is not planned.
    """
    loaded = {plugin.name: plugin for plugin in plugins}
    merged = {name for members in settings.groups.values() for name in members}
    plans = [GroupPlan(name, (plugin,)) for name, plugin in loaded.items() if name not in merged]
    for group, members in settings.groups.items():
        if settings.only and not any(fnmatchcase(name, one) for name in members for one in settings.only):
            continue
        there = tuple(plugin for name, plugin in loaded.items() if name in members)
        plans.append(GroupPlan(group, there, tuple(name for name in members if name not in loaded)))
    return plans


def events_at_once(settings: ConsumerSettings, plugins: Iterable[LoadedPlugin]) -> int:
    """How many events a group of these plugins runs at once: as many as the least of them allows."""
    plugins = tuple(plugins)
    least = min(plugin_options(settings, plugin.name, plugin.concurrency).concurrency for plugin in plugins)
    if least > MAX_THREADS and not any(plugin.is_async for plugin in plugins):
        log.warning(
            "Plugin %s: concurrency %d would take as many threads, so it is %d; more is for async callbacks",
            ", ".join(plugin.name for plugin in plugins),
            least,
            MAX_THREADS,
        )
        return MAX_THREADS
    return least


def qualified(plugin: LoadedPlugin) -> LoadedPlugin:
    """The plugin with its name before its callbacks' keys, which are then unique in a merged group."""
    callbacks = tuple(replace(spec, key=f"{plugin.name}/{spec.key}") for spec in plugin.callbacks)
    return replace(plugin, callbacks=callbacks)


@dataclass(frozen=True, slots=True)
class Part:
    """One plugin of a group: the events that it wants, and the way of one of them through it."""

    plugin: str
    wants: Callable[[Delivery], bool]
    way: Way


class MergedRunner:
    """Passes each event through several plugins, in order. Belongs to one worker thread or one event loop.

    The first that leaves the event unfinished keeps it from those behind it. What a plugin has ended is not run
    again when the event comes back: among the texts that travel with it is then one for each plugin that has ended the
    event as a whole, with its outcome. The tries of each plugin are counted on their own. Each plugin decodes the event
    for itself, so no other one sees what it does to it.
    """

    def __init__(self, parts: Sequence[Part]) -> None:
        self._parts = tuple(parts)

    def run(self, delivery: Delivery) -> Result:
        """Run the event, in this thread, through all plugins that have not ended it.

        It ends as the worst of their outcomes.
        """
        return take_here(self.steps(delivery))

    def steps(self, delivery: Delivery) -> Steps:
        """As `run`, in steps."""
        texts = delivery.ended
        outcomes = []
        for part in self._parts:
            outcome = _ended_before(part.plugin, delivery.ended)
            if outcome is None:
                if part.wants(delivery):
                    result = yield from part.way(replace(delivery, ended=texts))
                else:
                    result = Result(delivery, Outcome.FILTERED)
                outcome = result.outcome
                if outcome is None:
                    return replace(result, delivery=delivery)
                texts = texts | {_key(part.plugin, outcome)}
            outcomes.append(outcome)
        return Result(delivery, next(one for one in _WORST_FIRST if one in outcomes))


def _key(plugin: str, outcome: Outcome) -> str:
    # No callback's key begins with a slash, and this is no phrase (see History).
    return f"{plugin}//{outcome.value}"


def _ended_before(plugin: str, ended: frozenset[str]) -> Outcome | None:
    return next((outcome for outcome in Outcome if _key(plugin, outcome) in ended), None)
