"""Events that the testing kit builds look like those that the real client reads from a site after the same change."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import shotgun_api3

from shotgun_consumer.testing import events
from shotgun_sandbox.site import SandboxSite
from shotgun_schemas.event import FIELDS

Event = dict[str, Any]


class Studio:
    """A site, and what is done on it."""

    def __init__(self, site: SandboxSite) -> None:
        self.sg = shotgun_api3.Shotgun(site.url, script_name=site.script_name, api_key=site.api_key)
        self.project = self.sg.find_one("Project", [], ["name"])
        self.people = self.sg.find("HumanUser", [], ["name"], limit=2)

    def task(self) -> Event:
        made = self.sg.create("Task", {"project": self.project, "content": "Anim", "sg_status_list": "wtg"})
        return {"type": "Task", "id": made["id"], "name": "Anim"}

    def logged(self, event_type: str, number: int, attribute: str | None = None) -> Event:
        """The newest event of this kind about the entity with this id, as the client returns it."""
        found = self.sg.find(
            "EventLogEntry",
            [["event_type", "is", event_type], ["attribute_name", "is", attribute]],
            list(FIELDS),
            order=[{"field_name": "id", "direction": "desc"}],
            limit=50,
        )
        return next(row for row in found if row["meta"]["entity_id"] == number)


@pytest.fixture(scope="module")
def studio() -> Iterator[Studio]:
    with SandboxSite() as site:
        yield Studio(site)


def status(studio: Studio) -> tuple[Event, Event]:
    task = studio.task()
    studio.sg.update("Task", task["id"], {"sg_status_list": "ip"})
    return (
        studio.logged("Shotgun_Task_Change", task["id"], "sg_status_list"),
        events.status_change(task, "wtg", "ip"),
    )


def text(studio: Studio) -> tuple[Event, Event]:
    task = studio.task()
    studio.sg.update("Task", task["id"], {"content": "Layout"})
    renamed = {**task, "name": "Layout"}
    return (
        studio.logged("Shotgun_Task_Change", task["id"], "content"),
        events.change(renamed, "content", "Anim", "Layout"),
    )


def assigned(studio: Studio) -> tuple[Event, Event]:
    task = studio.task()
    studio.sg.update("Task", task["id"], {"task_assignees": studio.people})
    real = studio.logged("Shotgun_Task_Change", task["id"], "task_assignees")
    return real, events.list_change(task, "task_assignees", added=real["meta"]["added"])


def new(studio: Studio) -> tuple[Event, Event]:
    task = studio.task()
    return studio.logged("Shotgun_Task_New", task["id"]), events.new_entity(task)


def note(studio: Studio) -> tuple[Event, Event]:
    made = studio.sg.create("Note", {"project": studio.project, "subject": "On the hands", "content": "x"})
    link = {"type": "Note", "id": made["id"], "name": "On the hands"}
    return studio.logged("Shotgun_Note_New", made["id"]), events.note(link)


def version(studio: Studio) -> tuple[Event, Event]:
    made = studio.sg.create("Version", {"project": studio.project, "code": "anim_v001"})
    link = {"type": "Version", "id": made["id"], "name": "anim_v001"}
    return studio.logged("Shotgun_Version_New", made["id"]), events.version(link)


def deleted(studio: Studio) -> tuple[Event, Event]:
    task = studio.task()
    studio.sg.delete("Task", task["id"])
    return studio.logged("Shotgun_Task_Retirement", task["id"]), events.retirement(task)


def revived(studio: Studio) -> tuple[Event, Event]:
    task = studio.task()
    studio.sg.delete("Task", task["id"])
    studio.sg.revive("Task", task["id"])
    return studio.logged("Shotgun_Task_Revival", task["id"]), events.revival(task)


@pytest.mark.parametrize("change", [status, text, assigned, new, note, version, deleted, revived])
def test_a_built_event_is_what_the_client_reads_after_the_same_change(
    studio: Studio, change: Callable[[Studio], tuple[Event, Event]]
) -> None:
    real, built = change(studio)
    built = events.by_script(built)
    assert set(built) == set(real)
    assert {name: type(value) for name, value in built.items() if name != "description"} == {
        name: type(value) for name, value in real.items() if name != "description"
    }
    for name in ("event_type", "attribute_name", "entity", "session_uuid"):
        assert built[name] == real[name], name
    assert set(built["user"]) == set(real["user"])
    # A site tells more of the members of a list; what the test knows of them is kept.
    differing = {"retirement_date", "added", "removed"}
    assert set(built["meta"]) == set(real["meta"])
    assert {name: value for name, value in built["meta"].items() if name not in differing} == {
        name: value for name, value in real["meta"].items() if name not in differing
    }
    for name in ("added", "removed"):
        assert [one["id"] for one in built["meta"].get(name, ())] == [
            one["id"] for one in real["meta"].get(name, ())
        ]
