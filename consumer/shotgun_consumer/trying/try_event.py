"""`shotgun-consumer try`: one event against a plugin in the terminal, and nothing is written."""

from __future__ import annotations

import json
import traceback
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any, TextIO

from shotgun_runtime.errors import ConfigurationError, SiteRefusedError, StreamError
from shotgun_runtime.settings import ConsumerSettings, Settings, ShotgunSettings
from shotgun_runtime.shotgun import connect_raw, explain_site_error
from shotgun_schemas.event import ENTITY_TYPE, FIELDS

from ..plugins.plugin_config import plugin_config
from ..plugins.plugin_files import PluginFile, absolute, find_plugin_files, plugin_folders
from ..plugins.plugin_loader import LoadedPlugin, NotAPluginError, PluginError, load_plugin
from ..plugins.plugin_modules import offer_helpers
from ..plugins.plugin_options import plugin_options
from .recording import Journal, Write, recording_connector
from .trial import Trial, Trialled

ENDED_WELL = frozenset(("filtered", "succeeded"))


def read_event(settings: Settings, given: str, stdin: TextIO) -> dict[str, Any]:
    """The event that `--event` names: an id is read from the site, `-` from standard input, all else from a file.

    Raises ConfigurationError for a text that is no event, SiteRefusedError and StreamError when the site does not give
    it.
    """
    if given.isascii() and given.isdigit():
        return _from_site(settings.shotgun, int(given))
    try:
        text = stdin.read() if given == "-" else Path(given).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"event file {given!r} cannot be read: {error}; give an id or a file with one event as JSON"
        ) from None
    try:
        row = json.loads(text)
    except ValueError as error:
        raise ConfigurationError(f"event file {given!r} is not JSON: {error}") from None
    if not isinstance(row, dict) or type(row.get("id")) is not int:
        raise ConfigurationError(
            f"event file {given!r} holds no event; it must be one JSON object with a number as 'id'"
        )
    return row


def load(settings: Settings, given: Path) -> LoadedPlugin:
    """The plugin in this file, or with this name in `consumer.plugin_paths`.

    Raises ConfigurationError with what is wrong, the plugin's traceback included.
    """
    file = _find(settings.consumer, given)
    offer_helpers(plugin_folders([file.path]))
    options = plugin_options(settings.consumer, file.name)
    try:
        return options.applied(load_plugin(file, options.api, plugin_config(settings)))
    except NotAPluginError:
        raise ConfigurationError(f"{file.path} is a helper, not a plugin: it registers no callback") from None
    except PluginError as error:
        details = f"\n{error.details.rstrip()}" if error.details else ""
        raise ConfigurationError(f"{error} ({error.where()}){details}") from None


def try_event(
    settings: Settings, plugin: LoadedPlugin, event: Mapping[str, Any]
) -> tuple[Trialled, list[Write]]:
    """Run the event: what became of it, and what would have been written. Raises nothing that a callback raises."""
    journal = Journal()
    connect = recording_connector(settings.shotgun, journal)
    rules = plugin_options(settings.consumer, plugin.name).rules
    # Its log is part of the result, and is not to be shown a second time.
    propagated, plugin.logger.propagate = plugin.logger.propagate, False
    try:
        with closing(Trial(plugin, connect, f"try.{plugin.name}", rules)) as trial:
            return trial.run(event), journal.writes
    finally:
        plugin.logger.propagate = propagated


def as_json(event: Mapping[str, Any], done: Trialled, writes: list[Write]) -> dict[str, Any]:
    """The result as plain values; what JSON does not know is shown as text."""
    return {
        "event": event["id"],
        "outcome": done.outcome,
        "reason": done.reason,
        "retry_in": done.retry_in,
        "calls": [
            {"callback": call.callback, "raised": None if call.raised is None else _short(call.raised)}
            for call in done.calls
        ],
        "log": [
            {"level": one.levelname, "logger": one.name, "message": one.getMessage()} for one in done.log
        ],
        "writes": [asdict(write) for write in writes],
    }


def as_text(event: Mapping[str, Any], done: Trialled, writes: list[Write]) -> Iterator[str]:
    """The result for people, line by line."""
    about = [event.get("event_type") or "an event without a type", event.get("attribute_name") or ""]
    yield f"event {event['id']}: {' '.join(about).strip()}"
    yield f"called: {', '.join(call.callback for call in done.calls) or 'no callback'}"
    if done.log:
        yield "logged:"
        for record in done.log:
            yield from _indented(f"{record.levelname:<8} {record.name}: {record.getMessage()}")
            if record.exc_info:
                yield from _indented("".join(traceback.format_exception(*record.exc_info)))
    yield "would have written:" if writes else "would have written nothing"
    yield from (f"    {write}" for write in writes)
    yield f"outcome: {done.outcome}{_why(done)}"


def _find(settings: ConsumerSettings, given: Path) -> PluginFile:
    path = absolute(given)
    if path.is_dir():
        raise ConfigurationError(
            f"{str(given)!r} is a folder; name one plugin in it, such as {given / 'notify.py'}"
        )
    if path.exists() or given.suffix == ".py" or given.name != str(given):
        return PluginFile(settings.plugin_name(path), path)
    known = find_plugin_files(settings.plugin_paths, name_of=settings.plugin_name)
    named = [file for file in known if file.name == str(given)]
    if not named:
        names = ", ".join(file.name for file in known) or "none; set it, or name a file"
        raise ConfigurationError(
            f"no plugin is named {str(given)!r}; in consumer.plugin_paths there is: {names}"
        )
    return named[0]


def _why(done: Trialled) -> str:
    if done.retry_in is not None:
        return f", again in {done.retry_in:g} s"
    return f": {done.reason}" if done.reason else ""


def _indented(text: str) -> Iterator[str]:
    return (f"    {line}" for line in text.rstrip().splitlines())


def _short(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}"


def _from_site(settings: ShotgunSettings, number: int) -> dict[str, Any]:
    handle = connect_raw(settings)
    try:
        row = handle.find_one(ENTITY_TYPE, [["id", "is", number]], list(FIELDS))
    except Exception as error:  # noqa: BLE001 - the client's failures surface as many unrelated classes
        failure = explain_site_error(error, settings.url)
        kind = SiteRefusedError if failure.refused else StreamError
        raise kind(f"event {number} cannot be read: {failure.message}") from None
    finally:
        handle.close()
    if row is None:
        raise ConfigurationError(
            f"the site {settings.url} shows no event {number} to {settings.script_name!r}; "
            "look at the id, or give the event as a file"
        )
    return dict(row)
