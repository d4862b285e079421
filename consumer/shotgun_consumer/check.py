"""`shotgun-consumer check`: what plugins would do, found out without Kafka and without Shotgun."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .plugin_loader import LoadedPlugin, PluginError
from .plugin_set import PluginSet


def as_json(plugins: PluginSet) -> dict[str, Any]:
    """The result as plain values."""
    return {
        "plugins": [_plugin(plugin) for plugin in plugins.loaded],
        "failures": [_failure(name, error) for name, error in plugins.failures.items()],
    }


def as_text(plugins: PluginSet) -> Iterator[str]:
    """The result for people, line by line."""
    for plugin in plugins.loaded:
        yield f"{plugin.name}  {plugin.path}"
        rows = [
            (
                spec.key,
                spec.style.value,
                "stop on error" if spec.stop_on_error else "go on",
                spec.filter.describe(),
            )
            for spec in plugin.callbacks
        ]
        widths = [max(len(row[column]) for row in rows) for column in range(3)] if rows else []
        for row in rows:
            cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
            yield f"    {'  '.join(cells)}  {row[3]}"
        if not rows:
            yield "    registers no callback: every event is filtered"
        for warning in plugin.warnings:
            yield f"    warning: {warning}"
    for name, error in plugins.failures.items():
        yield f"{name}  {error.where()}"
        yield f"    error: {error}"
        if error.details:
            yield from (f"    {line}" for line in error.details.rstrip().splitlines())
    yield f"{len(plugins.loaded)} plugin(s) can be started, {len(plugins.failures)} cannot"


def _plugin(plugin: LoadedPlugin) -> dict[str, Any]:
    return {
        "name": plugin.name,
        "path": str(plugin.path),
        "api": plugin.api,
        "callbacks": [
            {
                "name": spec.key,
                "arguments": spec.style.value,
                "filter": spec.filter.describe(),
                "stop_on_error": spec.stop_on_error,
            }
            for spec in plugin.callbacks
        ],
        "warnings": list(plugin.warnings),
    }


def _failure(name: str, error: PluginError) -> dict[str, Any]:
    return {
        "name": name,
        "path": str(error.path),
        "line": error.line,
        "error": str(error),
        "details": error.details,
    }
