"""Reads of the simulated site: filters, order, pages, as the real client asks and gets them."""

from __future__ import annotations

import datetime
import http.client
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import shotgun_api3

from shotgun_sandbox.site import SandboxSite, SiteOptions

PROJECT = {"type": "Project", "id": 70}


@pytest.fixture(scope="module")
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=4000, dead=0.02)) as site:
        yield site


@pytest.fixture(scope="module")
def sg(site: SandboxSite) -> shotgun_api3.Shotgun:
    return shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)


@pytest.fixture(scope="module")
def visible(site: SandboxSite) -> list[int]:
    return site.admin.visible()


def ids(sg: shotgun_api3.Shotgun, filters: list[Any], **options: Any) -> list[int]:
    return [row["id"] for row in sg.find("EventLogEntry", filters, **options)]


def test_events_come_in_id_order_unless_asked_otherwise(sg: shotgun_api3.Shotgun, visible: list[int]) -> None:
    assert ids(sg, [], limit=300) == visible[:300]
    order = [{"field_name": "id", "direction": "desc"}]
    assert ids(sg, [], limit=300, order=order) == visible[:-301:-1]
    unknown = [{"field_name": "no_such_field", "direction": "desc"}]
    assert ids(sg, [], limit=300, order=unknown) == visible[:300]


def test_id_filters_select_exactly(sg: shotgun_api3.Shotgun, visible: list[int]) -> None:
    low, high = visible[1000], visible[1400]
    expected: list[tuple[list[Any], set[int]]] = [
        (["id", "greater_than", high], {number for number in visible if number > high}),
        (["id", "less_than", low], {number for number in visible if number < low}),
        (["id", "between", low, high], {number for number in visible if low <= number <= high}),
        (["id", "between", [low, high]], {number for number in visible if low <= number <= high}),
        (["id", "in", [low, high, 10**9]], {low, high}),
        (["id", "is", low], {low}),
        (["id", "is_not", low], set(visible) - {low}),
        (["id", "not_in", [low, high]], set(visible) - {low, high}),
    ]
    for condition, wanted in expected:
        assert set(ids(sg, [condition])) == wanted, condition


def test_any_and_all_nest(sg: shotgun_api3.Shotgun, visible: list[int]) -> None:
    head = visible[-100]
    holes = [["id", "between", visible[10], visible[12]], ["id", "between", visible[50], visible[51]]]
    either = {"filter_operator": "any", "filters": [["id", "greater_than", head], *holes]}
    assert ids(sg, [either]) == [*visible[10:13], *visible[50:52], *visible[-99:]]
    both = {
        "filter_operator": "all",
        "filters": [["id", "greater_than", head], ["id", "less_than", visible[-1]]],
    }
    assert ids(sg, [both]) == visible[-99:-1]


def test_an_id_filter_beside_another_field_needs_both(sg: shotgun_api3.Shotgun, visible: list[int]) -> None:
    rows = sg.find("EventLogEntry", [["id", "less_than", visible[400]]], ["event_type"])
    wanted = [row["id"] for row in rows if (row["event_type"] or "").startswith("Shotgun_Task_")]
    filters = [["id", "less_than", visible[400]], ["event_type", "starts_with", "shotgun_task_"]]
    assert ids(sg, filters) == wanted
    assert wanted
    either = {
        "filter_operator": "any",
        "filters": [["id", "is", 10**9], ["event_type", "starts_with", "Shotgun_Task_"]],
    }
    assert ids(sg, [["id", "less_than", visible[400]], either]) == wanted


def test_dates_select_the_same_rows_as_looking_at_each(sg: shotgun_api3.Shotgun) -> None:
    everything = sg.find("EventLogEntry", [], ["created_at"])
    moments = sorted(row["created_at"] for row in everything)
    first, last = moments[1500], moments[2000]
    filters = [["created_at", "between", first, last]]
    wanted = [row["id"] for row in everything if first <= row["created_at"] <= last]
    assert ids(sg, filters) == wanted
    assert len(wanted) >= 501
    after = [["created_at", "greater_than", last]]
    assert set(ids(sg, after)) == {row["id"] for row in everything if row["created_at"] > last}


def test_links_text_and_null_can_be_filtered(sg: shotgun_api3.Shotgun) -> None:
    person = sg.find_one("HumanUser", [["login", "is", "INES.MOREAU"]], ["name"])
    rows = sg.find("EventLogEntry", [["user", "is", person]], ["user"], limit=50)
    assert {row["user"]["name"] for row in rows} == {"Ines Moreau"}
    assert all(
        row["entity"] is None for row in sg.find("EventLogEntry", [["entity", "is", None]], ["entity"])
    )
    typed = sg.find("EventLogEntry", [["entity", "type_is", "Shot"]], ["entity"], limit=20)
    assert {row["entity"]["type"] for row in typed} == {"Shot"}
    others = sg.find("EventLogEntry", [["user", "not_in", [person]]], ["user"], limit=50)
    assert all((row["user"] or {}).get("id") != person["id"] for row in others)


def test_a_find_of_many_pages_returns_every_row_once(site: SandboxSite, visible: list[int]) -> None:
    sg = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    site.admin.forget_calls()
    assert ids(sg, []) == visible
    assert site.admin.calls()["read"] == 8
    site.admin.forget_calls()
    assert len(ids(sg, [], limit=501)) == 501
    assert site.admin.calls()["read"] == 2
    assert ids(sg, [], limit=100, page=3) == visible[200:300]


def test_a_site_before_7_4_counts_its_rows() -> None:
    with SandboxSite(SiteOptions(events=700, writers=1, id_block=1, page_cap=100)) as site:
        site.admin.settings(version=[7, 3, 0])
        sg = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
        assert sg.server_caps.version == (7, 3, 0)
        assert ids(sg, []) == list(range(1, 701))
        args = {"type": "EventLogEntry", "return_paging_info": True}
        paging = site.core.reads.read(args)["paging_info"]
        assert paging == {"current_page": 1, "page_count": 7, "entity_count": 700, "entities_per_page": 100}
        none = site.core.reads.read({**args, "filters": {"conditions": [_condition("id", "is", 9999)]}})
        assert none["paging_info"]["current_page"] == 0


def test_the_page_size_is_the_sites(site: SandboxSite) -> None:
    with SandboxSite(SiteOptions(events=50, page_cap=1000)) as large:
        assert (
            shotgun_api3.Shotgun(large.url, large.script_name, large.api_key).config.records_per_page == 1000
        )
    for size in (501, "foo", 0, True):
        with pytest.raises(shotgun_api3.Fault, match="invalid/missing integer 'paging' 'entities_per_page'"):
            _read(site, paging={"current_page": 2, "entities_per_page": size})


@pytest.mark.parametrize(
    ("path", "relation", "values", "message"),
    [
        ("meta", "is", ["x"], "EventLogEntry.meta's 'serializable' data type cannot be used in a filter"),
        (
            "event_type",
            "between",
            ["a", "b"],
            "EventLogEntry.event_type's 'text' data type doesn't support 'between'",
        ),
        ("id", "greater_than_or_equal", [1], "'number' data type doesn't support"),
        ("no_such", "is", [1], r"API read\(\) EventLogEntry.no_such doesn't exist"),
        ("entity.Shot.nope", "is", [1], r"Shot.nope doesn't exist"),
        ("id", "in", [], "expects at least a 1-element array"),
    ],
)
def test_impossible_filters_are_refused(
    site: SandboxSite, path: str, relation: str, values: list[Any], message: str
) -> None:
    with pytest.raises(shotgun_api3.Fault, match=message):
        _read(site, filters={"logical_operator": "and", "conditions": [_condition(path, relation, *values)]})


def test_an_unknown_type_is_refused(sg: shotgun_api3.Shotgun) -> None:
    with pytest.raises(shotgun_api3.Fault, match="Nonsense"):
        sg.find("Nonsense", [])


def test_a_filter_nested_too_deep_breaks_the_site(site: SandboxSite) -> None:
    def nested(depth: int) -> str:
        leaf = json.dumps(_condition("id", "is", 1))
        return '{"logical_operator": "and", "conditions": [' * depth + leaf + "]}" * depth

    # Made as text: neither the client nor the encoder reaches so deep.
    assert _post(site, filters=nested(264)) == 200
    assert _post(site, filters=nested(266)) == 500
    assert _post(site, filters=nested(5000)) == 400


def test_unknown_fields_are_dropped_and_deep_fields_resolved(sg: shotgun_api3.Shotgun) -> None:
    fields = [
        "event_type",
        "no_such_field",
        "entity.Task.content",
        "entity.Task.entity.Shot.code",
        "user.HumanUser.login",
    ]
    row = sg.find_one(
        "EventLogEntry", [["entity", "type_is", "Task"], ["user", "type_is", "HumanUser"]], fields
    )
    assert "no_such_field" not in row
    assert isinstance(row["entity.Task.content"], str)
    assert "." in row["user.HumanUser.login"]


def test_the_name_of_a_link_is_the_name_of_today(site: SandboxSite, sg: shotgun_api3.Shotgun) -> None:
    shot = sg.create("Shot", {"code": "before", "project": PROJECT})
    sg.update("Shot", shot["id"], {"code": "after"})
    rows = sg.find("EventLogEntry", [["entity", "is", shot]], ["entity"])
    assert {row["entity"]["name"] for row in rows} == {"after"}


def test_dates_are_whole_seconds_of_utc(site: SandboxSite) -> None:
    created = _read(site, return_fields=["created_at"])["entities"][0]["created_at"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", created)


def test_counts_agree_with_reads(sg: shotgun_api3.Shotgun, visible: list[int]) -> None:
    low, high = visible[100], visible[900]
    count = [{"field": "id", "type": "count"}]
    summary = sg.summarize("EventLogEntry", [["id", "between", low, high]], count)
    assert summary["summaries"] == {"id": 801}
    grouping = [{"field": "event_type", "type": "exact", "direction": "asc"}]
    groups = sg.summarize("EventLogEntry", [["id", "between", low, high]], count, grouping=grouping)["groups"]
    assert sum(group["summaries"]["id"] for group in groups) == 801
    assert len(sg.find("Shot", [])) == sg.summarize("Shot", [], count)["summaries"]["id"]


def test_a_page_of_a_million_events_costs_its_own_rows_and_no_others() -> None:
    with SandboxSite(SiteOptions(events=1_000_000, dead=0.01)) as site:
        sg = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
        assert site.admin.state().visible == 1_000_000
        filters: list[list[Any]] = [
            [["id", "greater_than", 100]],
            [["id", "greater_than", 990_000]],
            [
                {
                    "filter_operator": "any",
                    "filters": [["id", "greater_than", 999_000], ["id", "between", 9, 11]],
                }
            ],
            [["id", "in", list(range(500_000, 500_500))]],
        ]
        for condition in filters:
            before = site.admin.state().steps
            rows = sg.find("EventLogEntry", condition, ["meta"], limit=500)
            # One row more than the page is looked at: it tells whether there is a next page.
            assert 400 < len(rows) <= site.admin.state().steps - before <= 501
        before = site.admin.state().steps
        count = sg.summarize(
            "EventLogEntry", [["id", "less_than", 900_000]], [{"field": "id", "type": "count"}]
        )
        assert count["summaries"]["id"] == len(site.admin.visible(0, 899_999))
        assert site.admin.state().steps == before
        oldest = sg.find_one("EventLogEntry", [["created_at", "greater_than", _days_ago(20)]], ["created_at"])
        assert oldest is not None
        assert site.admin.state().steps - before < 5000


def _days_ago(days: int) -> datetime.datetime:
    return datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=days)


def _condition(path: str, relation: str, *values: Any) -> dict[str, Any]:
    return {"path": path, "relation": relation, "values": list(values)}


def _post(site: SandboxSite, filters: str) -> int:
    """The status of a raw read with these filters, given as JSON."""
    auth = {"script_name": site.script_name, "script_key": site.api_key}
    args = {"type": "EventLogEntry", "filters": "FILTERS"}
    body = json.dumps({"method_name": "read", "params": [auth, args]}).replace('"FILTERS"', filters)
    connection = http.client.HTTPConnection(site.url.removeprefix("http://"), timeout=10)
    connection.request("POST", "/api3/json", body)
    status = connection.getresponse().status
    connection.close()
    return status


def _read(site: SandboxSite, **args: Any) -> dict[str, Any]:
    """One raw read, with arguments that the client would not let pass."""
    sg = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    sg.config.convert_datetimes_to_utc = False
    sg._transform_inbound = lambda data: data
    answer: dict[str, Any] = sg._call_rpc("read", {"type": "EventLogEntry", **args})
    return answer
