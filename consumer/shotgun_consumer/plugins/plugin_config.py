"""The settings as plugins see them through `reg.logger.config`."""

from __future__ import annotations

from configparser import ConfigParser

from shotgun_runtime.secret import MASK
from shotgun_runtime.settings import Settings


def plugin_config(settings: Settings) -> ConfigParser:
    """A ConfigParser with the sections and keys of the configuration, values as text, secrets left out.

    The classic names `shotgun.server` and `shotgun.name` are there too, and the sections of `consumer.plugin_config`,
    which hide keys of the same name.
    """
    config = ConfigParser(interpolation=None)
    for section, values in settings.model_dump(mode="json").items():
        if not isinstance(values, dict):
            continue
        config[section] = {
            key: str(value)
            for key, value in values.items()
            if not isinstance(value, dict) and value not in (None, MASK) and "key" not in key
        }
    config["shotgun"]["server"] = settings.shotgun.url
    config["shotgun"]["name"] = settings.shotgun.script_name
    for section, values in settings.consumer.plugin_config.items():
        if section != config.default_section and not config.has_section(section):
            config.add_section(section)
        for key, value in values.items():
            config.set(section, key, value)
    return config
