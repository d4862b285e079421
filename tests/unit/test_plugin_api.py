"""The API of new plugins: `@on`, what it selects, what it says, and what a mistake in it looks like."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from configparser import ConfigParser
from pathlib import Path
from typing import Any

import pytest

from shotgun_consumer import Context, DeadLetterRequest, Position, RegistrationError, RetryRequest, on
from shotgun_consumer.plugins.plugin_files import PluginFile, find_plugin_files
from shotgun_consumer.plugins.plugin_loader import (
    LoadedPlugin,
    NotAPluginError,
    PluginError,
    load_plugin,
)
from shotgun_consumer.plugins.registrar import CallbackSpec, make_registrar
from shotgun_consumer.plugins.signatures import CallStyle

HEAD = "from shotgun_consumer import Context, on\n"


def load(folder: Path, text: str, name: str = "notify.py") -> LoadedPlugin:
    path = folder / name
    path.write_text(HEAD + textwrap.dedent(text), "utf-8")
    return load_plugin(PluginFile(path.stem, path), "classic", ConfigParser())


def one(folder: Path, text: str) -> CallbackSpec:
    (spec,) = load(folder, text).callbacks
    return spec


def event(
    event_type: str = "Shotgun_Task_Change", attribute: str | None = "sg_status_list", **more: Any
) -> Any:
    project = {"type": "Project", "id": 70, "name": "Harbour"}
    return {"id": 1, "event_type": event_type, "attribute_name": attribute, "project": project, **more}


def test_the_public_api_can_be_imported_without_kafka() -> None:
    code = (
        "import sys; sys.modules['confluent_kafka'] = None\n"
        "import shotgun_consumer as api\n"
        "assert callable(api.on) and api.Context\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_decorated_function_is_a_callback_and_stays_callable(tmp_path: Path) -> None:
    spec = one(
        tmp_path,
        """
        ARGS = {"a": 1}
        @on("Shotgun_Task_Change", attribute="sg_status_list", args=ARGS, script_name="s", script_key="k",
            concurrency=8, max_attempts=3, retry_on=[TimeoutError, "Fault"], timeout=2, on_failure="dead_letter",
            stop_on_error=False, ignore_own_events=False)
        def status_changed(context: Context) -> int:
            return 7
        """,
    )
    assert (spec.name, spec.key, spec.style, spec.generation) == (
        "status_changed",
        "status_changed",
        CallStyle.ONE,
        "context",
    )
    assert spec.function(None) == 7
    assert spec.args is sys.modules[spec.function.__module__].ARGS
    assert (spec.script_name, spec.script_key) == ("s", "k")
    assert (spec.concurrency, spec.max_attempts, spec.timeout, spec.on_failure) == (8, 3, 2.0, "dead_letter")
    assert spec.retry_on == ("TimeoutError", "Fault")
    assert (spec.stop_on_error, spec.ignore_own_events, spec.is_async) == (False, False, False)


def test_what_a_decorator_does_not_say_is_left_to_the_configuration(tmp_path: Path) -> None:
    spec = one(tmp_path, "@on()\ndef call(context): pass\n")
    said = (
        spec.concurrency,
        spec.max_attempts,
        spec.retry_on,
        spec.timeout,
        spec.on_failure,
        spec.script_name,
    )
    assert said == (None,) * 6
    assert (spec.stop_on_error, spec.ignore_own_events) == (True, True)


def test_callbacks_are_in_the_order_in_which_they_are_written_and_before_the_registered_ones(
    tmp_path: Path,
) -> None:
    plugin = load(
        tmp_path,
        """
        @on()
        def zebra(context): pass
        @on("Shotgun_Shot_New")
        def ant(context): pass
        def last(sg, logger, event, args): pass
        def registerCallbacks(reg):
            reg.registerCallback(None, None, last)
            reg.setConcurrency(4)
        """,
    )
    assert [spec.key for spec in plugin.callbacks] == ["zebra", "ant", "last"]
    assert [spec.generation for spec in plugin.callbacks] == ["context", "context", "classic"]
    assert plugin.concurrency == 4
    assert not plugin.callbacks[2].ignore_own_events


def test_a_bare_on_event_is_called_for_everything(tmp_path: Path) -> None:
    spec = one(tmp_path, "def on_event(context): pass\n")
    assert spec.filter.wants("Anything", None, None)
    assert spec.filter.selects({})


@pytest.mark.parametrize(
    "text",
    [
        "def on_event(sg, logger, event, args): pass\n",
        "class Helper:\n    def on_event(self, context): pass\n",
        "from notify import on_event\n",
        "def tool(context: Context): pass\n",
    ],
)
def test_a_file_that_registers_nothing_is_a_helper(
    tmp_path: Path, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "notify.py").write_text(HEAD + "@on()\ndef on_event(context): pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(NotAPluginError):
        load(tmp_path, text, "helper.py")


def test_a_classic_plugin_may_name_its_callback_on_event(tmp_path: Path) -> None:
    spec = one(
        tmp_path,
        """
        def on_event(sg, logger, event, args): pass
        def registerCallbacks(reg):
            reg.registerCallback(None, None, on_event)
        """,
    )
    assert spec.style is CallStyle.FOUR


@pytest.mark.parametrize(
    "text", ["import x\n@on\n", "from a import on as o\n@tools.on('T')\n", "def on_event(c):\n"]
)
def test_files_of_the_new_api_are_found(tmp_path: Path, text: str) -> None:
    (tmp_path / "modern.py").write_text(text)
    assert [file.name for file in find_plugin_files([tmp_path])] == ["modern"]


@pytest.mark.parametrize(
    ("arguments", "selected", "left_out"),
    [
        ("'Shotgun_Task_Change'", [event()], [event("Shotgun_Shot_Change"), event(None)]),
        (
            "'Shotgun_Task_Change', 'Shotgun_Task_New'",
            [event(), event("Shotgun_Task_New", None)],
            [event("T")],
        ),
        (
            "attribute='sg_status_list'",
            [event(), event("Other")],
            [event(attribute="sg_status"), event("N", None)],
        ),
        ("attribute=['a', 'b']", [event(attribute="a"), event(attribute="b")], [event()]),
        ("project=70", [event()], [event(project={"id": 7, "name": "70"}), event(project=None)]),
        ("project='Harbour'", [event()], [event(project={"id": 7, "name": "Other"}), event(project=None)]),
        (
            "project=[1, 'Harbour']",
            [event(), event(project={"id": 1, "name": "x"})],
            [event(project={"id": 2})],
        ),
        ("where=lambda e: e['id'] > 5", [event(id=6)], [event(id=5)]),
        ("'A', where=lambda e: e['never'] == 1", [], [event("B")]),
    ],
)
def test_all_conditions_of_a_decorator_must_hold(
    tmp_path: Path, arguments: str, selected: list[Any], left_out: list[Any]
) -> None:
    spec = one(tmp_path, f"@on({arguments})\ndef call(context): pass\n")
    assert [spec.filter.selects(row) for row in selected] == [True] * len(selected)
    assert [spec.filter.selects(row) for row in left_out] == [False] * len(left_out)


@pytest.mark.parametrize("name", ["event_type", "attribute", "project"])
def test_headers_alone_leave_an_event_out_but_never_one_that_is_wanted(tmp_path: Path, name: str) -> None:
    spec = one(
        tmp_path, "@on('T', attribute='a', project=70, where=lambda e: True)\ndef call(context): pass\n"
    )
    wanted: dict[str, str | None] = {"event_type": "T", "attribute": "a", "project": "70"}
    assert spec.filter.wants(*wanted.values())
    for other in ("other", None):
        assert not spec.filter.wants(*{**wanted, name: other}.values())
    by_name = one(tmp_path, "@on(project='Harbour')\ndef call(context): pass\n")
    assert by_name.filter.wants("T", None, "70")
    assert not by_name.filter.wants("T", None, None)


def test_several_decorators_over_one_function_call_it_once(tmp_path: Path) -> None:
    spec = one(
        tmp_path,
        """
        @on("Shotgun_Task_Change", attribute="sg_status_list", max_attempts=2)
        @on("Shotgun_Note_New", timeout=5)
        def call(context): pass
        """,
    )
    assert spec.filter.selects(event())
    assert spec.filter.selects(event("Shotgun_Note_New", None))
    assert not spec.filter.selects(event("Shotgun_Note_Change"))
    assert (spec.max_attempts, spec.timeout) == (2, 5.0)
    assert spec.filter.describe() == "Shotgun_Task_Change, attribute sg_status_list; Shotgun_Note_New"


def test_a_decorator_of_the_plugins_own_around_it_is_what_is_called(tmp_path: Path) -> None:
    spec = one(
        tmp_path,
        """
        import functools
        def twice(function):
            @functools.wraps(function)
            def wrapper(context):
                return function(context) * 2
            return wrapper
        @twice
        @on()
        def call(context): return 4
        """,
    )
    assert spec.function(None) == 8


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        ("@on(concurrency=0)\ndef f(c): 0\n", 2, "concurrency must be a number from 1 to 1000, got 0"),
        ("@on(max_attempts='3')\ndef f(c): 0\n", 2, "max_attempts must be a number from 1 on, got '3'"),
        ("@on(timeout=-1)\ndef f(c): 0\n", 2, "timeout must be seconds above 0, got -1"),
        ("@on(retry_on=[3])\ndef f(c): 0\n", 2, "retry_on takes exceptions or their names"),
        ("@on(on_failure='stop')\ndef f(c): 0\n", 2, "on_failure must be one of pause, dead_letter, skip"),
        ("@on('Shotgun_*')\ndef f(c): 0\n", 2, "'*' stands for nothing here"),
        ("@on(attribute=[])\ndef f(c): 0\n", 2, "an empty list selects nothing"),
        ("@on(attribute=7)\ndef f(c): 0\n", 2, "attribute must be a text such as 'sg_status_list', got 7"),
        ("@on(project=True)\ndef f(c): 0\n", 2, "project must be an id or a name, got True"),
        ("@on(where='x')\ndef f(c): 0\n", 2, "where must be a function"),
        ("@on\ndef f(c): 0\n", 2, "an event type must be a text"),
        ("@on()\nclass C: pass\n", 2, "@on stands over a function, got type"),
        ("\n@on()\ndef f(): 0\n", 3, "the callback 'f' takes (); it must accept (context)"),
        ("@on()\ndef f(sg, logger, event, args): 0\n", 2, "it must accept (context)"),
        ("@on(script_name='s')\ndef f(c): 0\n", 2, "script_key must be a text, got NoneType"),
        ("\n@on(timeout=1)\n@on(timeout=2)\ndef f(c): 0\n", 3, "give timeout as 1.0 and 2.0; say it once"),
        (
            "def registerCallbacks(reg):\n    reg.setConcurrency(0)\n",
            3,
            "setConcurrency: concurrency must be",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line(tmp_path: Path, text: str, line: int, words: str) -> None:
    with pytest.raises(PluginError) as failed:
        load(tmp_path, text)
    assert words in str(failed.value)
    assert str(failed.value).startswith("plugin 'notify.py': ")
    assert failed.value.line == line


def test_an_async_callback_is_a_style_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "modern.py"
    path.write_text(HEAD + "@on()\nasync def call(context): pass\n")
    (spec,) = load_plugin(PluginFile("modern", path), "classic", ConfigParser()).callbacks
    assert spec.is_async
    assert spec.style is CallStyle.ONE


@pytest.mark.parametrize(
    ("concurrencies", "allowed"), [([None, None], None), ([8, 4], 4), ([8, None], 1), ([8], 8)]
)
def test_a_plugin_allows_what_all_its_callbacks_allow(
    tmp_path: Path, concurrencies: list[int | None], allowed: int | None
) -> None:
    text = "".join(f"@on(concurrency={n})\ndef f{i}(c): pass\n" for i, n in enumerate(concurrencies))
    plugin = load(tmp_path, text)
    assert plugin.concurrency == allowed
    assert bool(plugin.warnings) == (8 in concurrencies and None in concurrencies)


def test_an_attribute_that_such_events_never_have_is_warned_of(tmp_path: Path) -> None:
    plugin = load(tmp_path, "@on('Shotgun_Task_New', attribute='code')\ndef f(c): pass\n")
    assert plugin.warnings == (
        "f: events of type 'Shotgun_Task_New' have no attribute and are never taken; leave out attribute= for them",
    )


def context() -> Context:
    def connect() -> Any:
        raise AssertionError("no request was wanted")

    return Context(
        {"id": 1},
        make_registrar("p", "classic", ConfigParser()).logger,
        None,
        "k",
        Position("t", 0, 1),
        connect,
    )


def test_what_a_callback_asks_for_passes_its_own_except_exception() -> None:
    def call() -> None:
        try:
            context().dead_letter("the shot is gone")
        except Exception:  # noqa: BLE001
            raise AssertionError("swallowed") from None

    with pytest.raises(DeadLetterRequest) as asked:
        call()
    assert asked.value.reason == "the shot is gone"
    with pytest.raises(RetryRequest) as again:
        context().retry_in(2.5)
    assert again.value.seconds == 2.5


@pytest.mark.parametrize("seconds", [-1, float("nan"), float("inf")])
def test_a_pause_that_cannot_be_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="from 0 on"):
        context().retry_in(seconds)


@pytest.mark.parametrize(
    ("method", "value"), [("retry_in", "3"), ("retry_in", True), ("dead_letter", ""), ("dead_letter", 7)]
)
def test_a_request_of_the_wrong_type_is_refused(method: str, value: Any) -> None:
    with pytest.raises(TypeError, match=method):
        getattr(context(), method)(value)


def test_a_mistake_outside_of_the_service_is_raised_where_it_is_made() -> None:
    with pytest.raises(RegistrationError, match="concurrency"):
        on(concurrency=1001)
