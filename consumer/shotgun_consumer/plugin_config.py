"""The settings as plugins see them through `reg.logger.config`."""

from __future__ import annotations

from configparser import ConfigParser

from shotgun_runtime.secret import MASK
from shotgun_runtime.settings import Settings


def plugin_config(settings: Settings) -> ConfigParser:
    """A ConfigParser with the sections and keys of the configuration, values as text, secrets left out.

    The classic names `shotgun.server` and `shotgun.name` are there too.
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
    return config
