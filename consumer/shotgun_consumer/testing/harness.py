"""A plugin under test."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from configparser import ConfigParser
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from shotgun_runtime.settings import ConsumerSettings

from ..plugins.plugin_files import PluginFile, plugin_folders
from ..plugins.plugin_loader import (
    LoadedPlugin,
    NotAPluginError,
    PluginError,
    import_plugin,
    register_plugin,
)
from ..plugins.plugin_modules import offer_helpers
from ..plugins.plugin_options import plugin_options
from ..plugins.registrar import Api, CallbackSpec
from ..trying.recording import Write
from ..trying.trial import Call, Trial
from .fake_site import FakeSite


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of one event.

    `outcome` is `filtered`, `succeeded`, `skipped` (a callback failed and may be passed over), `unfinished` (a callback
    failed and the plugin stays at the event), `dead_lettered` or `retried`. `reason` says why it did not succeed.
    `calls` are the callbacks that were called, in order. `raised` is what the first failing one raised; `retry_in` are
    the seconds after which the event would come again. `writes` were made on the fake site, `log` by the plugin.
    """

    outcome: str
    reason: str
    calls: tuple[Call, ...]
    raised: BaseException | None
    retry_in: float | None
    writes: tuple[Write, ...]
    log: tuple[logging.LogRecord, ...]

    @property
    def messages(self) -> list[str]:
        """The plugin's log as texts."""
        return [record.getMessage() for record in self.log]

    def ok(self) -> Sent:
        """This, if every callback returned; raises what one raised otherwise, with its traceback."""
        if self.raised is not None:
            raise self.raised
        return self


class PluginHarness:
    """Loads a plugin as the service does, and sends it events.

    `plugin` is its file, or a module that the test has imported: then its functions can be replaced in the usual ways.
    The module of a file is `module`. `config` is what `reg.logger.config` holds. Raises PluginError, with file and
    line, for a plugin that the service would not load.
    """

    def __init__(
        self,
        plugin: str | Path | ModuleType,
        site: FakeSite | None = None,
        *,
        api: Api = "classic",
        group: str | None = None,
        config: Mapping[str, Mapping[str, str]] | None = None,
    ) -> None:
        self.site = site or FakeSite()
        path = Path(str(plugin.__file__) if isinstance(plugin, ModuleType) else plugin).absolute()
        file = PluginFile(path.stem, path)
        offer_helpers(plugin_folders([path]))
        self.module = plugin if isinstance(plugin, ModuleType) else import_plugin(file)
        self._plugin = _register(self.module, file, api, _config(config))
        rules = plugin_options(ConsumerSettings(), file.name).rules
        self._trial = Trial(self._plugin, self.site.connect, group or f"test.{file.name}", rules)

    @property
    def callbacks(self) -> tuple[CallbackSpec, ...]:
        """What the plugin registered, in order."""
        return self._plugin.callbacks

    @property
    def warnings(self) -> tuple[str, ...]:
        """What `shotgun-consumer check` would warn of."""
        return self._plugin.warnings

    def send(self, event: Mapping[str, Any], *, attempt: int = 1) -> Sent:
        """Run one event through the plugin, as the given try. What a callback raises does not leave this method."""
        before = len(self.site.writes)
        done = self._trial.run(event, attempt)
        writes = tuple(self.site.writes[before:])
        return Sent(done.outcome, done.reason, done.calls, done.raised, done.retry_in, writes, done.log)

    def close(self) -> None:
        """Cancel what `async` callbacks have left running. The fixture `plugin_harness` does so by itself."""
        self._trial.close()


def _register(module: ModuleType, file: PluginFile, api: Api, config: ConfigParser) -> LoadedPlugin:
    try:
        return register_plugin(module, file, api, config)
    except NotAPluginError:
        raise PluginError(
            f"plugin '{file.path.name}' registers nothing; write '@on(...)' over a function, or "
            "'def registerCallbacks(reg):'",
            file.path,
            None,
        ) from None


def _config(given: Mapping[str, Mapping[str, str]] | None) -> ConfigParser:
    config = ConfigParser(interpolation=None)
    config.read_dict(given or {})
    return config
