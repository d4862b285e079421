"""What is found out about the site while the producer runs, and ends in a decision; and what is no reason for one."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest
from site_reading import Reading

from shotgun_producer import inspection
from shotgun_producer.inspection import check_site
from shotgun_producer.progress import Progress
from shotgun_runtime.errors import DecisionNeededError
from shotgun_sandbox.site import SandboxSite, SiteOptions
from shotgun_schemas.checkpoint import Anchor

DENSE = SiteOptions(writers=1, id_block=1)
COMMAND = "shotgun-producer checkpoint reset --yes"


@pytest.fixture
def site() -> Iterator[SandboxSite]:
    with SandboxSite(DENSE) as site:
        site.admin.write_events(20)
        yield site


@pytest.fixture
def reading(site: SandboxSite, monkeypatch: pytest.MonkeyPatch) -> Iterator[Reading]:
    """A reader that has published events 1 to 20."""
    monkeypatch.setattr(inspection, "_LOOK_PAUSE", 0.01)
    reading = Reading(site)
    reading.follow()
    yield reading
    reading.reader.close()


def finding(reading: Reading, progress: Progress | None = None) -> str:
    """What is to be decided; it names the command that decides."""
    with pytest.raises(DecisionNeededError) as caught:
        check_site(reading.events, progress or reading.progress(), reading.halt)
    text = str(caught.value)
    assert COMMAND in text
    return text


def is_well(reading: Reading, progress: Progress | None = None) -> bool:
    try:
        check_site(reading.events, progress or reading.progress(), reading.halt)
    except DecisionNeededError:
        return False
    return True


def test_a_site_that_is_as_it_was_costs_one_request(site: SandboxSite, reading: Reading) -> None:
    site.admin.forget_calls()
    assert is_well(reading)
    assert site.admin.calls() == {"read": 1}


def test_the_head_goes_backwards(site: SandboxSite, reading: Reading) -> None:
    site.admin.reset(11)
    assert "the newest event of the site is 10, but 20 was read before" in finding(reading)


def test_what_is_found_must_be_found_several_times(site: SandboxSite, reading: Reading) -> None:
    site.admin.restrict(first_id=15)
    reading.halt.then = lambda _: site.admin.restrict()
    assert is_well(reading)
    assert len(reading.halt.pauses) == 1


def test_a_restored_site_that_has_passed_the_head_is_told_by_its_dates(
    site: SandboxSite, reading: Reading
) -> None:
    site.admin.reset(11)
    site.admin.advance(60)
    site.admin.write_events(30)
    text = finding(reading)
    assert "event 20 was created at" in text
    assert "another site answers at this address, or it was restored from a backup" in text
    assert "shotgun-producer checkpoint set 40 --yes" in text


def test_another_site_is_told_by_its_dates(site: SandboxSite, reading: Reading) -> None:
    with SandboxSite(SiteOptions(writers=1, id_block=1, events=500, seed=9)) as other:
        elsewhere = Reading(other)
        assert "another site answers at this address" in finding(elsewhere, reading.progress())
        elsewhere.reader.close()


def test_all_events_are_gone_for_a_while_is_an_outage(site: SandboxSite, reading: Reading) -> None:
    during: list[str] = []

    def give_back(number: int) -> None:
        during.append(reading.health.ready[1])
        if number == 4:
            site.admin.restrict()

    site.admin.restrict(first_id=1)
    reading.halt.then = give_back
    assert is_well(reading)
    assert "shows no event at all, although event 20 has been read" in during[-1]
    assert reading.health.ready[0]


def test_all_events_are_gone_for_longer(
    site: SandboxSite, reading: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inspection, "GONE_SECONDS", 0.05)
    site.admin.restrict(first_id=1)
    assert "the site shows no event at all, although event 20 was read" in finding(reading)


def test_the_events_that_come_next_were_archived(site: SandboxSite, reading: Reading) -> None:
    site.admin.write_events(20)
    site.admin.hide_below(30)
    assert "the oldest event of the site is 30, but the last one that was read is 20" in finding(reading)


def test_an_archive_that_ends_at_the_head_has_taken_nothing(site: SandboxSite, reading: Reading) -> None:
    site.admin.write_events(5)
    site.admin.hide_below(21)
    assert is_well(reading)


def test_before_the_first_event_was_read_nothing_can_be_cut(site: SandboxSite) -> None:
    site.admin.hide_below(10)
    reading = Reading(site)
    assert is_well(reading)
    reading.reader.close()


def test_an_anchor_that_is_not_shown_says_nothing(site: SandboxSite, reading: Reading) -> None:
    progress = reading.progress()
    assert progress.anchor is not None
    site.admin.restrict(first_id=20, last_id=20)
    site.admin.write_events(1)
    assert is_well(reading, progress)


@pytest.mark.parametrize("date", ["", "some day", "2026-13-45T99:99:99Z"])
def test_an_anchor_whose_date_cannot_be_read_says_nothing(reading: Reading, date: str) -> None:
    odd = replace(reading.progress().checkpoint(0.0), anchor=Anchor(20, date))
    assert is_well(reading, Progress(odd))


def test_a_row_without_a_date_is_no_anchor(site: SandboxSite, reading: Reading) -> None:
    site.admin.write_events(2, shape="null_date")
    reading.follow()
    anchor = reading.progress().anchor
    assert anchor is not None
    assert (reading.holes.head, anchor.id) == (22, 20)
    assert is_well(reading)


def test_the_same_moment_written_otherwise_is_the_same_date(reading: Reading) -> None:
    anchor = reading.progress().anchor
    assert anchor is not None
    otherwise = anchor.created_at.replace("Z", ".000000+00:00")
    assert is_well(
        reading, Progress(replace(reading.progress().checkpoint(0.0), anchor=Anchor(20, otherwise)))
    )


def test_a_late_row_does_not_move_the_anchor_back(reading: Reading) -> None:
    progress = reading.progress()
    progress.take_anchor([{"id": 3, "created_at": "2026-01-21T19:47:33Z"}])
    assert progress.anchor is not None
    assert progress.anchor.id == 20


def test_an_anchor_above_a_head_that_was_set_back_is_forgotten(reading: Reading) -> None:
    back = Progress(replace(reading.progress().checkpoint(0.0), head=10))
    assert back.anchor is None
