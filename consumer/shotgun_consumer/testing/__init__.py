"""Tests of plugins without Kafka and without a site.

    from . import FakeSite, PluginHarness, events

    def test_a_final_task_makes_the_next_one_ready():
        site = FakeSite()
        task = site.add("Task", content="Layout", sg_status_list="fin")
        plugin = PluginHarness("plugins/ready_next_task.py", site)
        sent = plugin.send(events.status_change(task, "ip", "fin"))
        assert sent.outcome == "succeeded"

A plugin is loaded and run by the code of the service. No broker, no signal and no other process is used.
pytest knows the fixtures `fake_site` and `plugin_harness`.
"""

from __future__ import annotations

from ..trying.recording import Write
from ..trying.trial import Call
from . import events
from .fake_site import FakeShotgun, FakeSite
from .harness import PluginHarness, Sent
from .matching import UnsupportedError

__all__ = ["Call", "FakeShotgun", "FakeSite", "PluginHarness", "Sent", "UnsupportedError", "Write", "events"]
