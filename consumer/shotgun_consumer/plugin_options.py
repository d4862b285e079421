"""What the configuration says of one plugin."""

from __future__ import annotations

from dataclasses import dataclass

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import ConsumerSettings

from .policy import OnFailure
from .registrar import Api

_NOT_YET = "is not available in this version; take it out of the configuration"


@dataclass(frozen=True, slots=True)
class PluginOptions:
    """The options of one plugin, defaults filled in."""

    api: Api
    on_failure: OnFailure
    deliver_backfill: bool
    concurrency: int


def plugin_options(settings: ConsumerSettings, name: str, concurrency: int | None = None) -> PluginOptions:
    """The options that apply to this plugin, which itself allows so many events at once, if it says so.

    Raises ConfigurationError for an option that this version cannot honour.
    """
    given = settings.plugin(name)
    where = f"consumer.plugins, for plugin {name!r}"
    if (given.max_attempts or 1) > 1:
        raise ConfigurationError(f"{where}: max_attempts {given.max_attempts} {_NOT_YET}")
    if given.timeout is not None or given.on_timeout is not None:
        raise ConfigurationError(f"{where}: timeout {_NOT_YET}")
    on_failure = given.on_failure or "pause"
    if on_failure == "dead_letter":
        raise ConfigurationError(f"{where}: on_failure dead_letter {_NOT_YET}, or use pause or skip")
    return PluginOptions(
        given.api or "classic", on_failure, given.backfill == "deliver", given.concurrency or concurrency or 1
    )


def refuse_merged_groups(settings: ConsumerSettings) -> None:
    """Raise ConfigurationError when groups of several plugins are configured: they would not be kept together."""
    if settings.groups:
        raise ConfigurationError(f"consumer.groups ({', '.join(settings.groups)}) {_NOT_YET}")
