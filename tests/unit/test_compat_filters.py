"""`matchEvents`, row by row of section 4, all the way: registered, told from headers, decoded, and called."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shotgun_consumer.testing import PluginHarness, events

T = "Shotgun_Task_Change"

PLUGIN = """
def registerCallbacks(reg):
    reg.registerCallback("script", "key", lambda sg, logger, event, args: None, {filter!r})
"""

ROWS: list[tuple[str, Any, str | None, str | None, bool]] = [
    ("4.1 None", None, T, "a", True),
    ("4.1 empty", {}, T, None, True),
    ("4.1 anything falsy", (), "Other", "a", True),
    ("4.2 None takes any attribute", {T: None}, T, "a", True),
    ("4.2 None takes none too", {T: None}, T, None, True),
    ("4.2 another type", {T: None}, "Shotgun_Shot_Change", "a", False),
    ("4.2 no type", {T: None}, None, "a", False),
    ("4.3 star in a list", {T: ["*"]}, T, "a", True),
    ("4.3 star in a list, no attribute", {T: ["*"]}, T, None, True),
    ("4.3 star as a text", {T: "*"}, T, None, True),
    ("4.4 a list never takes an event without attribute", {T: ["a"]}, T, None, False),
    ("4.4 nor with an empty one", {T: ["a"]}, T, "", False),
    ("4.4 so it never takes a New", {"Shotgun_Task_New": ["a"]}, "Shotgun_Task_New", None, False),
    ("4.5 empty list", {T: []}, T, "a", False),
    ("4.5 empty tuple", {T: ()}, T, "a", False),
    ("4.5 empty text", {T: ""}, T, "a", False),
    ("4.6 a text", {T: "sg_status_list"}, T, "sg_status_list", True),
    ("4.7 a text is searched", {T: "sg_status_list"}, T, "status", True),
    ("4.7 a text is searched at its end", {T: "sg_status_list"}, T, "list", True),
    ("4.7 a text is searched at its beginning", {T: "sg_status_list"}, T, "sg_", True),
    ("4.7 but not for more than it has", {T: "status"}, T, "sg_status_list", False),
    ("4.8 a mapping", {T: {"a": 1}}, T, "a", True),
    ("4.8 a set", {T: {"a"}}, T, "a", True),
    ("4.8 a tuple", {T: ("a", "b")}, T, "b", True),
    ("4.9 no globbing of attributes", {T: ["sg_*"]}, T, "sg_status_list", False),
    ("4.9 no globbing of types", {"Shotgun_*_Change": None}, T, "a", False),
    ("4.10 a star key hides the others", {"*": ["a"], T: ["b"]}, T, "b", False),
    ("4.10 and has its own list", {"*": ["a"], T: ["b"]}, "Anything", "a", True),
    ("4.11 a star key of None takes all", {"*": None, T: ["b"]}, T, "c", True),
    ("4.11 also without a type", {"*": None}, None, None, True),
    ("4.12 case differs in the type", {T.lower(): None}, T, "a", False),
    ("4.12 case differs in the attribute", {T: ["A"]}, T, "a", False),
]

Load = Callable[..., PluginHarness]


@pytest.mark.parametrize(
    ("match_events", "event_type", "attribute", "delivered"),
    [row[1:] for row in ROWS],
    ids=[row[0] for row in ROWS],
)
def test_an_event_is_delivered_as_the_classic_daemon_did(
    tmp_path: Path,
    plugin_harness: Load,
    match_events: Any,
    event_type: str | None,
    attribute: str | None,
    delivered: bool,
) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN.format(filter=match_events))
    sent = plugin_harness(path).send(events.event(event_type, attribute_name=attribute))
    assert sent.outcome == ("succeeded" if delivered else "filtered")


def test_4_13_a_list_keeps_this_plugin_from_being_loaded_instead_of_ending_the_service(
    tmp_path: Path, plugin_harness: Load
) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN.format(filter=[T]))
    with pytest.raises(Exception, match=f"got list .*; use {{'{T}': None}}"):
        plugin_harness(path)


def test_4_14_a_mapping_that_is_changed_later_changes_the_filter(
    tmp_path: Path, plugin_harness: Load
) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(f"FILTER = {{{T!r}: ['a']}}\n" + PLUGIN.replace("{filter!r}", "FILTER"))
    plugin = plugin_harness(path)
    assert plugin.send(events.event(T, attribute_name="b")).outcome == "filtered"
    plugin.module.FILTER[T].append("b")
    assert plugin.send(events.event(T, attribute_name="b")).outcome == "succeeded"


def test_4_15_a_callback_that_changes_the_event_changes_what_later_ones_want(
    tmp_path: Path, plugin_harness: Load
) -> None:
    path = tmp_path / "plugin.py"
    path.write_text(
        "def change(sg, logger, event, args): event['attribute_name'] = 'b'\n"
        "def later(sg, logger, event, args): pass\n"
        "def registerCallbacks(reg):\n"
        f"    reg.registerCallback('s', 'k', change, {{{T!r}: ['a']}})\n"
        f"    reg.registerCallback('s', 'k', later, {{{T!r}: ['b']}})\n"
    )
    sent = plugin_harness(path).send(events.event(T, attribute_name="a"))
    assert [call.callback for call in sent.calls] == ["change", "later"]
