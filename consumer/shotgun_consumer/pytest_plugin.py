"""Fixtures for pytest, which finds them by itself where Shotgun Stream is installed."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from .testing import FakeSite, PluginHarness


@pytest.fixture
def fake_site() -> FakeSite:
    """A site in memory; `fake_site.add("Task", content="Anim")` gives it entities."""
    # Imported here: every run of pytest loads this file, and most need nothing of it.
    from .testing import FakeSite

    return FakeSite()


@pytest.fixture
def plugin_harness(fake_site: FakeSite) -> Iterator[Callable[..., PluginHarness]]:
    """Loads a plugin against `fake_site`: `plugin_harness("plugins/notify.py")`, options as for PluginHarness.

    The module path, to which a plugin's folder is added, is put back at the end.
    """
    from .testing import PluginHarness

    with ExitStack() as loaded:

        def load(plugin: str | Path | ModuleType, **options: Any) -> PluginHarness:
            return loaded.enter_context(closing(PluginHarness(plugin, fake_site, **options)))

        before = list(sys.path)
        yield load
        sys.path[:] = before
