"""What the configuration says of one plugin and of its callbacks."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields, replace

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ConsumerSettings, PluginSettings

from .plugin_loader import LoadedPlugin
from .policy import FailureOptions, FailureRules, failure_rules
from .registrar import Api, CallbackSpec

_OF_CALLBACKS = tuple(field.name for field in fields(FailureOptions))


@dataclass(frozen=True, slots=True)
class PluginOptions:
    """The options of one plugin, defaults filled in. `failure` is for all of its callbacks, `callbacks` for some:
    what the configuration says, by pattern, the strongest first. `ignore_own_events` None: as the plugin says."""

    api: Api
    deliver_backfill: bool
    concurrency: int
    failure: FailureOptions
    callbacks: tuple[tuple[str, FailureOptions], ...] = ()
    ignore_own_events: bool | None = None

    def applied(self, plugin: LoadedPlugin) -> LoadedPlugin:
        """The plugin with what the configuration says of the events that its callbacks get."""
        ignore = self.ignore_own_events
        if ignore is None:
            return plugin
        callbacks = tuple(replace(spec, ignore_own_events=ignore) for spec in plugin.callbacks)
        return replace(plugin, callbacks=callbacks)

    def rules(self, callback: CallbackSpec) -> FailureRules:
        """What follows when this callback fails.

        The configuration of the callback goes before that of the plugin, and both before what the plugin itself says.
        """
        options = FailureOptions()
        # In a group of several plugins the plugin's name stands before the key.
        name = callback.key.rpartition("/")[2]
        for pattern, given in self.callbacks:
            if fnmatch.fnmatchcase(name, pattern):
                options = options.over(given)
        options = options.over(self.failure).over(_said_by(callback))
        return failure_rules(options, stop_on_error=callback.stop_on_error)


def plugin_options(settings: ConsumerSettings, name: str, concurrency: int | None = None) -> PluginOptions:
    """The options that apply to this plugin, which itself allows so many events at once, if it says so.

    Raises ConfigurationError for an option that cannot be honoured.
    """
    given = settings.plugin(name)
    return PluginOptions(
        given.api or "classic",
        given.backfill == "deliver",
        given.concurrency or concurrency or 1,
        _failure(f"plugin {name!r}", given),
        tuple(_callbacks(settings.plugins, name)),
        given.ignore_own_events,
    )


def puts_aside(settings: ConsumerSettings, plugin: LoadedPlugin) -> bool:
    """Whether events may become dead letters of a callback of this plugin by its rules."""
    options = plugin_options(settings, plugin.name)
    return any(options.rules(spec).on_failure == "dead_letter" for spec in plugin.callbacks)


def unmatched_patterns(
    settings: ConsumerSettings, callbacks: Mapping[str, Collection[str]], unknown: Collection[str] = ()
) -> list[str]:
    """The entries for callbacks that no callback fits, although plugins fit: most likely a name is misspelt.

    `callbacks` has the keys of the callbacks of each plugin that is loaded, `unknown` the names of those that cannot be
    loaded: what would fit one of these, or a plugin that `only` leaves to another process, may be right.
    """
    unmatched = []
    for pattern in settings.plugins:
        plugin, slash, callback = pattern.partition("/")
        if any(fnmatch.fnmatchcase(name, plugin) for name in unknown) or (
            settings.only and not _is_exact(plugin)
        ):
            continue
        keys = [key for name, keys in callbacks.items() if fnmatch.fnmatchcase(name, plugin) for key in keys]
        if slash and keys and not any(fnmatch.fnmatchcase(key, callback) for key in keys):
            unmatched.append(pattern)
    return unmatched


def _said_by(callback: CallbackSpec) -> FailureOptions:
    """What the plugin said when it registered the callback; its API has no word for the other options."""
    words = ("max_attempts", "retry_on", "timeout", "on_failure")
    return FailureOptions(**{word: getattr(callback, word, None) for word in words})


def _callbacks(entries: Mapping[str, PluginSettings], name: str) -> list[tuple[str, FailureOptions]]:
    """The entries for callbacks of this plugin, those that name both exactly first."""
    found: list[tuple[bool, str, FailureOptions]] = []
    for pattern, given in entries.items():
        plugin, slash, callback = pattern.partition("/")
        if not slash:
            continue
        _require_callback_keys(pattern, given)
        if fnmatch.fnmatchcase(name, plugin):
            found.append((not _is_exact(pattern), callback, _failure(pattern, given)))
    return [(callback, options) for _, callback, options in sorted(found, key=lambda entry: entry[0])]


def _is_exact(pattern: str) -> bool:
    return not any(sign in pattern for sign in "*?[")


def _require_callback_keys(pattern: str, given: PluginSettings) -> None:
    others = sorted(set(given.model_dump(exclude_none=True)) - set(_OF_CALLBACKS))
    if others:
        raise ConfigurationError(
            f"consumer.plugins.{pattern}: {', '.join(others)} cannot be set for a callback; set it for the plugin, "
            f"under {pattern.partition('/')[0]!r}"
        )


def _failure(where: str, given: PluginSettings) -> FailureOptions:
    first, longest = given.retry_backoff, given.retry_backoff_max
    if first is not None and longest is not None and longest < first:
        raise ConfigurationError(
            f"consumer.plugins, for {where}: retry_backoff_max ({longest:g} s) is less than retry_backoff "
            f"({first:g} s); make it at least as long"
        )
    values = {key: getattr(given, key) for key in _OF_CALLBACKS}
    return FailureOptions(**{**values, "retry_on": None if given.retry_on is None else tuple(given.retry_on)})
