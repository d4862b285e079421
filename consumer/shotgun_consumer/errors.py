"""The mistake that a plugin's author makes when registering."""

from __future__ import annotations


class RegistrationError(ValueError):
    """A plugin registered something that cannot work. The message is for the plugin's author.

    `line` is where in the plugin's file, when that is not where the error was raised.
    """

    def __init__(self, message: str, line: int | None = None) -> None:
        super().__init__(message)
        self.line = line
