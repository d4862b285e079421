"""`shotgun-consumer try`: one event against a plugin, read from a real site, and nothing written there."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import shotgun_api3

from shotgun_consumer.cli import commands
from shotgun_consumer.trying.recording import FIRST_MADE_ID
from shotgun_runtime.cli import run_cli
from shotgun_sandbox.site import SandboxSite

PLUGIN = """
from shotgun_consumer import on

@on("Shotgun_Task_Change", attribute="sg_status_list")
def status_changed(context):
    task = context.sg.find_one("Task", [["id", "is", context.event["entity"]["id"]]], ["content", "project"])
    note = context.sg.create("Note", {"subject": task["content"], "project": task["project"]})
    assert context.sg.find_one("Note", [["id", "is", note["id"]]], ["subject"])["subject"] == task["content"]
    context.sg.update("Task", task["id"], {"sg_status_list": "fin"})
    context.sg.upload_thumbnail("Task", task["id"], "/nowhere.jpg")
    context.sg.batch([{"request_type": "delete", "entity_type": "Note", "entity_id": 3}])
    context.logger.info("%s is done", task["content"])
"""
ROW = {
    "type": "EventLogEntry",
    "id": 77,
    "event_type": "Shotgun_Note_New",
    "attribute_name": None,
    "entity": {"type": "Note", "id": 5, "name": "x"},
    "created_at": "2026-01-21T19:47:33Z",
}

Try = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxSite]:
    with SandboxSite() as site:
        yield site


@pytest.fixture
def attempt(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    logging_put_back: None,
) -> Try:
    """Run the command on a plugin's text: `attempt(PLUGIN, "--event", "5", site=site)`."""

    def call(plugin: str, *arguments: str, site: SandboxSite | None = None) -> tuple[int, str, str]:
        for name in [name for name in os.environ if name.startswith("SHOTGUN_STREAM_")]:
            monkeypatch.delenv(name)
        if site is not None:
            for key, value in (
                ("URL", site.url),
                ("SCRIPT_NAME", site.script_name),
                ("API_KEY", site.api_key),
            ):
                monkeypatch.setenv(f"SHOTGUN_STREAM_SHOTGUN__{key}", value)
        path = tmp_path / "notify.py"
        path.write_text(plugin, "utf-8")
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as ended:
            run_cli(commands, ["try", str(path), *arguments])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out, said.err

    return call


@pytest.fixture
def row_file(tmp_path: Path) -> str:
    path = tmp_path / "event.json"
    path.write_text(json.dumps(ROW))
    return str(path)


def test_an_event_of_the_site_shows_the_writes_and_makes_none(attempt: Try, site: SandboxSite) -> None:
    sg = shotgun_api3.Shotgun(site.url, script_name=site.script_name, api_key=site.api_key)
    task = sg.find_one(
        "Task", [["sg_status_list", "not_in", ["fin", "hld"]]], ["content", "project", "sg_status_list"]
    )
    sg.update("Task", task["id"], {"sg_status_list": "hld"})
    wanted = [
        ["entity", "is", {"type": "Task", "id": task["id"]}],
        ["attribute_name", "is", "sg_status_list"],
    ]
    order = [{"field_name": "id", "direction": "desc"}]
    event = sg.find_one("EventLogEntry", wanted, ["id"], order=order)
    notes = sg.summarize("Note", [], [{"field": "id", "type": "count"}])

    code, said, errors = attempt(
        PLUGIN.replace("attribute=", "ignore_own_events=False, attribute="),
        "--event",
        str(event["id"]),
        site=site,
    )

    assert code == 0, said + errors
    project = {"type": "Project", "id": task["project"]["id"]}
    assert said.splitlines() == [
        f"event {event['id']}: Shotgun_Task_Change sg_status_list",
        "called: status_changed",
        "logged:",
        f"    INFO     plugin.notify.status_changed: {task['content']} is done",
        "would have written:",
        f"    create Note {{'subject': {task['content']!r}, 'project': {project!r}}}",
        f"    update Task {task['id']} {{'sg_status_list': 'fin'}}",
        f"    upload Task {task['id']} {{'path': '/nowhere.jpg', 'field_name': 'thumb_image'}}",
        "    delete Note 3 {}",
        "outcome: succeeded",
    ]
    assert sg.find_one("Task", [["id", "is", task["id"]]], ["sg_status_list"])["sg_status_list"] == "hld"
    assert sg.summarize("Note", [], [{"field": "id", "type": "count"}]) == notes


def test_a_classic_plugin_leaves_out_what_its_script_did_when_it_is_told_to(
    attempt: Try, site: SandboxSite
) -> None:
    sg = shotgun_api3.Shotgun(site.url, script_name=site.script_name, api_key=site.api_key)
    task = sg.find_one("Task", [["sg_status_list", "not_in", ["fin", "hld"]]], ["content"])
    sg.update("Task", task["id"], {"sg_status_list": "hld"})
    order = [{"field_name": "id", "direction": "desc"}]
    link = {"type": "Task", "id": task["id"]}
    own = sg.find_one("EventLogEntry", [["entity", "is", link]], ["id"], order=order)
    plugin = "def registerCallbacks(reg):\n    reg.registerCallback(None, None, lambda sg, logger, event, args: None)\n"
    tried = ("--event", str(own["id"]), "--json")
    assert json.loads(attempt(plugin, *tried, site=site)[1])["outcome"] == "succeeded"
    told = ("--set", "consumer.plugins={notify: {ignore_own_events: true}}")
    assert json.loads(attempt(plugin, *tried, *told, site=site)[1])["outcome"] == "filtered"


def test_what_the_plugin_logs_is_shown_once(attempt: Try, row_file: str) -> None:
    code, said, errors = attempt(
        "def on_event(context):\n    context.logger.info('hello there')\n", "--event", row_file
    )
    assert (code, said.count("hello there"), errors) == (0, 1, "")


def test_a_folder_is_no_plugin(attempt: Try, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        run_cli(commands, ["try", str(tmp_path), "--event", "5"])
    assert ended.value.code == 2
    assert "is a folder; name one plugin in it" in capsys.readouterr().err


def test_an_event_from_a_file_needs_no_site(attempt: Try, row_file: str) -> None:
    plugin = (
        "def on_event(context):\n    context.logger.info(context.sg.create('Note', {'subject': 'x'})['id'])\n"
    )
    code, said, _ = attempt(plugin, "--event", row_file, "--json")
    assert code == 0
    assert json.loads(said) == {
        "event": 77,
        "outcome": "succeeded",
        "reason": "",
        "retry_in": None,
        "calls": [{"callback": "on_event", "raised": None}],
        "log": [
            {"level": "INFO", "logger": "plugin.notify.on_event", "message": str(FIRST_MADE_ID)},
        ],
        "writes": [
            {
                "method": "create",
                "entity_type": "Note",
                "entity_id": None,
                "data": {"subject": "x"},
                "modes": {},
            }
        ],
    }


def test_an_event_can_come_from_a_pipe(attempt: Try, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(ROW)))
    code, said, _ = attempt("async def on_event(context): pass\n", "--event", "-")
    assert code == 0
    assert "outcome: succeeded" in said


def test_a_callback_that_fails_is_shown_with_its_traceback_and_exit_code_1(
    attempt: Try, row_file: str
) -> None:
    code, said, _ = attempt("def on_event(context):\n    raise LookupError('no shot')\n", "--event", row_file)
    assert code == 1
    assert "    LookupError: no shot" in said.splitlines()
    assert said.splitlines()[-1].startswith("outcome: unfinished: ")


def test_a_read_without_a_site_says_which_keys_to_set(attempt: Try, row_file: str) -> None:
    code, said, _ = attempt("def on_event(context):\n    context.sg.find('Task', [])\n", "--event", row_file)
    assert code == 1
    assert "the plugin reads from the site (read Task), and none is configured; set shotgun.url" in said


def test_an_event_that_no_callback_wants_is_filtered(attempt: Try, row_file: str) -> None:
    code, said, _ = attempt(PLUGIN, "--event", row_file)
    assert code == 0
    assert said.splitlines()[1:] == ["called: no callback", "would have written nothing", "outcome: filtered"]


def test_what_a_callback_asks_for_is_shown(attempt: Try, row_file: str) -> None:
    assert attempt("def on_event(c): c.retry_in(90)\n", "--event", row_file)[1].splitlines()[-1] == (
        "outcome: retried, again in 90 s"
    )
    assert attempt("def on_event(c): c.dead_letter('gone')\n", "--event", row_file)[1].splitlines()[-1] == (
        "outcome: dead_lettered: gone"
    )


@pytest.mark.parametrize(
    ("plugin", "event", "code", "words"),
    [
        ("def on_event(c): pass\n", "nowhere.json", 2, "event file 'nowhere.json' cannot be read"),
        ("def on_event(c): pass\n", "TEXT:[1]", 2, "must be one JSON object with a number as 'id'"),
        ("def on_event(c): pass\n", 'TEXT:{"id": "7"}', 2, "must be one JSON object with a number as 'id'"),
        ("def on_event(c): pass\n", "TEXT:{", 2, "is not JSON"),
        ("def on_event(c): pass\n", "5", 2, "shotgun.url is missing"),
        ("x = 1\n", "ROW", 2, "is a helper, not a plugin"),
        ("def registerCallbacks(reg):\n    reg.no\n", "ROW", 2, "has no attribute 'no'"),
    ],
)
def test_a_mistake_gets_one_message(
    attempt: Try, tmp_path: Path, row_file: str, plugin: str, event: str, code: int, words: str
) -> None:
    if event.startswith("TEXT:"):
        (tmp_path / "given.json").write_text(event.removeprefix("TEXT:"))
        event = str(tmp_path / "given.json")
    done = attempt(plugin, "--event", row_file if event == "ROW" else event)
    assert done[0] == code, done
    assert words in done[2]


def test_an_event_that_the_site_does_not_have_is_named(attempt: Try, site: SandboxSite) -> None:
    code, _, errors = attempt("def on_event(c): pass\n", "--event", "999999999", site=site)
    assert code == 2
    assert "shows no event 999999999" in errors


def test_a_site_that_refuses_gives_exit_code_3(attempt: Try, site: SandboxSite) -> None:
    given = ["--set", "shotgun.api_key=wrong-key"]
    code, _, errors = attempt("def on_event(c): pass\n", "--event", "5", *given, site=site)
    assert code == 3
    assert "event 5 cannot be read" in errors


def test_a_plugin_may_be_named_as_its_group_is(
    attempt: Try, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps(ROW))
    attempt(PLUGIN, "--event", str(event))
    configuration = tmp_path / "stream.yaml"
    file = tmp_path / "notify.py"
    configuration.write_text(
        json.dumps({"consumer": {"plugin_paths": [str(tmp_path)], "names": {str(file): "fx_notify"}}})
    )
    for name, code in (("fx_notify", 0), ("notify", 2)):
        with pytest.raises(SystemExit) as ended:
            run_cli(commands, ["try", name, "--event", str(event), "--config", str(configuration)])
        assert ended.value.code == code
    said = capsys.readouterr()
    assert "event 77: Shotgun_Note_New" in said.out
    assert "no plugin is named 'notify'; in consumer.plugin_paths there is: fx_notify" in said.err
