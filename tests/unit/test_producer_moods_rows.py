"""The moods of a site by their numbers: those of its rows. Those of its answers are in test_producer_moods_wire.py."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.request import Request, urlopen

import pytest
from site_reading import Reading

from shotgun_producer import inspection
from shotgun_producer.holes import NEAR_IDS
from shotgun_producer.inspection import check_site
from shotgun_producer.records import RecordMaker
from shotgun_runtime.errors import DecisionNeededError
from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.codec import Decoder
from shotgun_schemas.event import FIELDS

DAY = 86_400
DENSE = SiteOptions(writers=1, id_block=1)


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(DENSE) as site:
        yield site


@pytest.fixture
def reading(site: SandboxSite) -> Iterator[Reading]:
    reading = Reading(site)
    yield reading
    reading.reader.close()


def decoded(reading: Reading) -> dict[int, Any]:
    """Each found event, made into a record and read back."""
    maker, decoder = RecordMaker(site=reading.site.url, partitions=1), Decoder()
    records = {
        number: maker.make(row, late=None, now=reading.events.now()) for number, row in reading.rows.items()
    }
    return {
        number: decoder.decode(record.value, topic="t", partition=0, offset=0).row
        for number, record in records.items()
    }


def sent(site: SandboxSite) -> dict[int, Any]:
    """All rows as they are on the wire, read without the client."""
    login = {"script_name": site.script_name, "script_key": site.api_key}
    query = {
        "type": "EventLogEntry",
        "return_fields": list(FIELDS),
        "filters": {"logical_operator": "and", "conditions": []},
        "return_only": "active",
        "paging": {"entities_per_page": 500, "current_page": 1},
        "return_paging_info_without_counts": False,
    }
    body = json.dumps({"method_name": "read", "params": [login, query]}).encode()
    request = Request(f"{site.url}/api3/json", body, {"Content-Type": "application/json"})
    with urlopen(request, timeout=10) as answer:
        return {row["id"]: row for row in json.load(answer)["results"]["entities"]}


@pytest.mark.parametrize("delay", [0.5, 30, 280, 600])
def test_01_a_gap_that_fills_is_delivered_once_and_its_neighbours_not_again(
    site: SandboxSite, reading: Reading, delay: float
) -> None:
    before = site.admin.write_events(3)
    late = site.admin.open_transaction(2)
    after = site.admin.write_events(3)
    site.admin.commit(late, after=delay)
    reading.follow()
    assert reading.found == [*before, *after]
    site.admin.advance(delay)
    reading.follow()
    reading.follow()
    assert reading.found == [*before, *after, *late.ids]


def test_02_a_gap_that_never_fills_is_given_up_once(site: SandboxSite, reading: Reading) -> None:
    site.admin.write_events(1)
    dead = site.admin.open_transaction(2)
    site.admin.abort(dead)
    site.admin.write_events(1)
    reading.follow()
    site.admin.write_events(NEAR_IDS + 1, per_transaction=1_000)
    reading.catch_up()
    assert reading.expired == []
    for _ in range(20):
        site.admin.advance(DAY)
        site.admin.write_events(1)
        for _ in range(3):  # a jump of the site's clock is believed when the next answer confirms it
            reading.follow()
    assert reading.expired == [(dead.ids[0], dead.ids[-1])]
    assert len(reading.found) == len(site.admin.visible())


def test_03_a_large_transaction_behind_the_head_stalls_nothing(site: SandboxSite, reading: Reading) -> None:
    batch = site.admin.open_transaction(1_000)
    first = site.admin.write_events(20)
    reading.follow()
    assert reading.found == first
    site.admin.commit(batch)
    second = site.admin.write_events(20)
    reading.catch_up()
    reading.catch_up()
    assert sorted(reading.found) == [*batch.ids, *first, *second]
    assert len(reading.found) == len(set(reading.found))


def test_04_many_gaps_do_not_stop_a_stream_of_full_pages(site: SandboxSite, reading: Reading) -> None:
    pending = []
    for _ in range(300):
        pending.append(site.admin.open_transaction(1))
        site.admin.write_events(1)
    reading.follow()
    new = site.admin.write_events(1_500, per_transaction=500)
    reading.catch_up()
    assert reading.holes.head == new[-1]
    for transaction in pending:
        site.admin.commit(transaction)
    for _ in range(5):
        reading.catch_up()
    assert sorted(reading.found) == site.admin.visible()


def test_16_odd_rows_are_carried_without_loss(site: SandboxSite, reading: Reading) -> None:
    ids = site.admin.write_events(36, shape="odd")
    ids += site.admin.write_events(1, meta_bytes=1_000_000)
    reading.follow()
    assert reading.found == ids
    assert decoded(reading) == sent(site)


def test_17_dates_in_texts_stay_texts_and_nothing_is_unescaped(site: SandboxSite, reading: Reading) -> None:
    site.admin.write_rows([{"meta": {"at": "2026-01-21T19:47:33Z", "text": "&lt;\U0001f3ac 카메라"}}])
    reading.follow()
    (row,) = decoded(reading).values()
    assert row["meta"] == {"at": "2026-01-21T19:47:33Z", "text": "&lt;\U0001f3ac 카메라"}


def test_18_dates_that_go_backwards_or_repeat_change_no_order(site: SandboxSite, reading: Reading) -> None:
    ids = site.admin.write_events(5)
    ids += site.admin.write_events(5, shape="backdated")
    ids += site.admin.write_events(2, shape="dst_hour")
    reading.follow()
    assert reading.found == ids
    assert decoded(reading)[ids[-1]]["created_at"] == "2026-11-01T09:30:00Z"


@pytest.mark.parametrize("minutes", [-10, 10])
def test_18_ages_count_by_the_sites_clock_and_the_skew_is_shown(minutes: int) -> None:
    with SandboxSite(SiteOptions(writers=1, id_block=1, start=time.time() + 60 * minutes)) as site:
        reading = Reading(site)
        late = site.admin.open_transaction(1)
        site.admin.write_events(1)
        reading.follow()
        assert abs(reading.metric("clock_skew_seconds") - 60 * minutes) < 5
        assert abs(reading.events.now() - site.admin.time()) < 5
        site.admin.advance(120)
        site.admin.commit(late)
        plan = reading.holes.plan(reading.events.now())
        page = reading.events.page(plan)
        (found,) = reading.holes.observe(page.sightings, plan, now=reading.events.now(), newest=0).found
        assert found.late is not None
        assert 119 <= found.late <= 130
        reading.reader.close()


def test_19_a_site_that_lost_what_was_read_needs_a_decision(
    site: SandboxSite, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The other cases are in test_producer_inspection.py."""
    monkeypatch.setattr(inspection, "_LOOK_PAUSE", 0.01)
    site.admin.write_events(20)
    reading.follow()
    progress = reading.progress()
    check_site(reading.events, progress, reading.halt)
    site.admin.reset(11)
    with pytest.raises(DecisionNeededError, match="shotgun-producer checkpoint reset --yes"):
        check_site(reading.events, progress, reading.halt)


def test_20_rows_that_are_hidden_come_when_they_are_shown_again(site: SandboxSite, reading: Reading) -> None:
    """Until then they are missing ids like others; that rows are hidden from the script is for the audit to notice."""
    first = site.admin.write_events(5)
    reading.follow()
    site.admin.restrict(first_id=8, last_id=10)
    site.admin.write_events(10)
    reading.follow()
    assert reading.found == [*first, 6, 7, *range(11, 16)]
    check_site(reading.events, reading.progress(), reading.halt)
    site.admin.restrict()
    reading.follow()
    assert reading.found[-3:] == [8, 9, 10]
    assert len(reading.found) == 15


def test_21_a_row_that_comes_twice_is_taken_once(site: SandboxSite, reading: Reading) -> None:
    site.admin.add_fault("duplicate_rows", methods=["read"], times=1)
    site.admin.write_events(5)
    reading.follow()
    assert reading.found == [1, 2, 3, 4, 5]


def test_24_a_burst_is_read_in_bounded_pages(site: SandboxSite, reading: Reading) -> None:
    site.admin.write_events(5_000, per_transaction=5_000)
    sizes = []
    while (page := reading.follow()).is_full:
        sizes.append(len(page.rows))
    assert set(sizes) == {500}
    assert reading.found == list(range(1, 5_001))
