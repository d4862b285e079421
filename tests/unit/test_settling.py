"""A change is acted upon once it has lasted, and what cannot be seen is no change."""

from __future__ import annotations

from shotgun_consumer.plugins.settling import GONE, Settling

ACTED = {"a": "1"}


def settling() -> Settling:
    return Settling(quiet=0.5, gone=2.0)


def test_a_change_is_due_when_it_has_lasted() -> None:
    changes = settling()
    assert changes.due(10.0, {"a": "2"}, ACTED) == []
    assert changes.next_look(10.0) == 0.5
    assert changes.due(10.25, {"a": "2"}, ACTED) == []
    assert changes.due(10.5, {"a": "2"}, ACTED) == ["a"]


def test_a_further_change_begins_anew_and_holds_up_no_other_plugin() -> None:
    changes = settling()
    assert changes.due(10.0, {"a": "2", "b": "1"}, ACTED) == []
    assert changes.due(10.5, {"a": "3", "b": "1"}, ACTED) == ["b"]
    assert changes.due(11.0, {"a": "3", "b": "1"}, {**ACTED, "b": "1"}) == ["a"]


def test_a_change_that_was_taken_back_is_none() -> None:
    changes = settling()
    changes.due(10.0, {"a": "2"}, ACTED)
    assert changes.due(10.5, {"a": "1"}, ACTED) == []
    assert changes.next_look(10.5) is None


def test_the_end_of_a_file_must_last_longer() -> None:
    changes = settling()
    changes.due(10.0, {"a": GONE}, ACTED)
    assert changes.due(11.9, {"a": GONE}, ACTED) == []
    assert changes.due(12.0, {"a": GONE}, ACTED) == ["a"]


def test_what_cannot_be_seen_for_a_moment_begins_anew() -> None:
    changes = settling()
    changes.due(10.0, {"a": GONE}, ACTED)
    assert changes.due(11.0, {}, ACTED) == []
    assert changes.due(13.0, {"a": GONE}, ACTED) == []
    assert changes.due(15.0, {"a": GONE}, ACTED) == ["a"]


def test_a_name_that_was_never_there_is_not_gone() -> None:
    assert settling().due(10.0, {"b": GONE}, ACTED) == []
