"""`shotgun-consumer check`: the table, what it warns of, and Python 2 told as Python 2."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest

from shotgun_consumer.cli import commands
from shotgun_consumer.plugins.plugin_files import PluginFile
from shotgun_consumer.plugins.plugin_loader import PluginError, import_plugin
from shotgun_consumer.plugins.python2 import leftovers
from shotgun_runtime.cli import run_cli

MODERN = """
from shotgun_consumer import on

@on("Shotgun_Task_Change", attribute="sg_status_list", concurrency=8, max_attempts=3, retry_on=TimeoutError)
def status_changed(context): pass
"""
CLASSIC = """
def call(sg, logger, event, args): pass
def old(sg, event, args): pass
def registerCallbacks(reg):
    reg.registerCallback(None, None, call, {"*": ["a"], "T": None})
    reg.registerCallback(None, None, old, stopOnError=False)
"""

Check = Callable[..., tuple[int, str]]


@pytest.fixture
def check(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], logging_put_back: None
) -> Check:
    def call(*arguments: str | Path) -> tuple[int, str]:
        monkeypatch.setattr(sys, "path", list(sys.path))
        with pytest.raises(SystemExit) as ended:
            run_cli(commands, ["check", *map(str, arguments)])
        said = capsys.readouterr()
        assert isinstance(ended.value.code, int)
        return ended.value.code, said.out + said.err

    return call


def test_the_table_has_a_row_for_each_callback(tmp_path: Path, check: Check) -> None:
    (tmp_path / "classic.py").write_text(CLASSIC)
    (tmp_path / "modern.py").write_text(MODERN)
    code, said = check(tmp_path)
    assert code == 0
    lines = [" ".join(line.split()) for line in said.splitlines()]
    options = "max_attempts=3; retry_on=TimeoutError"
    assert lines == [
        f"classic {tmp_path / 'classic.py'}",
        "callback api arguments on error events",
        "call classic (sg, logger, event, args) stop {'*': ['a'], 'T': None}",
        "old classic (sg, event, args) go on all events",
        "warning: call: the key '*' hides the other keys of matchEvents: 'T' is never looked at",
        f"modern {tmp_path / 'modern.py'} (up to 8 events at once)",
        "callback api arguments on error events",
        f"status_changed context (context) stop Shotgun_Task_Change, attribute sg_status_list; not its own; {options}",
        "2 plugin(s) can be started, 0 cannot",
    ]


def test_json_has_everything_that_was_said(tmp_path: Path, check: Check) -> None:
    (tmp_path / "modern.py").write_text(MODERN)
    code, said = check("--json", tmp_path)
    assert code == 0
    (plugin,) = json.loads(said)["plugins"]
    assert plugin["concurrency"] == 8
    assert plugin["callbacks"] == [
        {
            "name": "status_changed",
            "line": 4,
            "api": "context",
            "arguments": "(context)",
            "async": False,
            "filter": "Shotgun_Task_Change, attribute sg_status_list",
            "stop_on_error": True,
            "ignore_own_events": True,
            "max_attempts": 3,
            "retry_on": ["TimeoutError"],
        }
    ]


def test_whether_own_events_are_left_out_is_told_from_the_configuration(tmp_path: Path, check: Check) -> None:
    (tmp_path / "classic.py").write_text(CLASSIC)
    (tmp_path / "modern.py").write_text(MODERN)
    chosen = "consumer.plugins={classic: {ignore_own_events: true}, modern: {ignore_own_events: false}}"
    _, said = check("--json", tmp_path, "--set", chosen)
    found = {
        plugin["name"]: {callback["ignore_own_events"] for callback in plugin["callbacks"]}
        for plugin in json.loads(said)["plugins"]
    }
    assert found == {"classic": {True}, "modern": {False}}
    _, said = check(tmp_path, "--set", chosen)
    assert said.count("not its own") == 2


def test_the_seeds_api_is_told_from_the_configuration(tmp_path: Path, check: Check) -> None:
    (tmp_path / "old.py").write_text(CLASSIC.replace("{'*'", "{'T'"))
    _, said = check(tmp_path, "--set", "consumer.plugins={old: {api: seed}}")
    assert "seed" in said


def test_a_helper_that_nobody_can_import_is_told_with_its_line(tmp_path: Path, check: Check) -> None:
    (tmp_path / "good.py").write_text(CLASSIC)
    (tmp_path / "tools.py").write_text("def useful():\n    print 'hello'\n")
    (tmp_path / "_more.py").write_text("x = = 1\n")
    (tmp_path / "_fine.py").write_text("x = 1\n")
    code, said = check(tmp_path)
    assert code == 2
    assert f"tools  {tmp_path / 'tools.py'}:2" in said
    assert "helper 'tools.py': SyntaxError" in said
    assert "this is Python 2 (the print statement)" in said
    assert "helper '_more.py'" in said
    assert "_fine" not in said
    # The plugins themselves can be started
    assert "1 plugin(s) can be started, 0 cannot" in said
    assert [one["line"] for one in json.loads(check("--json", tmp_path)[1])["helpers"]] == [1, 2]


def test_a_place_without_plugins_is_told_with_what_a_plugin_is(
    tmp_path: Path, check: Check, capsys: pytest.CaptureFixture[str]
) -> None:
    code, said = check("--json", tmp_path)
    assert code == 2
    assert json.loads(said.partition("error:")[0])["plugins"] == []
    (tmp_path / "notes.txt").write_text("hello")
    with pytest.raises(SystemExit):
        run_cli(commands, ["check", str(tmp_path / "notes.txt")])
    assert "is no Python file" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run_cli(commands, ["check", str(tmp_path)])
    assert "def registerCallbacks(reg):" in capsys.readouterr().err


def test_two_files_of_one_stem_are_named_both_with_exit_code_2(tmp_path: Path, check: Check) -> None:
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "notify.py").write_text(CLASSIC)
    code, said = check(tmp_path / "a", tmp_path / "b")
    assert code == 2
    assert str(tmp_path / "a" / "notify.py") in said
    assert str(tmp_path / "b" / "notify.py") in said


def test_each_file_of_python_2_is_told_with_its_line(tmp_path: Path, check: Check) -> None:
    (tmp_path / "a.py").write_text("def registerCallbacks(reg):\n    print 'hello'\n")
    (tmp_path / "b.py").write_text(
        "def registerCallbacks(reg):\n    pass\n\ntry:\n    x()\nexcept E, error:\n    pass\n"
    )
    code, said = check("--json", tmp_path)
    assert code == 2
    failures = json.loads(said)["failures"]
    assert [(failure["name"], failure["line"]) for failure in failures] == [("a", 2), ("b", 6)]
    assert "this is Python 2 (the print statement), and plugins run in Python 3" in failures[0]["error"]
    assert "this is Python 2 ('except Error, name')" in failures[1]["error"]


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("print 'x'", "the print statement"),
        ("raise ValueError, 'x'", "'raise Error, message'"),
        ("exec 'x = 1'", "the exec statement"),
        ("x = 1 <> 2", "the operator <>"),
        ("x = `1`", "backticks"),
        ("x = 0777", "an octal number without 0o"),
        ("x = 10L", "a long number"),
        ("x = ur'a'", "a ur'' text"),
    ],
)
def test_what_of_a_line_is_python_2_is_named(tmp_path: Path, line: str, what: str) -> None:
    path = tmp_path / "old.py"
    path.write_text(f"import os\n{line}\n")
    with pytest.raises(PluginError) as failed:
        import_plugin(PluginFile("old", path))
    assert f"this is Python 2 ({what})" in str(failed.value)
    assert failed.value.line == 2


@pytest.mark.parametrize("line", ["def f(:", "x = = 1", "if True print(1)", "print('a' 'b'"])
def test_another_mistake_is_not_called_python_2(tmp_path: Path, line: str) -> None:
    path = tmp_path / "wrong.py"
    path.write_text(f"{line}\n")
    with pytest.raises(PluginError) as failed:
        import_plugin(PluginFile("wrong", path))
    assert "SyntaxError" in str(failed.value)
    assert "Python 2" not in str(failed.value)


def found(folder: Path, text: str) -> list[str]:
    path = folder / "plugin.py"
    path.write_text(textwrap.dedent(text))
    return list(leftovers(path))


def test_what_compiles_and_then_fails_in_python_3_is_warned_of(tmp_path: Path, check: Check) -> None:
    text = """
        def registerCallbacks(reg):
            pass
        def call(sg, logger, event, args):
            import urllib2
            from ConfigParser import SafeConfigParser
            print >> logger, "x"
            for key, value in event.iteritems():
                logger.info(unicode(value))
    """
    gone = "is Python 2's, and is not there in Python 3"
    assert found(tmp_path, text) == [
        f"line 5: module 'urllib2' {gone}",
        f"line 6: module 'ConfigParser' {gone}",
        f"line 7: the print statement {gone}",
        f"line 8: method 'iteritems' {gone}",
        f"line 9: 'unicode' {gone}",
    ]
    code, said = check(tmp_path)
    assert code == 0
    assert "warning: line 5: module 'urllib2'" in said


@pytest.mark.parametrize(
    "text",
    [
        "try:\n    import urllib2\nexcept ImportError:\n    import urllib.request as urllib2\n",
        "import sys\nif sys.version_info[0] < 3:\n    text = unicode\nelse:\n    text = str\n",
        "unicode = str\nx = unicode('a')\n",
        "from functools import reduce\nreduce(max, [1])\n",
        "def f(file):\n    return file\n",
        "x = {}.items()\n",
    ],
)
def test_an_author_who_took_care_is_not_warned(tmp_path: Path, text: str) -> None:
    assert found(tmp_path, text) == []
