"""`shotgun-consumer check`: what plugins would do, found out without Kafka and without Shotgun."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ..plugins.plugin_loader import LoadedPlugin, PluginError
from ..plugins.plugin_set import PluginSet
from ..plugins.python2 import leftovers
from ..plugins.registrar import CallbackSpec

_OPTIONS = ("max_attempts", "retry_on", "timeout", "on_failure")
_HEAD = ("callback", "api", "arguments", "on error", "events")


def as_json(plugins: PluginSet) -> dict[str, Any]:
    """The result as plain values."""
    return {
        "plugins": [_plugin(plugin) for plugin in plugins.loaded],
        "failures": [_failure(name, error) for name, error in plugins.failures.items()],
        "helpers": [_failure(error.path.stem, error) for error in plugins.helpers],
    }


def as_text(plugins: PluginSet) -> Iterator[str]:
    """The result for people, line by line."""
    for plugin in plugins.loaded:
        at_once = f"  (up to {plugin.concurrency} events at once)" if plugin.concurrency else ""
        yield f"{plugin.name}  {plugin.path}{at_once}"
        yield from _table([_HEAD, *map(_row, plugin.callbacks)] if plugin.callbacks else [])
        if not plugin.callbacks:
            yield "    registers no callback: every event is filtered"
        for warning in _warnings(plugin):
            yield f"    warning: {warning}"
    for name, error in plugins.failures.items():
        yield f"{name}  {error.where()}"
        yield f"    error: {error}"
        if error.details:
            yield from (f"    {line}" for line in error.details.rstrip().splitlines())
    for error in plugins.helpers:
        yield f"{error.path.stem}  {error.where()}"
        yield f"    error: {error}"
    yield f"{len(plugins.loaded)} plugin(s) can be started, {len(plugins.failures)} cannot"


def _table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        yield f"    {'  '.join(cells)}".rstrip()


def _row(spec: CallbackSpec) -> tuple[str, ...]:
    said = [f"{name}={_shown(value)}" for name, value in _options(spec).items()]
    own = ["not its own"] if spec.ignore_own_events else []
    events = "; ".join([spec.filter.describe(), *own, *said])
    style = f"async {spec.style.value}" if spec.is_async else spec.style.value
    return spec.key, spec.generation, style, "stop" if spec.stop_on_error else "go on", events


def _shown(value: object) -> str:
    return " | ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _options(spec: CallbackSpec) -> dict[str, Any]:
    return {name: value for name in _OPTIONS if (value := getattr(spec, name)) is not None}


def _warnings(plugin: LoadedPlugin) -> list[str]:
    return [*plugin.warnings, *leftovers(plugin.path)]


def _plugin(plugin: LoadedPlugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "path": str(plugin.path),
        "api": plugin.api,
        "concurrency": plugin.concurrency,
        "callbacks": [
            {
                "name": spec.key,
                "line": spec.line,
                "api": spec.generation,
                "arguments": spec.style.value,
                "async": spec.is_async,
                "filter": spec.filter.describe(),
                "stop_on_error": spec.stop_on_error,
                "ignore_own_events": spec.ignore_own_events,
                **_options(spec),
            }
            for spec in plugin.callbacks
        ],
        "warnings": _warnings(plugin),
    }


def _failure(name: str, error: PluginError) -> dict[str, Any]:
    return {
        "name": name,
        "path": str(error.path),
        "line": error.line,
        "error": str(error),
        "details": error.details,
    }
