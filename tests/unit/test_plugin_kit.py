"""The testing kit: a plugin gets in a unit test what it gets in the service, and what it does can be seen."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
import shotgun_api3

from shotgun_consumer.plugins.plugin_loader import PluginError
from shotgun_consumer.running.client_view import ClientView
from shotgun_consumer.testing import FakeSite, PluginHarness, Write, events

ROOT = Path(__file__).parents[2]
Load = Callable[..., PluginHarness]


@pytest.fixture
def load(tmp_path: Path, fake_site: FakeSite, plugin_harness: Load) -> Load:
    """Loads a plugin from its text, against `fake_site`."""

    def call(text: str, name: str = "notify.py", **options: Any) -> PluginHarness:
        path = tmp_path / name
        path.write_text(textwrap.dedent(text), "utf-8")
        return plugin_harness(path, **options)

    return call


TASK = {"type": "Task", "id": 5, "name": "Anim"}


def test_the_kit_works_without_the_client_of_kafka() -> None:
    code = (
        "import sys; sys.modules['confluent_kafka'] = None\n"
        "from shotgun_consumer.testing import FakeSite, PluginHarness, events\n"
        f"plugin = PluginHarness({str(ROOT / 'plugins' / 'log_everything.py')!r})\n"
        "sent = plugin.send(events.note())\n"
        "assert sent.outcome == 'succeeded', sent\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_run_of_pytest_that_needs_no_fixture_loads_none_of_the_kit() -> None:
    code = (
        "import sys, shotgun_consumer.pytest_plugin\n"
        "assert not {'shotgun_api3', 'pydantic', 'prometheus_client', 'shotgun_consumer.testing'} & set(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_example_plugins_do_what_they_promise(fake_site: FakeSite, plugin_harness: Load) -> None:
    first = fake_site.add("Task", content="Layout", sg_status_list="fin")
    fake_site.add("Task", id=7, content="Anim", sg_status_list="wtg", upstream_tasks=[first])
    fake_site.add(
        "Task", id=8, content="Light", sg_status_list="wtg", upstream_tasks=[{"type": "Task", "id": 7}]
    )
    plugin = plugin_harness(ROOT / "plugins" / "ready_next_task.py")

    sent = plugin.send(events.status_change(first, "ip", "fin")).ok()

    assert sent.outcome == "succeeded"
    assert sent.writes == (Write("update", "Task", 7, {"sg_status_list": "rdy"}),)
    assert sent.messages == ["Task 7 'Anim' is ready to start"]
    assert plugin.send(events.status_change(first, "fin", "ip")).writes == ()
    assert plugin.send(events.change(first, "content", "a", "b")).outcome == "filtered"


def test_a_callback_gets_its_connection_logger_event_and_the_very_args(load: Load) -> None:
    plugin = load(
        """
        ARGS, SEEN = {}, []
        def call(sg, logger, event, args):
            SEEN.append((sg.config.script_name, sg.config.session_uuid, logger.name, event, args is ARGS))
            logger.debug("seen %s", event["id"])
        def registerCallbacks(reg):
            reg.registerCallback("own", "key", call, {"Shotgun_Task_Change": ["sg_status_list"]}, ARGS)
        """
    )
    event = events.status_change(TASK, "wtg", "ip")
    sent = plugin.send(event)
    assert [("own", events.SESSION, "plugin.notify.call", event, True)] == plugin.module.SEEN
    assert sent.messages == [f"seen {event['id']}"]
    assert [call.callback for call in sent.calls] == ["call"]


@pytest.mark.parametrize(("stop", "outcome", "later"), [("True", "unfinished", 0), ("False", "skipped", 1)])
def test_a_failure_has_the_meaning_of_stop_on_error(load: Load, stop: str, outcome: str, later: int) -> None:
    plugin = load(
        f"""
        from shotgun_consumer import on
        @on(stop_on_error={stop})
        def fail(context): raise LookupError("no shot")
        @on()
        def later(context): pass
        """
    )
    sent = plugin.send(events.note())
    assert sent.outcome == outcome
    assert [call.callback for call in sent.calls] == ["fail", "later"][: 1 + later]
    assert isinstance(sent.raised, LookupError)
    assert sent.log[-1].levelname == "ERROR"
    with pytest.raises(LookupError, match="no shot"):
        sent.ok()


def test_what_a_where_raises_is_a_failure_of_its_callback(load: Load) -> None:
    plugin = load(
        """
        from shotgun_consumer import on
        @on("Shotgun_Note_New", where=lambda event: event["meta"]["missing"])
        def call(context): pass
        """
    )
    assert plugin.send(events.version()).outcome == "filtered"
    sent = plugin.send(events.note())
    assert (sent.outcome, sent.calls) == ("unfinished", ())
    assert isinstance(sent.raised, KeyError)


def test_what_a_callback_asks_for_is_told(load: Load) -> None:
    plugin = load(
        """
        from shotgun_consumer import on
        @on("Shotgun_Note_New")
        def gone(context): context.dead_letter("the shot is gone")
        @on("Shotgun_Version_New")
        def wait(context):
            if context.attempt == 1: context.retry_in(30)
        """
    )
    sent = plugin.send(events.note())
    assert (sent.outcome, sent.reason) == ("dead_lettered", "the shot is gone")
    sent = plugin.send(events.version())
    assert (sent.outcome, sent.retry_in) == ("retried", 30)
    assert plugin.send(events.version(), attempt=2).outcome == "succeeded"


def test_what_a_plugin_says_of_failures_is_what_follows_them(load: Load) -> None:
    plugin = load(
        """
        from shotgun_consumer import on
        @on("Shotgun_Note_New", max_attempts=2, retry_on=ConnectionError, on_failure="dead_letter")
        def call(context):
            raise ConnectionError("the asset system is down")
        """
    )
    sent = plugin.send(events.note())
    assert sent.outcome == "retried"
    assert sent.retry_in is not None
    assert plugin.send(events.note(), attempt=2).outcome == "dead_lettered"
    assert {plugin.send(events.note(), attempt=2).outcome for _ in range(100)} == {"dead_lettered"}


def test_the_plugins_own_events_do_not_reach_it(load: Load, fake_site: FakeSite) -> None:
    text = "from shotgun_consumer import on\n@on({})\ndef call(context): pass\n"
    own = events.note(user=fake_site.script_user)
    assert load(text.format("")).send(own).outcome == "filtered"
    assert load(text.format("")).send(events.by_script(events.note())).outcome == "succeeded"
    assert load(text.format("ignore_own_events=False")).send(own).outcome == "succeeded"
    other = load(text.format("script_name='other', script_key='k'"))
    assert other.send(own).outcome == "succeeded"
    assert other.send(events.by_script(events.note(), "other")).outcome == "filtered"


def test_a_classic_plugin_gets_its_own_events(load: Load, fake_site: FakeSite) -> None:
    plugin = load("def registerCallbacks(reg):\n    reg.registerCallback(None, None, lambda *given: None)\n")
    assert plugin.send(events.note(user=fake_site.script_user)).outcome == "succeeded"


def test_an_async_callback_awaits_the_methods_of_its_connection(load: Load, fake_site: FakeSite) -> None:
    fake_site.add("Task", id=5, content="Anim")
    plugin = load(
        """
        import asyncio, threading
        from shotgun_consumer import on
        @on("Shotgun_Task_Change")
        async def call(context):
            await asyncio.sleep(0)
            task = await context.sg.find_one("Task", [["id", "is", context.event["entity"]["id"]]], ["content"])
            await context.sg.update("Task", 5, {"content": task["content"] + "!"})
            thread, session = await context.sg.run(lambda sg: (threading.current_thread(), sg.config.session_uuid))
            assert thread is not threading.current_thread()
            context.logger.info(session)
        @on("Shotgun_Note_New")
        async def fail(context):
            raise LookupError("no shot")
        @on("Shotgun_Version_New")
        async def wrong(context):
            context.sg.config
        """
    )
    sent = plugin.send(events.status_change(TASK, "wtg", "ip")).ok()
    assert sent.writes == (Write("update", "Task", 5, {"content": "Anim!"}),)
    assert sent.messages == [events.SESSION]
    assert isinstance(plugin.send(events.note()).raised, LookupError)
    with pytest.raises(AttributeError, match=r"await context.sg.run\(lambda sg: sg.config\)"):
        plugin.send(events.version()).ok()


def test_a_plugin_of_the_first_daemon_is_run_as_one(load: Load) -> None:
    plugin = load(
        """
        SEEN = []
        def call(sg, event, args): SEEN.append(args)
        def registerCallbacks(reg): reg.registerCallback("s", "k", call, {"the": "args"})
        """,
        api="seed",
    )
    assert plugin.send(events.note()).outcome == "succeeded"
    assert plugin.module.SEEN == [{"the": "args"}]


def test_functions_of_an_imported_module_can_be_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, plugin_harness: Load
) -> None:
    (tmp_path / "kit_sample_plugin.py").write_text(
        "from shotgun_consumer import on\ndef post(text): raise OSError\n@on()\ndef call(context): post('hello')\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    module = importlib.import_module("kit_sample_plugin")
    monkeypatch.delitem(sys.modules, "kit_sample_plugin")
    said: list[str] = []
    monkeypatch.setattr(module, "post", said.append)
    plugin_harness(module).send(events.note()).ok()
    assert said == ["hello"]


def test_a_plugin_reads_its_configuration_and_its_helpers(load: Load, tmp_path: Path) -> None:
    (tmp_path / "_kit_helper.py").write_text("WORD = 'hello'\n")
    plugin = load(
        """
        from _kit_helper import WORD
        def registerCallbacks(reg):
            assert reg.logger.config.get("studio", "room") == "A"
            reg.registerCallback(None, None, lambda sg, logger, event, args: logger.info(WORD))
        """,
        config={"studio": {"room": "A"}},
    )
    assert plugin.send(events.note()).messages == ["hello"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("x = 1\n", "registers nothing"),
        ("def registerCallbacks(reg):\n    reg.nothing\n", "has no attribute 'nothing'"),
    ],
)
def test_a_plugin_that_cannot_be_loaded_is_refused_as_by_the_service(
    load: Load, text: str, words: str
) -> None:
    with pytest.raises(PluginError, match=words):
        load(text)


def test_warnings_of_the_plugin_can_be_asserted(load: Load) -> None:
    plugin = load(
        "def registerCallbacks(reg):\n    reg.registerCallback(None, None, print, {'T': 'status'})\n"
    )
    assert "use ['status']" in plugin.warnings[0]


# The events

SHOT = {"type": "Shot", "id": 862, "name": "sh010"}
ALL_KEYS = {
    "type", "id", "event_type", "attribute_name", "description", "meta", "entity", "user", "project", "session_uuid",
    "created_at",
}  # fmt: skip
BUILT = {
    "status": lambda: events.status_change(TASK, "wtg", "ip"),
    "change": lambda: events.change(SHOT, "description", None, "x"),
    "list": lambda: events.list_change(TASK, "task_assignees", added=[events.PERSON]),
    "new": lambda: events.new_entity(SHOT),
    "retirement": lambda: events.retirement(TASK),
    "revival": lambda: events.revival(TASK),
    "thumbnail": lambda: events.thumbnail(SHOT, transient=True),
    "note": events.note,
    "reply": lambda: events.reply("done"),
    "version": events.version,
    "script": lambda: events.by_script(events.version()),
    "any": lambda: events.event("AutodeskLicense"),
    "none": lambda: events.event(None, user=None, project=None),
}


@pytest.mark.parametrize("name", BUILT)
def test_an_event_that_was_built_arrives_as_it_was_built(load: Load, name: str) -> None:
    built = BUILT[name]()
    plugin = load("from shotgun_consumer import on\nSEEN = []\n@on()\ndef call(c): SEEN.append(c.event)\n")
    assert plugin.send(built).outcome == "succeeded"
    assert [built] == plugin.module.SEEN
    assert set(built) == ALL_KEYS
    assert isinstance(built["created_at"], datetime)
    assert built["created_at"].tzinfo is not None


def test_built_events_have_the_keys_of_recorded_ones() -> None:
    """Recorded on a site in 2026: a status change, a creation, a retirement, and the back-reference of a link."""
    made = events.status_change(SHOT, "wtg", "ip")["meta"]
    assert list(made) == [
        "type", "attribute_name", "entity_type", "entity_id", "field_data_type", "old_value", "new_value",
    ]  # fmt: skip
    assert events.new_entity(SHOT)["meta"] == {"type": "new_entity", "entity_type": "Shot", "entity_id": 862}
    gone = events.retirement(SHOT)
    assert gone["entity"] is None
    assert set(gone["meta"]) == {
        "type", "class_name", "display_name", "entity_id", "entity_type", "id", "retirement_date",
    }  # fmt: skip
    assert events.by_script(gone)["user"] == {"id": 31, "name": "other_script 1.0", "type": "ApiUser"}
    linked = events.list_change(TASK, "task_assignees", added=[SHOT])["meta"]
    assert "new_value" not in linked
    assert [one["id"] for one in linked["added"]] == [862]


def test_ids_of_built_events_grow_and_any_key_can_be_given() -> None:
    first, second = events.note(), events.note()
    assert second["id"] > first["id"]
    assert events.note(id=7, project=None, description="x")["description"] == "x"


def test_a_row_as_the_site_sends_it_can_be_sent_too(load: Load) -> None:
    row = {
        "type": "EventLogEntry",
        "id": 5,
        "event_type": "T",
        "created_at": "2026-01-21T19:47:33Z",
        "meta": {"a": 1},
    }
    plugin = load("SEEN = []\ndef on_event(context): SEEN.append(context.event)\n")
    plugin.send(json.loads(json.dumps(row))).ok()
    (seen,) = plugin.module.SEEN
    assert {name: seen[name] for name in row} == ClientView().event(row)


def test_requests_can_be_made_to_fail(load: Load, fake_site: FakeSite) -> None:
    plugin = load("def on_event(context): context.sg.create('Note', {'subject': 'x'})\n")
    fake_site.fail_next(shotgun_api3.Fault("down"))
    assert plugin.send(events.note()).outcome == "unfinished"
    assert fake_site.writes == []
    assert plugin.send(events.note()).outcome == "succeeded"
