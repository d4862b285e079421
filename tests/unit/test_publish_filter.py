"""What is left out of the stream on purpose, and that nothing else is."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shotgun_producer.publish_filter import PublishFilter

odd_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=5,
)


def of_type(event_type: Any) -> dict[str, Any]:
    return {"id": 1, "event_type": event_type, "project": None}


def of_project(project: Any) -> dict[str, Any]:
    return {"id": 1, "event_type": "Shotgun_Task_Change", "project": project}


def test_without_keys_every_event_is_wanted() -> None:
    open_filter = PublishFilter()

    assert open_filter.is_open
    assert open_filter.wants(of_type("Shotgun_Version_View"))
    assert open_filter.wants({})


@pytest.mark.parametrize(
    ("event_type", "is_wanted"),
    [
        ("Shotgun_Version_View", False),
        ("CRS_Playlist_View", False),
        ("Toolkit_Launch", False),
        ("Shotgun_Version_Viewer", True),
        ("shotgun_version_view", True),
        ("Toolkit_Launched", True),
        ("Shotgun_Task_Change", True),
        ("Odd\nShotgun_View", False),
    ],
)
def test_a_type_that_fits_a_pattern_as_a_whole_is_left_out(event_type: str, is_wanted: bool) -> None:
    chosen = PublishFilter(["*_View", "Toolkit_Launch"])

    assert not chosen.is_open
    assert chosen.wants(of_type(event_type)) is is_wanted


@pytest.mark.parametrize("event_type", [None, 7, ["x_View"], {"name": "x_View"}])
def test_an_event_whose_type_is_no_text_is_published(event_type: Any) -> None:
    assert PublishFilter(["*"]).wants(of_type(event_type))


def test_only_events_of_the_named_projects_and_of_none_are_published() -> None:
    chosen = PublishFilter(projects=[70, 71])

    assert chosen.wants(of_project({"type": "Project", "id": 70, "name": "Big Buck Bunny"}))
    assert not chosen.wants(of_project({"type": "Project", "id": 72}))
    assert chosen.wants(of_project(None))


@pytest.mark.parametrize("project", ["72", 72, [{"id": 72}], {}, {"id": None}, {"id": "72"}, {"id": True}])
def test_a_project_without_an_id_counts_as_none(project: Any) -> None:
    assert PublishFilter(projects=[70]).wants(of_project(project))


def test_both_keys_must_let_an_event_through() -> None:
    chosen = PublishFilter(["*_View"], [70])

    assert not chosen.wants({"event_type": "A_View", "project": {"id": 70}})
    assert not chosen.wants({"event_type": "A_Change", "project": {"id": 72}})
    assert chosen.wants({"event_type": "A_Change", "project": {"id": 70}})


@given(event_type=odd_values, project=odd_values)
def test_no_row_is_too_odd(event_type: Any, project: Any) -> None:
    chosen = PublishFilter(["x*", "[!a]?"], [1])

    assert chosen.wants({"event_type": event_type, "project": project}) in (True, False)


def test_filters_that_leave_out_the_same_have_the_same_rule() -> None:
    assert PublishFilter(["*_View", "A"], [7, 3]).rule == PublishFilter(["A", "*_View", "A"], [3, 7]).rule
    assert (
        len(
            {
                PublishFilter().rule,
                PublishFilter(["A"]).rule,
                PublishFilter(["a"]).rule,
                PublishFilter([], [3]).rule,
            }
        )
        == 4
    )
