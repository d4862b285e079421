"""The examples in docs/plugins.md work as they stand there."""

from __future__ import annotations

import re
import shutil
from configparser import ConfigParser
from pathlib import Path

import pytest

from shotgun_consumer.plugins.plugin_files import PluginFile
from shotgun_consumer.plugins.plugin_loader import load_plugin
from shotgun_consumer.testing import PluginHarness, events

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text("utf-8")
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
PLUGINS = [
    block for block in BLOCKS if re.search(r"^@on\(.*\)\ndef |^def registerCallbacks", block, re.MULTILINE)
]


def test_the_page_has_the_examples_that_are_tested_here() -> None:
    assert len(PLUGINS) == 3
    assert sum("fake_site" in block for block in BLOCKS) == 1


@pytest.mark.parametrize("number", range(len(PLUGINS)))
def test_a_plugin_of_the_page_can_be_loaded(tmp_path: Path, number: int) -> None:
    path = tmp_path / "example.py"
    path.write_text(PLUGINS[number])
    assert len(load_plugin(PluginFile("example", path), "classic", ConfigParser()).callbacks) == 1


@pytest.mark.parametrize("number", range(2))
def test_the_first_plugins_of_the_page_say_what_happened(tmp_path: Path, number: int) -> None:
    path = tmp_path / "example.py"
    path.write_text(PLUGINS[number])
    task = {"type": "Task", "id": 5, "name": "Anim"}
    sent = PluginHarness(path).send(events.status_change(task, "wtg", "ip"))
    assert sent.messages == ["Task Anim is now ip"]


def test_the_unit_test_of_the_page_passes(pytester: pytest.Pytester) -> None:
    (example,) = (block for block in BLOCKS if "fake_site" in block)
    shutil.copytree(ROOT / "plugins", pytester.path / "plugins")
    pytester.makepyfile(test_ready_next_task=example)
    pytester.runpytest_inprocess("-p", "no:xdist").assert_outcomes(passed=1)
