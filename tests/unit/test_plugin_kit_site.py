"""The fake site of the testing kit: the real client, whose requests end in entities that the test gave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest
import shotgun_api3

from shotgun_consumer.testing import FakeSite, events


def test_the_fake_is_the_real_client_up_to_the_wire(fake_site: FakeSite) -> None:
    sg = fake_site.connect("own", "key")
    assert isinstance(sg, shotgun_api3.Shotgun)
    with pytest.raises(shotgun_api3.ShotgunError, match="missing required key"):
        sg.batch([{"request_type": "update", "entity_type": "Task"}])
    assert fake_site.connect().config.script_name == fake_site.script_name


def test_writes_are_taken_down_and_applied(fake_site: FakeSite) -> None:
    shot = fake_site.add("Shot", id=862, code="sh010")
    sg = fake_site.connect()
    made = sg.create("Task", {"content": "Anim", "entity": shot}, return_fields=["entity.Shot.code", "other"])
    assert made["entity.Shot.code"] == "sh010"
    assert made["other"] is None
    sg.update("Task", made["id"], {"task_assignees": [events.PERSON]}, {"task_assignees": "add"})
    person = {"type": "HumanUser", "id": 240}
    assert sg.update("Task", made["id"], {"sg_status_list": "ip"}) == {
        "type": "Task", "id": made["id"], "sg_status_list": "ip",
    }  # fmt: skip
    assert sg.find_one("Task", [["entity", "is", shot]], ["content", "entity", "task_assignees"]) == {
        "type": "Task",
        "id": made["id"],
        "content": "Anim",
        "entity": {"type": "Shot", "id": 862, "name": "sh010"},
        "task_assignees": [{**person, "name": None}],
    }
    assert sg.delete("Task", made["id"]) is True
    assert sg.delete("Task", made["id"]) is False
    assert sg.find_one("Task", [["id", "is", made["id"]]]) is None
    assert fake_site.get("Task", made["id"]) is None
    assert sg.revive("Task", made["id"]) is True
    assert [str(write) for write in fake_site.writes] == [
        "create Task {'content': 'Anim', 'entity': {'type': 'Shot', 'id': 862}}",
        f"update Task {made['id']} {{'task_assignees': [{person!r}]}} (task_assignees: add)",
        f"update Task {made['id']} {{'sg_status_list': 'ip'}}",
        f"delete Task {made['id']} {{}}",
        f"delete Task {made['id']} {{}}",
        f"revive Task {made['id']} {{}}",
    ]


def test_a_batch_is_its_requests(fake_site: FakeSite) -> None:
    fake_site.add("Task", id=5, content="Anim")
    answer = fake_site.connect().batch(
        [
            {"request_type": "create", "entity_type": "Note", "data": {"subject": "x"}},
            {"request_type": "update", "entity_type": "Task", "entity_id": 5, "data": {"content": "y"}},
            {"request_type": "delete", "entity_type": "Task", "entity_id": 5},
        ]
    )
    assert [one if one is True else one["type"] for one in answer] == ["Note", "Task", True]
    assert [write.method for write in fake_site.writes] == ["create", "update", "delete"]


def test_an_update_of_what_is_not_there_is_refused_with_what_to_do(fake_site: FakeSite) -> None:
    with pytest.raises(shotgun_api3.Fault, match=r"site.add\('Task', id=5, ...\)"):
        fake_site.connect().update("Task", 5, {"content": "x"})


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([["sg_status_list", "is", "ip"]], [1]),
        ([["sg_status_list", "is_not", "ip"]], [2, 3]),
        ([["sg_status_list", "in", ["ip", "fin"]]], [1, 2]),
        ([["sg_status_list", "is", None]], [3]),
        ([["content", "contains", "NI"]], [1]),
        ([["content", "starts_with", "la"]], [2]),
        ([["id", "greater_than", 1], ["id", "less_than", 3]], [2]),
        ([["est_in_mins", "between", [5, 20]]], [1]),
        ([["entity", "is", {"type": "Shot", "id": 862}]], [1, 2]),
        ([["entity.Shot.code", "is", "sh010"]], [1, 2]),
        ([["entity", "name_is", "sh010"]], [1, 2]),
        ([["entity", "type_is", "Asset"]], []),
        ([["task_assignees", "is", {"type": "HumanUser", "id": 240}]], [1]),
        ([["task_assignees", "is", None]], [2, 3]),
        ([{"filter_operator": "any", "filters": [["id", "is", 1], ["id", "is", 3]]}], [1, 3]),
        ([["due_date", "greater_than", datetime(2026, 1, 1).astimezone()]], [2]),
        ([], [1, 2, 3]),
    ],
)
def test_reads_are_answered_from_the_entities(fake_site: FakeSite, filters: Any, found: list[int]) -> None:
    shot = fake_site.add("Shot", id=862, code="sh010")
    fake_site.add(
        "Task",
        content="Anim",
        sg_status_list="ip",
        entity=shot,
        task_assignees=[events.PERSON],
        est_in_mins=10,
    )
    due = datetime(2026, 2, 1).astimezone()
    fake_site.add(
        "Task", content="Layout", sg_status_list="fin", entity=shot, due_date=due, task_assignees=[]
    )
    fake_site.add("Task", content="Comp")
    assert [row["id"] for row in fake_site.connect().find("Task", filters)] == found


def test_order_limit_and_pages_are_the_clients(fake_site: FakeSite) -> None:
    for content in ("b", "c", "a"):
        fake_site.add("Task", content=content)
    sg = fake_site.connect()
    order = [{"field_name": "content", "direction": "desc"}]
    assert [row["content"] for row in sg.find("Task", [], ["content"], order=order)] == ["c", "b", "a"]
    assert [row["id"] for row in sg.find("Task", [], order=order, limit=2)] == [2, 1]
    assert [row["id"] for row in sg.find("Task", [], limit=2, page=2)] == [3]


def test_summaries_are_answered_from_the_entities(fake_site: FakeSite) -> None:
    for status, minutes in (("ip", 10), ("ip", 30), ("fin", 5)):
        fake_site.add("Task", sg_status_list=status, est_in_mins=minutes)
    wanted = [{"field": "id", "type": "count"}, {"field": "est_in_mins", "type": "sum"}]
    grouping = [{"field": "sg_status_list", "type": "exact", "direction": "asc"}]
    assert fake_site.connect().summarize("Task", [], wanted, grouping=grouping) == {
        "groups": [
            {
                "group_name": "fin",
                "group_value": "fin",
                "groups": [],
                "summaries": {"id": 1, "est_in_mins": 5},
            },
            {
                "group_name": "ip",
                "group_value": "ip",
                "groups": [],
                "summaries": {"id": 2, "est_in_mins": 40},
            },
        ],
        "summaries": {"id": 3, "est_in_mins": 45},
    }


def test_uploads_are_taken_down_without_a_file(fake_site: FakeSite) -> None:
    fake_site.add("Version", id=3, code="v001")
    sg = fake_site.connect()
    assert sg.upload_thumbnail("Version", 3, "/nowhere/a.jpg") == fake_site.journal.new_id() - 1
    sg.upload("Version", 3, "/nowhere/a.mov", field_name="sg_uploaded_movie")
    assert [(write.method, write.entity_id, write.data["field_name"]) for write in fake_site.writes] == [
        ("upload", 3, "thumb_image"),
        ("upload", 3, "sg_uploaded_movie"),
    ]
    made = sg.create("Version", {"code": "v002", "image": "/nowhere/b.jpg"})
    assert [write.method for write in fake_site.writes][2:] == ["create", "upload"]
    assert made["image"] is None


def test_a_schema_that_was_given_is_answered_and_others_are_asked_for(fake_site: FakeSite) -> None:
    sg = fake_site.connect()
    with pytest.raises(NotImplementedError, match=r"site.schema\('Task'"):
        sg.schema_field_read("Task")
    fake_site.schema("Task", {"content": {"data_type": {"value": "text"}}, "id": {}})
    assert sg.schema_field_read("Task", "content") == {"content": {"data_type": {"value": "text"}}}
    assert set(sg.schema_field_read("Task")) == {"content", "id"}


def test_what_the_fake_does_not_know_can_be_answered_by_the_test(fake_site: FakeSite) -> None:
    sg = fake_site.connect()
    with pytest.raises(NotImplementedError, match=r"site.answer\('query_display_name_cache'"):
        sg.text_search("sh", {"Shot": []})
    fake_site.answer("text_search", {"matches": [], "terms": ["sh"]})
    assert sg.text_search("sh", {"Shot": []})["terms"] == ["sh"]
    with pytest.raises(NotImplementedError, match="knows no filter relation 'in_last'"):
        fake_site.add("Task") and sg.find("Task", [["due_date", "in_last", 3, "DAY"]])
    fake_site.answer("find", lambda params: [{"type": params["type"], "id": 44}])
    assert sg.find("Task", [["due_date", "in_last", 3, "DAY"]]) == [{"type": "Task", "id": 44}]
