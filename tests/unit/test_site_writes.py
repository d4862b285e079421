"""Writes to the simulated site make the events that they make on a real one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import shotgun_api3

from shotgun_sandbox.site import SandboxSite, SiteOptions

PROJECT = {"type": "Project", "id": 70}
FIELDS = ["event_type", "attribute_name", "meta", "entity", "user", "project", "session_uuid", "created_at"]


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    # One writer and blocks of one: ids follow the order of writing.
    with SandboxSite(SiteOptions(writers=1, id_block=1)) as site:
        yield site


@pytest.fixture
def sg(site: SandboxSite) -> shotgun_api3.Shotgun:
    return shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)


class Watcher:
    """Returns the events since it was last asked."""

    def __init__(self, site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
        self._sg = sg
        self._head = site.admin.state().head

    def new(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = self._sg.find(
            "EventLogEntry", [["id", "greater_than", self._head]], FIELDS
        )
        self._head = max([self._head, *(row["id"] for row in rows)])
        return rows


@pytest.fixture
def watcher(site: SandboxSite, sg: shotgun_api3.Shotgun) -> Watcher:
    return Watcher(site, sg)


def kinds(rows: list[dict[str, Any]]) -> list[tuple[str, str | None]]:
    return [(row["event_type"].removeprefix("Shotgun_"), row["attribute_name"]) for row in rows]


def test_a_create_of_four_values_makes_six_rows_new_last(sg: shotgun_api3.Shotgun, watcher: Watcher) -> None:
    values = {"code": "sh900", "description": "x", "sg_shot_type": "VFX", "project": PROJECT}
    shot = sg.create("Shot", values)
    rows = watcher.new()
    assert kinds(rows)[-1] == ("Shot_New", None)
    assert {attribute for _, attribute in kinds(rows)[:-1]} == {
        "code",
        "description",
        "sg_shot_type",
        "sg_status_list",
        "sg_latest_vendor_status",
    }
    assert all(row["meta"]["in_create"] is True and row["meta"]["old_value"] is None for row in rows[:-1])
    assert rows[-1]["meta"] == {"type": "new_entity", "entity_type": "Shot", "entity_id": shot["id"]}
    assert rows[-1]["entity"] == {"type": "Shot", "id": shot["id"], "name": "sh900"}
    assert {row["user"]["type"] for row in rows} == {"ApiUser"}
    assert {row["project"]["name"] for row in rows} == {"Harbour Lights"}
    assert {row["session_uuid"] for row in rows} == {None}


def test_new_can_come_first_as_it_once_did(
    site: SandboxSite, sg: shotgun_api3.Shotgun, watcher: Watcher
) -> None:
    site.admin.settings(new_row_last=False)
    sg.create("Shot", {"code": "sh900", "project": PROJECT})
    assert kinds(watcher.new())[0] == ("Shot_New", None)


def test_an_update_makes_one_row_for_each_field_that_changed(
    sg: shotgun_api3.Shotgun, watcher: Watcher
) -> None:
    task = sg.find_one("Task", [], ["sg_status_list"])
    new = "fin" if task["sg_status_list"] != "fin" else "ip"
    sg.update("Task", task["id"], {"sg_status_list": new, "due_date": "2026-04-01"})
    rows = watcher.new()
    assert kinds(rows) == [("Task_Change", "sg_status_list"), ("Task_Change", "due_date")]
    assert rows[0]["meta"] == {
        "type": "attribute_change",
        "attribute_name": "sg_status_list",
        "entity_type": "Task",
        "entity_id": task["id"],
        "field_data_type": "status_list",
        "old_value": task["sg_status_list"],
        "new_value": new,
    }
    assert rows[1]["id"] == rows[0]["id"] + 1
    sg.update("Task", task["id"], {"sg_status_list": new})
    assert watcher.new() == []


def test_a_link_is_logged_on_both_ends(sg: shotgun_api3.Shotgun, watcher: Watcher) -> None:
    first, second = sg.find("Shot", [], ["tasks"], limit=2)
    task = first["tasks"][0]
    sg.update("Task", task["id"], {"entity": second})
    rows = watcher.new()
    assert kinds(rows) == [("Task_Change", "entity"), ("Shot_Change", "tasks"), ("Shot_Change", "tasks")]
    own, removed, added = (row["meta"] for row in rows)
    assert (own["old_value"]["id"], own["new_value"]["id"]) == (first["id"], second["id"])
    assert [row["entity"]["id"] for row in rows[1:]] == [first["id"], second["id"]]
    assert (
        [item["id"] for item in removed["removed"]] == [task["id"]] == [item["id"] for item in added["added"]]
    )
    assert added["actual_attribute_changed"] == "Task.entity"
    assert added["original_event_log_entry_id"] == rows[0]["id"]
    assert (added["entity_type"], added["entity_id"]) == ("Task", task["id"])
    assert task["id"] in [
        item["id"] for item in sg.find_one("Shot", [["id", "is", second["id"]]], ["tasks"])["tasks"]
    ]


def test_a_list_of_links_is_logged_as_added_and_removed(sg: shotgun_api3.Shotgun, watcher: Watcher) -> None:
    people = sg.find("HumanUser", [], limit=3)
    task = sg.find_one("Task", [])
    sg.update("Task", task["id"], {"task_assignees": people[:2]})
    watcher.new()
    modes = {"task_assignees": "remove"}
    sg.update("Task", task["id"], {"task_assignees": people[:1]}, multi_entity_update_modes=modes)
    meta = watcher.new()[0]["meta"]
    assert [item["id"] for item in meta["removed"]] == [people[0]["id"]]
    assert meta["added"] == []
    assert "new_value" not in meta


def test_a_delete_makes_two_rows_and_nulls_the_entity_of_every_older_one(
    sg: shotgun_api3.Shotgun, watcher: Watcher
) -> None:
    shot = sg.create("Shot", {"code": "sh901", "project": PROJECT})
    created = watcher.new()
    assert all(row["entity"] for row in created)
    assert sg.delete("Shot", shot["id"]) is True
    rows = watcher.new()
    assert kinds(rows) == [("Shot_Retirement", None), ("Shot_Change", "retirement_date")]
    assert rows[0]["meta"]["retirement_date"].endswith(" UTC")
    assert rows[0]["meta"]["display_name"] == "sh901"
    older = sg.find("EventLogEntry", [["id", "in", [row["id"] for row in created]]], ["entity", "meta"])
    assert {str(row["entity"]) for row in [*older, *rows]} == {"None"}
    assert {row["meta"]["entity_id"] for row in older} == {shot["id"]}
    assert sg.delete("Shot", shot["id"]) is False
    assert sg.find_one("Shot", [["id", "is", shot["id"]]]) is None
    assert sg.find_one("Shot", [["id", "is", shot["id"]]], retired_only=True) is not None


def test_a_revival_brings_the_tasks_back_and_the_entity_of_older_rows(
    sg: shotgun_api3.Shotgun, watcher: Watcher
) -> None:
    asset = sg.find_one("Asset", [], ["tasks"])
    sg.delete("Asset", asset["id"])
    watcher.new()
    assert sg.revive("Asset", asset["id"]) is True
    rows = watcher.new()
    dates = [("Task_Change", "retirement_date")] * len(asset["tasks"])
    assert kinds(rows) == [*dates, ("Asset_Change", "retirement_date"), ("Asset_Revival", None)]
    assert rows[-2]["meta"]["new_value"] is None
    assert all(row["entity"] for row in rows)
    assert len(sg.find_one("Asset", [["id", "is", asset["id"]]], ["tasks"])["tasks"]) == len(asset["tasks"])


def test_a_thumbnail_is_two_rows_half_a_minute_apart(
    site: SandboxSite, sg: shotgun_api3.Shotgun, watcher: Watcher
) -> None:
    version = sg.find_one("Version", [])
    site.admin.thumbnail("Version", version["id"])
    transient = watcher.new()
    assert kinds(transient) == [("Version_Change", "image")]
    assert transient[0]["meta"]["is_transient"] is True
    site.admin.advance(31)
    real = watcher.new()
    assert real[0]["meta"]["is_transient"] is False
    assert real[0]["meta"]["new_value"] == transient[0]["meta"]["new_value"]
    assert isinstance(real[0]["meta"]["new_value"], int)


def test_a_task_template_makes_a_burst(sg: shotgun_api3.Shotgun, watcher: Watcher) -> None:
    template = sg.find_one("TaskTemplate", [])
    sg.create("Shot", {"code": "sh902", "project": PROJECT, "task_template": template})
    rows = watcher.new()
    assert len(rows) > 20
    assert [kind for kind, _ in kinds(rows)].count("Task_New") == 2


def test_a_script_that_logs_nothing_makes_no_rows(site: SandboxSite, watcher: Watcher) -> None:
    quiet = shotgun_api3.Shotgun(site.url, "quiet", site.api_key)
    shot = quiet.create("Shot", {"code": "sh903", "project": PROJECT})
    assert watcher.new() == []
    quiet.update(
        "ApiUser",
        quiet.find_one("ApiUser", [["firstname", "is", "quiet"]])["id"],
        {"generate_event_log_entries": True},
    )
    quiet.update("Shot", shot["id"], {"sg_cut_in": 1009})
    assert kinds(watcher.new())[-1] == ("Shot_Change", "sg_cut_in")


def test_sudo_writes_show_the_person_and_name_the_script(site: SandboxSite, watcher: Watcher) -> None:
    sudo = shotgun_api3.Shotgun(site.url, "quiet", site.api_key, sudo_as_login="aiko.hayashi")
    sudo.create("Shot", {"code": "sh904", "project": PROJECT})
    row = watcher.new()[-1]
    assert row["user"]["name"] == "Aiko Hayashi"
    assert row["meta"]["sudo_actual_user"]["type"] == "ApiUser"
    nobody = shotgun_api3.Shotgun(site.url, "quiet", site.api_key, sudo_as_login="nobody")
    with pytest.raises(shotgun_api3.AuthenticationFault, match="Cannot 'sudo'"):
        nobody.find_one("Shot", [])


def test_a_session_is_on_its_rows(sg: shotgun_api3.Shotgun, watcher: Watcher) -> None:
    session = "3c1f6d4e-7c11-11ef-9a00-0242ac110002"
    sg.set_session_uuid(session)
    sg.update("Shot", sg.find_one("Shot", [])["id"], {"sg_cut_in": 7})
    assert [row["session_uuid"] for row in watcher.new()] == [session]


def test_a_batch_is_all_or_nothing(site: SandboxSite, sg: shotgun_api3.Shotgun, watcher: Watcher) -> None:
    shot = sg.find_one("Shot", [], ["sg_cut_in"])
    requests: list[dict[str, Any]] = [
        {"request_type": "create", "entity_type": "Shot", "data": {"code": "sh905", "project": PROJECT}},
        {"request_type": "update", "entity_type": "Shot", "entity_id": shot["id"], "data": {"sg_cut_in": 5}},
    ]
    wrong = {"request_type": "delete", "entity_type": "Shot", "entity_id": 10**6}
    with pytest.raises(shotgun_api3.Fault, match=r"Entity of type \[Shot\] with id=1000000 does not exist"):
        sg.batch([*requests, wrong])
    assert watcher.new() == []
    assert sg.find_one("Shot", [["code", "is", "sh905"]]) is None
    assert sg.find_one("Shot", [["id", "is", shot["id"]]], ["sg_cut_in"])["sg_cut_in"] == shot["sg_cut_in"]
    burnt = site.admin.state()
    assert burnt.dead > 0
    results = sg.batch(requests)
    assert results[0]["code"] == "sh905"
    assert kinds(watcher.new())[-1] == ("Shot_Change", "sg_cut_in")


def test_writes_become_visible_after_the_delay_of_the_site(
    site: SandboxSite, sg: shotgun_api3.Shotgun, watcher: Watcher
) -> None:
    site.admin.settings(visible_after=3600)
    sg.create("Playlist", {"code": "dailies", "project": PROJECT})
    assert watcher.new() == []
    site.admin.advance(3601)
    assert kinds(watcher.new())[-1] == ("Playlist_New", None)


def test_event_rows_can_be_created_and_never_changed(sg: shotgun_api3.Shotgun, watcher: Watcher) -> None:
    made = sg.create(
        "EventLogEntry", {"event_type": "Harbour_Render_Done", "project": PROJECT, "meta": {"a": [1]}}
    )
    row = watcher.new()[0]
    assert row["id"] == made["id"]
    assert (row["event_type"], row["meta"], row["user"], row["entity"]) == (
        "Harbour_Render_Done",
        {"a": [1]},
        None,
        None,
    )
    with pytest.raises(shotgun_api3.Fault, match=r"API create\(\) missing 'project' attribute"):
        sg.create("EventLogEntry", {"event_type": "x"})
    with pytest.raises(shotgun_api3.Fault, match=r"not editable for this user: \[EventLogEntry.meta\]"):
        sg.update("EventLogEntry", made["id"], {"meta": {}})
    with pytest.raises(shotgun_api3.Fault, match="EventLogEntry can not be deleted by this user"):
        sg.delete("EventLogEntry", made["id"])


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"code": "x"}, r"API create\(\) missing 'project' attribute"),
        ({"code": "x", "project": PROJECT, "nope": 1}, r"Shot.nope doesn't exist"),
        ({"code": 5, "project": PROJECT}, r"expected \[text\] data type\(s\) but got"),
    ],
)
def test_impossible_writes_are_refused(
    sg: shotgun_api3.Shotgun, values: dict[str, Any], message: str
) -> None:
    with pytest.raises(shotgun_api3.Fault, match=message):
        sg.create("Shot", values)
