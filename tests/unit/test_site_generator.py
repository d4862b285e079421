"""The simulated studio at work: live rows, late ones, dead ones, and batches that stay invisible."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import shotgun_api3
from support import wait_until

from shotgun_sandbox.site import AdminError, SandboxSite, SiteOptions

TEN_HOURS = 36_000.0


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(SiteOptions(events=100)) as site:
        yield site


def test_a_busy_studio_makes_events_of_many_kinds(site: SandboxSite) -> None:
    site.admin.start_generator(rate=2000)
    wait_until(lambda: site.admin.state().visible >= 1500)
    site.admin.stop_generator()
    sg = shotgun_api3.Shotgun(site.url, site.script_name, site.api_key)
    rows = sg.find("EventLogEntry", [], ["event_type", "meta", "user", "session_uuid"])
    types = {row["event_type"] for row in rows}
    assert {
        "Shotgun_Task_Change",
        "Shotgun_Version_New",
        "Shotgun_Version_View",
        "Shotgun_Note_New",
        "Shotgun_PublishedFile_New",
        "Shotgun_User_Login",
    } <= types
    assert len(types) > 15
    assert len({row["session_uuid"] for row in rows}) > 5


def test_a_stopped_generator_writes_no_more(site: SandboxSite) -> None:
    site.admin.start_generator(rate=500)
    wait_until(lambda: site.admin.state().visible > 150)
    site.admin.stop_generator()
    visible = site.admin.state().visible
    site.admin.advance(3600)
    assert site.admin.state().visible == visible
    assert not site.admin.state().generator


def test_late_transactions_all_appear_in_the_end(site: SandboxSite) -> None:
    site.admin.start_generator(rate=500, late=0.9, late_seconds=TEN_HOURS)
    wait_until(lambda: site.admin.state().uncommitted > 100)
    site.admin.stop_generator()
    waiting = [event_id for item in site.admin.transactions() for event_id in item.ids]
    assert not set(waiting) & set(site.admin.visible())
    site.admin.advance(TEN_HOURS + 1)
    assert site.admin.state().uncommitted == 0
    assert set(waiting) <= set(site.admin.visible())


def test_dead_transactions_never_appear(site: SandboxSite) -> None:
    site.admin.start_generator(rate=500, dead=0.5)
    state = wait_until(lambda: (state := site.admin.state()).dead > 50 and state.visible > 150 and state)
    site.admin.stop_generator()
    site.admin.advance(TEN_HOURS)
    after = site.admin.state()
    drawn = after.next_id - 1 - after.reserved
    assert after.dead >= state.dead
    assert drawn == after.visible + after.dead


def test_a_large_batch_stays_invisible_and_then_appears_at_once(site: SandboxSite) -> None:
    site.admin.start_generator(batch_every=0.05, batch_size=300, batch_seconds=TEN_HOURS)
    wait_until(lambda: site.admin.transactions())
    site.admin.stop_generator()
    batch = site.admin.transactions()[0]
    assert len(batch.ids) >= 300
    assert site.admin.state().visible == 100
    site.admin.advance(TEN_HOURS + 1)
    assert set(batch.ids) <= set(site.admin.visible())


def test_a_step_of_the_clock_is_not_made_up_for(site: SandboxSite) -> None:
    site.admin.start_generator(rate=1)
    site.admin.advance(TEN_HOURS)
    site.admin.stop_generator()
    assert site.admin.state().visible < 100 + 1000


def test_an_impossible_pace_is_refused(site: SandboxSite) -> None:
    with pytest.raises(AdminError, match="unknown key 'speed' of the generator"):
        site.admin.start_generator(speed=3)
    with pytest.raises(AdminError, match="rate must be a number from 0 on, got -1"):
        site.admin.start_generator(rate=-1)


def test_the_options_start_the_studio() -> None:
    with SandboxSite(SiteOptions(rate=500)) as site:
        assert wait_until(lambda: site.admin.state().visible > 20)
