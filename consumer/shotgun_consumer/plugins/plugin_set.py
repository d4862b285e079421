"""All plugins of a process: those that can be started, and what is wrong with the others."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path

from shotgun_runtime.settings import ConsumerSettings

from .plugin_files import absolute, find_plugin_files, helper_files, plugin_folders
from .plugin_loader import LoadedPlugin, NotAPluginError, PluginError, helper_error, load_plugin
from .plugin_modules import offer_helpers
from .plugin_options import plugin_options

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PluginSet:
    """What loading gave. `failures` has the plugins, by name, that cannot be started.

    `helpers` tells of files beside the plugins that nobody can import.
    """

    loaded: tuple[LoadedPlugin, ...]
    failures: dict[str, PluginError]
    helpers: tuple[PluginError, ...] = ()


def load_plugins(paths: Sequence[Path], settings: ConsumerSettings, config: ConfigParser) -> PluginSet:
    """Load every plugin that lies in these paths. A broken plugin keeps no other one from being loaded.

    Raises ConfigurationError for a missing folder, two plugins of one name, and options that cannot be honoured.
    """
    for given in settings.names:
        if not absolute(Path(given)).is_file():
            log.warning("consumer.names: there is no file %s; correct the path", given)
    files = find_plugin_files(paths, settings.only, settings.plugin_name)
    offer_helpers(plugin_folders(paths))
    loaded: list[LoadedPlugin] = []
    failures: dict[str, PluginError] = {}
    for file in files:
        options = plugin_options(settings, file.name)
        try:
            loaded.append(options.applied(load_plugin(file, options.api, config)))
        except NotAPluginError:
            log.info("%s is a helper, not a plugin: it does not register callbacks", file.path)
        except PluginError as error:
            failures[file.name] = error
    helpers = tuple(wrong for path in helper_files(paths) if (wrong := helper_error(path)) is not None)
    return PluginSet(tuple(loaded), failures, helpers)


def report(plugins: PluginSet, *, remedy: str = "correct it and restart") -> None:
    """Log what was loaded, what is suspicious, and what could not be loaded. `remedy` says what to do about it."""
    for plugin in plugins.loaded:
        describe(plugin, "loaded")
    for error in plugins.failures.values():
        log.error(
            "%s (%s) The plugin is not started, the others are; %s%s",
            error,
            error.where(),
            remedy,
            f"\n{error.details.rstrip()}" if error.details else "",
        )
    for error in plugins.helpers:
        log.error("%s (%s) A plugin that imports it cannot be loaded", error, error.where())


def describe(plugin: LoadedPlugin, what: str) -> None:
    """Log a plugin with its callbacks, and what is suspicious about it. `what` says what has happened."""
    callbacks = ", ".join(spec.name for spec in plugin.callbacks) or "no callbacks"
    log.info("Plugin %s %s from %s: %s", plugin.name, what, plugin.path, callbacks)
    for warning in plugin.warnings:
        log.warning("Plugin '%s': %s", plugin.path.name, warning)
