"""Ids of the simulated site appear as on a real one: from blocks, out of order, late, or never."""

from __future__ import annotations

import hashlib
import itertools
import random
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

import pytest
import shotgun_api3

from shotgun_sandbox.site import AdminError, SandboxSite, SiteOptions
from shotgun_sandbox.site.ids import BlockCounter

START = 1_772_442_000.0  # a Monday morning


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=300, start=START)) as site:
        yield site


def connect(site: SandboxSite) -> shotgun_api3.Shotgun:
    return shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)


def shown(sg: shotgun_api3.Shotgun, first: int = 0) -> list[int]:
    return [row["id"] for row in sg.find("EventLogEntry", [["id", "greater_than", first - 1]])]


def gaps(ids: list[int]) -> list[int]:
    return [after - before - 1 for before, after in itertools.pairwise(ids) if after - before > 1]


def test_writers_draw_from_blocks_of_their_own() -> None:
    counter = BlockCounter(random.Random(1), writers=2, block=3, next_id=1)
    assert [counter.draw(0), counter.draw(1), counter.draw(0), counter.draw(0), counter.draw(0)] == [
        1,
        4,
        2,
        3,
        7,
    ]
    assert counter.reserved == 2 + 2
    assert counter.next_id == 10


@pytest.mark.parametrize("seed", [1, 2])
def test_the_head_has_holes_and_the_deep_past_has_none(seed: int) -> None:
    with SandboxSite(SiteOptions(events=15_000, seed=seed)) as site:
        visible = site.admin.visible()
        head = visible[-1]
    assert len(visible) == 15_000
    newest = [number for number in visible if number > head - 1001]
    assert 0.60 <= len(newest) / 1001 <= 0.85
    assert 4 <= len(gaps(newest)) <= 40
    assert max(gaps(newest)) <= 33 * 3
    deep = [number for number in visible if number <= head - 10_000]
    assert deep == list(range(1, head - 10_000 + 1))


def test_one_writer_with_blocks_of_one_has_no_holes() -> None:
    with SandboxSite(SiteOptions(events=5000, writers=1, id_block=1)) as site:
        assert site.admin.visible() == list(range(1, 5001))


def test_dead_ids_stay_holes_and_the_number_of_events_is_exact() -> None:
    with SandboxSite(SiteOptions(events=20_000, writers=1, id_block=1, dead=0.05)) as site:
        state, visible = site.admin.state(), site.admin.visible()
    assert state.visible == len(visible) == 20_000
    assert 500 < state.dead < 1600
    assert visible[-1] - 20_000 <= state.dead


@pytest.mark.parametrize("events", [0, 1, 39, 41, 2501])
def test_the_site_starts_with_exactly_the_events_asked_for(events: int) -> None:
    with SandboxSite(SiteOptions(events=events)) as site:
        assert len(shown(connect(site))) == events


def test_the_same_seed_gives_the_same_past() -> None:
    def past(seed: int) -> str:
        digest = hashlib.sha256()
        with SandboxSite(SiteOptions(events=2700, seed=seed, start=START, dead=0.01)) as site:
            for event_id in site.admin.visible():
                digest.update(repr(site.core.row(event_id)).encode())
        return digest.hexdigest()

    assert past(7) == past(7)
    assert past(7) != past(8)


def test_the_past_lies_on_working_days_before_the_start() -> None:
    with SandboxSite(SiteOptions(events=30_000, start=START)) as site:
        every_tenth = site.admin.visible()[::10]
        moments = [
            datetime.fromisoformat(site.core.row(event_id)["created_at"][:-1]) for event_id in every_tenth
        ]
    assert max(moments) <= datetime.fromtimestamp(START, timezone.utc).replace(tzinfo=None)
    assert (max(moments) - min(moments)).days >= 4
    weekend = sum(moment.weekday() >= 5 for moment in moments)
    assert weekend < len(moments) * 0.15
    assert moments != sorted(moments)  # neighbouring blocks interleave


def test_an_open_transaction_is_invisible_until_its_commit(site: SandboxSite) -> None:
    sg = connect(site)
    before = shown(sg)
    batch = site.admin.open_transaction(200)
    later = site.admin.write_events(5, writer=batch.writer + 1)
    assert set(shown(sg)) == {*before, *later}
    assert site.admin.state().uncommitted == 200
    site.admin.commit(batch)
    assert set(shown(sg)) == {*before, *later, *batch.ids}
    assert site.admin.transactions() == []


def test_rows_appear_below_the_head(site: SandboxSite) -> None:
    early = site.admin.open_transaction(3)
    site.admin.write_events(600)
    head = site.admin.state().head
    assert head > max(early.ids)
    site.admin.commit(early)
    assert site.admin.state().head == head
    assert set(early.ids) <= set(shown(connect(site)))


@pytest.mark.parametrize("delay", [0.5, 30.0, 280.0, 600.0])
def test_a_late_row_appears_after_its_time_on_the_sites_clock(site: SandboxSite, delay: float) -> None:
    late = site.admin.open_transaction(1)
    site.admin.commit(late, after=delay + 3600)
    site.admin.advance(delay + 3500)
    assert not set(late.ids) & set(shown(connect(site)))
    site.admin.advance(101)
    assert set(late.ids) <= set(shown(connect(site)))


def test_an_aborted_transaction_is_never_seen(site: SandboxSite) -> None:
    before = site.admin.state()
    gone = site.admin.open_transaction(4)
    site.admin.abort(gone)
    site.admin.advance(86_400)
    assert not set(gone.ids) & set(shown(connect(site)))
    assert site.admin.state().dead == before.dead + 4
    with pytest.raises(AdminError, match=gone.name):
        site.admin.commit(gone)


def test_retention_hides_old_rows_and_gives_them_back(site: SandboxSite) -> None:
    sg, visible = connect(site), site.admin.visible()
    site.admin.hide_below(visible[100])
    assert shown(sg) == visible[100:] == site.admin.visible()
    assert sg.find_one("EventLogEntry", [["id", "is", visible[50]]]) is None
    site.admin.hide_below(0)
    assert shown(sg) == visible


def test_a_restricted_script_sees_fewer_rows_and_no_error(site: SandboxSite) -> None:
    sg, visible = connect(site), site.admin.visible()
    everything = sg.find("EventLogEntry", [], ["event_type"])
    site.admin.restrict(event_types=["Shotgun_Task_"])
    wanted = [row["id"] for row in everything if not (row["event_type"] or "").startswith("Shotgun_Task_")]
    assert shown(sg) == wanted
    count = [{"field": "id", "type": "count"}]
    assert sg.summarize("EventLogEntry", [], count)["summaries"]["id"] == len(wanted)
    quiet = shotgun_api3.Shotgun(site.url, "quiet", site.api_key)
    assert shown(quiet) == visible
    site.admin.restrict()
    assert shown(sg) == visible


def test_a_restored_site_counts_from_its_backup_again(site: SandboxSite) -> None:
    visible = site.admin.visible()
    lost = site.admin.reset(visible[-50])
    assert lost == 50
    assert site.admin.state().head == visible[-51]
    again = site.admin.write_events(3, writer=0)
    assert again == [visible[-50], visible[-50] + 1, visible[-50] + 2]
    assert shown(connect(site))[-3:] == again


def test_a_reset_into_the_computed_past_serves_the_new_rows() -> None:
    with SandboxSite(SiteOptions(events=4000, start=START)) as site:
        site.admin.reset(1000)
        new = site.admin.write_events(2, changes={"event_type": "Harbour_New"}, writer=1)
        rows = connect(site).find(
            "EventLogEntry", [["created_at", "greater_than", "2020-01-01"]], ["event_type"]
        )
    assert new == [1000, 1001]
    assert [row["event_type"] for row in rows[-2:]] == ["Harbour_New"] * 2
    assert len(rows) == 1001


def test_the_clock_can_be_set_and_dates_follow(site: SandboxSite) -> None:
    site.admin.set_time("2026-11-01T08:59:00Z")
    site.admin.write_events(1)
    site.admin.set_time("2026-11-01T07:00:00Z")
    second = site.admin.write_events(1)[0]
    assert site.core.row(second)["event_type"] == "Shotgun_Task_Change"
    row = site.core.row(second)
    assert row["created_at"].startswith("2026-11-01T07:00:0")


@pytest.mark.parametrize(
    ("shape", "field", "wanted"),
    [
        ("null_entity", "entity", None),
        ("null_user", "user", None),
        ("null_project", "project", None),
        ("null_meta", "meta", None),
        ("null_type", "event_type", None),
        ("empty_meta", "meta", {}),
        ("dst_hour", "created_at", "2026-11-01T09:30:00Z"),
    ],
)
def test_odd_rows_can_be_ordered(site: SandboxSite, shape: str, field: str, wanted: Any) -> None:
    event_id = site.admin.write_events(1, shape=shape)[0]
    assert site.core.row(event_id)[field] == wanted


def test_rows_of_five_and_twenty_megabytes_arrive_whole(site: SandboxSite) -> None:
    sg = connect(site)
    for megabytes in (5, 20):
        event_id = site.admin.write_events(1, meta_bytes=megabytes * 1_000_000)[0]
        row = sg.find_one("EventLogEntry", [["id", "is", event_id]], ["meta"])
        assert len(row["meta"]["new_value"]) == megabytes * 1_000_000


def test_a_burst_of_five_thousand_rows_in_one_transaction(site: SandboxSite) -> None:
    before = site.admin.digest()
    ids = site.admin.write_events(5000, shape="odd", per_transaction=5000)
    after = site.admin.digest()
    assert after.count == before.count + 5000 == len(shown(connect(site)))
    assert (
        after.sha256 == hashlib.sha256("".join(f"{n}\n" for n in site.admin.visible()).encode()).hexdigest()
    )
    assert len(set(ids)) == 5000


def test_an_unknown_shape_is_refused_with_the_known_ones(site: SandboxSite) -> None:
    with pytest.raises(AdminError, match=r"unknown shape 'round'; known: .*'odd'"):
        site.admin.write_events(1, shape="round")
