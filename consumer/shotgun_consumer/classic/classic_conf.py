"""The configuration of a classic daemon (`shotgunEventDaemon.conf`).

`%(NAME)s` stands for another option of the section, of `[DEFAULT]`, or for a variable of the environment. Unlike in the
daemon, the environment is used for nothing else: there, a variable `PORT` became the port of the mail server.
"""

from __future__ import annotations

import configparser
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from shotgun_runtime.errors import ConfigurationError

_REFERENCE = re.compile(r"%(?:(%)|\(([^)]+)\)s|(.?))", re.DOTALL)
_TRUE, _FALSE = frozenset(("1", "yes", "true", "on")), frozenset(("0", "no", "false", "off"))
_DEPTH = 10


@dataclass(frozen=True, slots=True)
class Option:
    """One value. `from_environment`: (part of) it did not stand in the file."""

    text: str
    from_environment: bool = False


class ClassicConf:
    """The options of a file, interpolated when they are asked for."""

    def __init__(self, path: Path, environ: Mapping[str, str]) -> None:
        """Read the file. Raises ConfigurationError when it cannot be read."""
        self._path = path
        # The daemon's own parser looked names up without regard to case.
        self._environ = {name.lower(): value for name, value in environ.items()}
        self._parser = configparser.RawConfigParser()
        try:
            with path.open(encoding="utf-8") as file:
                self._parser.read_file(file, str(path))
        except OSError as error:
            raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
        except (configparser.Error, UnicodeDecodeError) as error:
            raise ConfigurationError(f"{path} is no configuration of a classic daemon: {error}") from None

    def get(self, section: str, option: str) -> Option | None:
        """An option; None when it is missing or empty.

        Raises ConfigurationError for a reference that leads nowhere, and for a lone `%`.
        """
        if not self._parser.has_option(section, option):
            return None
        found = self._resolve(section, option, self._parser.get(section, option), 0)
        return found if found.text.strip() else None

    def words(self, section: str, option: str) -> list[str]:
        """A comma-separated list; empty when the option is missing."""
        found = self.get(section, option)
        return [] if found is None else [word.strip() for word in found.text.split(",") if word.strip()]

    def number(self, section: str, option: str) -> int | None:
        """A whole number; None when the option is missing. Raises ConfigurationError for anything else."""
        found = self.get(section, option)
        if found is None:
            return None
        if not found.text.strip().isdigit():
            raise self._wrong(section, option, f"{found.text!r} is no whole number")
        return int(found.text)

    def flag(self, section: str, option: str) -> bool:
        """Whether an option is switched on. Raises ConfigurationError for what is neither on nor off."""
        found = self.get(section, option)
        word = "no" if found is None else found.text.strip().lower()
        if word not in _TRUE | _FALSE:
            raise self._wrong(section, option, f"{word!r} is neither True nor False")
        return word in _TRUE

    def _resolve(self, section: str, option: str, text: str, depth: int) -> Option:
        if depth > _DEPTH:
            raise self._wrong(section, option, "its references lead round in a circle")
        borrowed = False

        def replace(match: re.Match[str]) -> str:
            nonlocal borrowed
            percent, name, other = match.groups()
            if percent:
                return "%"
            if not name:
                raise self._wrong(
                    section, option, f"there is a lone % before {other!r}; write %% for a percent sign"
                )
            if self._parser.has_option(section, name):
                inner = self._resolve(section, option, self._parser.get(section, name), depth + 1)
                borrowed |= inner.from_environment
                return inner.text
            if name.lower() not in self._environ:
                raise self._wrong(
                    section, option, f"the environment has no variable {name}; set it and try again"
                )
            borrowed = True
            return self._environ[name.lower()]

        return Option(_REFERENCE.sub(replace, text), borrowed)

    def _wrong(self, section: str, option: str, reason: str) -> ConfigurationError:
        return ConfigurationError(f"{self._path}: [{section}] {option}: {reason}")
