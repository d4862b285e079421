"""How people say on the command line which time, and which event, they mean."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime, timedelta, timezone

import click

from shotgun_runtime.duration import parse_duration
from shotgun_runtime.errors import DecisionNeededError
from shotgun_runtime.log import configure_logging
from shotgun_runtime.settings import Settings
from shotgun_runtime.start import Start, parse_start

TIME_FORM = "a date such as 2026-01-31 or 2026-01-31T08:00:00Z (UTC without a zone), or how long ago, such as 90m or 2d"
SINCE_FORM = f"an event id such as 123456, {TIME_FORM}"


def _now() -> datetime:
    return datetime.now(timezone.utc)


def parse_time(text: str, now: Callable[[], datetime] = _now) -> Start:
    """A point in time: a date, or how long ago. Raises ValueError with the allowed form."""
    try:
        found = parse_start(text)
    except ValueError:
        found = None
    if found is not None and found.kind == "date":
        return found
    # A bare number is neither: it may be meant as an event id, a year or seconds.
    if found is not None or text.strip().replace(".", "").isdigit():
        raise ValueError(TIME_FORM)
    try:
        ago = parse_duration(text)
        return Start("date", moment=now() - timedelta(seconds=ago))
    except (ValueError, OverflowError):
        raise ValueError(TIME_FORM) from None


def parse_since(text: str, now: Callable[[], datetime] = _now) -> Start:
    """A point in the stream: an event id, a date, or how long ago. Raises ValueError with the allowed form."""
    if text.strip().isascii() and text.strip().isdigit():
        try:
            return parse_start(text)
        except ValueError:
            raise ValueError(SINCE_FORM) from None
    try:
        return parse_time(text, now)
    except ValueError:
        raise ValueError(SINCE_FORM) from None


def parsed_by(read: Callable[[str], Start]) -> Callable[..., Start | None]:
    """A callback for click that reads the option with this function."""

    def convert(ctx: click.Context, param: click.Parameter, given: str | None) -> Start | None:
        try:
            return None if given is None else read(given)
        except ValueError as error:
            raise click.BadParameter(f"{given!r} is not {error}", ctx, param) from None

    return convert


def require_yes(given: bool, question: str) -> None:
    """Let a person decide: by `--yes`, or by answering on a terminal. What will happen was said before.

    Raises DecisionNeededError without an answer, and for a no.
    """
    if given:
        return
    if not sys.stdin.isatty():
        raise DecisionNeededError("nothing was changed; add --yes to do it")
    if not click.confirm(question, err=True):
        raise DecisionNeededError("nothing was changed")


def log_to_stderr(settings: Settings) -> None:
    """Say on the terminal what goes wrong on the way; a command writes to no log file and sends no mail."""
    quiet = settings.logging.model_copy(update={"level": "WARNING", "email": None, "file": None})
    configure_logging(quiet, service="shotgun-consumer", stream=sys.stderr)
