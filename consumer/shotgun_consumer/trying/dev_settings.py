"""The settings of `shotgun-consumer run --dev`: those of the team, without what only a team should do. Pure."""

from __future__ import annotations

import getpass
import re
from collections.abc import Collection

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import Settings

_OTHER = re.compile(r"[^A-Za-z0-9._-]+")


def dev_settings(settings: Settings) -> Settings:
    """Text on the terminal alone, any free port of this machine, reload on, groups of one plugin each, no mail, and no
    end of the process for a callback that waits in a debugger. Everything else is as configured.
    """
    consumer, logging = settings.consumer, settings.logging
    return settings.model_copy(
        update={
            "consumer": consumer.model_copy(
                update={
                    "group_prefix": "",
                    "groups": {},
                    "reload": "watch" if consumer.reload == "off" else consumer.reload,
                    "plugins": {
                        pattern: given.model_copy(update={"on_timeout": None})
                        for pattern, given in consumer.plugins.items()
                    },
                }
            ),
            "logging": logging.model_copy(
                update={
                    "level": "DEBUG" if logging.level == "DEBUG" else "INFO",
                    "format": "text",
                    "file": None,
                    "email": None,
                }
            ),
            "http": settings.http.model_copy(update={"host": "127.0.0.1", "port": 0}),
        }
    )


def as_team(settings: Settings, team: str) -> Settings:
    """The settings with this word before the plugin in the names of groups."""
    return settings.model_copy(
        update={"consumer": settings.consumer.model_copy(update={"team": team})},
    )


def user_word() -> str:
    """The user's name as a word for group names. Raises ConfigurationError when the system does not tell."""
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):
        name = ""
    word = _OTHER.sub("-", name).strip("-.")
    if not word:
        raise ConfigurationError(
            f"the name of the user, {name!r}, cannot be part of a group's name; set the environment variable USER, "
            "such as USER=alice"
        )
    return word


def free_team(user: str, running: Collection[str]) -> str:
    """`dev-<user>`, or `dev-<user>-2` and so on while groups of that name run already: each terminal gets all events.

    `running` are the names of the groups that have members.
    """
    number = 1
    while True:
        team = f"dev-{user}" if number == 1 else f"dev-{user}-{number}"
        if not any(group.startswith(f"{team}.") for group in running):
            return team
        number += 1
