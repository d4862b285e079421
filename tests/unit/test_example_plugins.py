"""The plugins in plugins/ do what their first lines say: read as examples of the testing kit, too."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shotgun_consumer.testing import FakeSite, PluginHarness, Write, events

PLUGINS = Path(__file__).parents[2] / "plugins"
Load = Callable[..., PluginHarness]


def test_ready_next_task_waits_for_all_that_a_task_waits_for(
    fake_site: FakeSite, plugin_harness: Load
) -> None:
    # Given a task that waits for two others, one of which is not final
    layout = fake_site.add("Task", content="Layout", sg_status_list="fin")
    rig = fake_site.add("Task", content="Rig", sg_status_list="ip")
    anim = fake_site.add("Task", content="Anim", sg_status_list="wtg", upstream_tasks=[layout, rig])
    plugin = plugin_harness(PLUGINS / "ready_next_task.py")
    # When one becomes final, nothing happens
    assert plugin.send(events.status_change(layout, "ip", "fin")).ok().writes == ()
    # And when the other does, the task is ready
    fake_site.connect().update("Task", rig["id"], {"sg_status_list": "fin"})
    sent = plugin.send(events.status_change(rig, "ip", "fin")).ok()
    assert sent.writes == (Write("update", "Task", anim["id"], {"sg_status_list": "rdy"}),)
    # And the same event once more does no harm
    assert plugin.send(events.status_change(rig, "ip", "fin")).ok().writes == ()


@pytest.mark.parametrize(
    ("status", "before", "after"),
    [("apr", "ip", "fin"), ("rev", "ip", "rev"), ("rej", "rev", "ip"), ("na", "ip", "ip")],
)
def test_version_status_to_task_keeps_a_task_in_step_with_its_newest_version(
    fake_site: FakeSite, plugin_harness: Load, status: str, before: str, after: str
) -> None:
    task = fake_site.add("Task", content="Anim", sg_status_list=before)
    old = fake_site.add("Version", code="v001", sg_task=task)
    newest = fake_site.add("Version", code="v002", sg_task=task)
    plugin = plugin_harness(PLUGINS / "version_status_to_task.py")
    assert plugin.send(events.status_change(old, "rev", status)).ok().writes == ()
    plugin.send(events.status_change(newest, "rev", status)).ok()
    found = fake_site.get("Task", task["id"])
    assert found is not None
    assert found["sg_status_list"] == after
    assert plugin.send(events.status_change(newest, "rev", status)).ok().writes == ()


def test_version_status_to_task_lets_go_of_what_was_deleted(plugin_harness: Load) -> None:
    version = {"type": "Version", "id": 3, "name": "v001"}
    plugin = plugin_harness(PLUGINS / "version_status_to_task.py")
    assert plugin.send(events.status_change(version, "rev", "apr", entity=None)).ok().writes == ()
    assert plugin.send(events.status_change(version, "rev", "apr")).ok().writes == ()


def test_notify_chat_posts_notes_and_approvals(monkeypatch: pytest.MonkeyPatch, plugin_harness: Load) -> None:
    monkeypatch.setenv("CHAT_WEBHOOK_URL", "http://chat.invalid")
    plugin = plugin_harness(PLUGINS / "notify_chat.py")
    posted: list[Any] = []
    monkeypatch.setattr(plugin.module, "post", lambda url, content: posted.append((url, content["text"])))
    version = {"type": "Version", "id": 3, "name": "v001"}
    plugin.send(events.note()).ok()
    plugin.send(events.status_change(version, "rev", "apr")).ok()
    plugin.send(events.status_change(version, "rev", "rej")).ok()
    assert plugin.send(events.version()).outcome == "filtered"
    assert posted == [
        ("http://chat.invalid", "Ines Moreau wrote a note: Note on sh010_anim_v012"),
        ("http://chat.invalid", "Ines Moreau approved v001"),
    ]


def test_notify_chat_goes_on_when_the_chat_is_down(
    monkeypatch: pytest.MonkeyPatch, plugin_harness: Load
) -> None:
    monkeypatch.setenv("CHAT_WEBHOOK_URL", "http://127.0.0.1:9")
    sent = plugin_harness(PLUGINS / "notify_chat.py").send(events.note())
    assert sent.outcome == "skipped"
    assert isinstance(sent.raised, OSError)


def test_notify_chat_says_what_it_lacks(
    monkeypatch: pytest.MonkeyPatch, plugin_harness: Load, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("CHAT_WEBHOOK_URL", raising=False)
    assert plugin_harness(PLUGINS / "notify_chat.py").callbacks == ()
    assert "CHAT_WEBHOOK_URL is not set" in caplog.text


def test_log_everything_writes_a_line_for_every_event(plugin_harness: Load) -> None:
    plugin = plugin_harness(PLUGINS / "log_everything.py")
    task = {"type": "Task", "id": 5, "name": "Anim"}
    assert plugin.send(events.status_change(task, "wtg", "ip", id=7)).ok().messages == [
        "7: Shotgun_Task_Change sg_status_list on Task 5 'Anim' by Ines Moreau"
    ]
    assert plugin.send(events.retirement(task, id=8, user=None)).ok().messages == [
        "8: Shotgun_Task_Retirement  on nothing that still exists by nobody"
    ]
