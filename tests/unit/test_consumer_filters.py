"""`matchEvents` means what it always meant, and what was probably not meant is said at load."""

from __future__ import annotations

from typing import Any

import pytest

from shotgun_consumer.plugins.filters import FilterError, parse_filter

T = "Shotgun_Task_Change"


@pytest.mark.parametrize(
    ("match_events", "event_type", "attribute", "delivered"),
    [
        (None, T, "a", True),
        ({}, T, None, True),
        ([], T, "a", True),
        ({T: None}, T, "a", True),
        ({T: None}, T, None, True),
        ({T: None}, "Shotgun_Shot_Change", "a", False),
        ({T: ["*"]}, T, None, True),
        ({T: "*"}, T, None, True),
        ({T: ["a"]}, T, "a", True),
        ({T: ["a"]}, T, None, False),
        ({T: ["a"]}, T, "", False),
        ({T: []}, T, "a", False),
        ({T: ()}, T, "a", False),
        ({T: ""}, T, "a", False),
        ({T: "sg_status_list"}, T, "sg_status_list", True),
        ({T: "sg_status_list"}, T, "status", True),
        ({T: "sg_status_list"}, T, "sg_", True),
        ({T: "sg_status_list"}, T, None, False),
        ({T: {"a": 1}}, T, "a", True),
        ({T: {"a"}}, T, "a", True),
        ({T: ("a",)}, T, "a", True),
        ({T: ["sg_*"]}, T, "sg_status_list", False),
        ({"Shotgun_*_Change": None}, T, "a", False),
        ({"*": ["a"], T: ["b"]}, T, "b", False),
        ({"*": ["a"], T: ["b"]}, T, "a", True),
        ({"*": None, T: ["b"]}, T, "c", True),
        ({"*": ["a"]}, None, "a", True),
        ({T: None}, T.lower(), "a", False),
        ({T: ["A"]}, T, "a", False),
    ],
)
def test_matches_as_the_classic_daemon_does(
    match_events: Any, event_type: str | None, attribute: str | None, delivered: bool
) -> None:
    assert parse_filter(match_events).wants(event_type, attribute) is delivered


def test_a_mapping_changed_later_changes_the_filter() -> None:
    match_events: dict[str, Any] = {T: ["a"]}
    event_filter = parse_filter(match_events)
    match_events[T].append("b")
    assert event_filter.wants(T, "b")


def test_a_list_is_refused_with_what_to_write_instead() -> None:
    with pytest.raises(FilterError) as refused:
        parse_filter(["Shotgun_Task_Change"])
    assert str(refused.value) == (
        "matchEvents must be a mapping, got list ['Shotgun_Task_Change']; use {'Shotgun_Task_Change': None}."
    )


@pytest.mark.parametrize(
    ("match_events", "words"),
    [
        ("Shotgun_Task_Change", "must be a mapping, got str"),
        (7, "must be a mapping, got int 7"),
        ({7: None}, "must be an event type, got int 7"),
        ({T: 7}, "must be None or a list of attribute names, got int 7"),
    ],
)
def test_what_cannot_be_a_filter_is_refused_with_its_value(match_events: Any, words: str) -> None:
    with pytest.raises(FilterError, match=words):
        parse_filter(match_events)


@pytest.mark.parametrize(
    ("match_events", "words"),
    [
        ({T: "sg_status_list"}, "use ['sg_status_list']"),
        ({"*": ["a"], T: ["b"]}, f"hides the other keys of matchEvents: '{T}'"),
        ({T: ["sg_*"]}, "'sg_*' matches nothing"),
        ({"Shotgun_*_Change": None}, "matches no event"),
        ({"Shotgun_Task_New": ["a"]}, "use {'Shotgun_Task_New': None}"),
        ({T: []}, "is empty and matches no event"),
        ({T: ""}, "is empty and matches no event"),
    ],
)
def test_a_trap_is_told_at_load(match_events: Any, words: str) -> None:
    warnings = list(parse_filter(match_events).warnings())
    assert len(warnings) == 1
    assert words in warnings[0]


@pytest.mark.parametrize(
    "match_events", [None, {T: None}, {T: ["a", "b"]}, {T: "*"}, {"*": None}, {T: ["*"]}]
)
def test_an_ordinary_filter_warns_of_nothing(match_events: Any) -> None:
    assert list(parse_filter(match_events).warnings()) == []
