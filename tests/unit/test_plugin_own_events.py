"""A plugin of the new API does not answer the events that its own script made."""

from __future__ import annotations

from typing import Any

import pytest
import shotgun_api3

from shotgun_consumer.running.own_events import OwnEvents, find_script_id
from shotgun_sandbox.site import SandboxSite


def by(name: str | None, number: int = 245, kind: str = "ApiUser") -> dict[str, Any]:
    return {"id": 1, "user": {"type": kind, "id": number, "name": name}}


def known(number: int | None, asked: list[str] | None = None) -> OwnEvents:
    def find(name: str) -> int | None:
        if asked is not None:
            asked.append(name)
        return number

    return OwnEvents(lambda: "notify", find)


@pytest.mark.parametrize("name", ["notify 1.0", "notify", "notify any text at all", None])
def test_the_id_of_the_scripts_user_decides(name: str | None) -> None:
    assert known(245).made(by(name), 0.0)
    assert not known(246).made(by(name), 0.0)


@pytest.mark.parametrize(
    "event",
    [
        by("notify 1.0", kind="HumanUser"),
        by("notifying 1.0"),
        by("other 1.0"),
        {"id": 1, "user": None},
        {"id": 1},
        {"id": 1, "user": "notify"},
    ],
)
def test_for_an_event_that_cannot_be_its_own_nothing_is_asked(event: Any) -> None:
    asked: list[str] = []
    assert not known(245, asked).made(event, 0.0)
    assert asked == []


def test_the_site_is_asked_once() -> None:
    asked: list[str] = []
    own = known(245, asked)
    assert [own.made(by("notify 1.0"), float(now)) for now in range(3)] == [True] * 3
    assert asked == ["notify"]


def test_an_event_made_in_somebodys_name_is_its_own() -> None:
    event = {
        **by("Ines Moreau", 12, "HumanUser"),
        "meta": {"sudo_actual_user": {"type": "ApiUser", "id": 245}},
    }
    assert known(245).made(event, 0.0)
    assert not known(246).made(event, 0.0)


@pytest.mark.parametrize(
    ("name", "own"),
    [("notify", True), ("notify 1.0", True), ("notify v2b", True), ("notify chat", False), (None, False)],
)
def test_while_the_id_is_not_to_be_had_the_name_with_a_version_counts(name: str | None, own: bool) -> None:
    assert known(None).made(by(name), 0.0) is own


def test_a_site_that_did_not_answer_is_asked_again_after_a_minute() -> None:
    answers: list[Any] = [OSError("down"), 245]

    def find(name: str) -> int:
        answer = answers.pop(0)
        if isinstance(answer, OSError):
            raise answer
        return int(answer)

    own = OwnEvents(lambda: "notify", find)
    assert not own.made(by("notify chat"), 0.0)
    assert not own.made(by("notify chat"), 59.0)
    assert own.made(by("notify chat"), 61.0)


def test_the_user_of_a_script_is_found_on_a_site() -> None:
    with SandboxSite() as site:
        sg = shotgun_api3.Shotgun(site.url, script_name=site.script_name, api_key=site.api_key)
        found = find_script_id(sg, site.script_name)
        made = sg.create(
            "Note", {"project": {"type": "Project", "id": sg.find_one("Project", [])["id"]}, "subject": "x"}
        )
        row = sg.find_one(
            "EventLogEntry", [["entity", "is", {"type": "Note", "id": made["id"]}]], ["user", "meta"]
        )
        assert row["user"]["id"] == found
        assert find_script_id(sg, "nobody") is None
        assert OwnEvents(lambda: site.script_name, lambda name: find_script_id(sg, name)).made(row, 0.0)
