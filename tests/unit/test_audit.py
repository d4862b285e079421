"""What an audit says of a window, what it covers, and when it is due."""

from __future__ import annotations

import threading

import pytest

from shotgun_producer.audit.handoff import Handoff
from shotgun_producer.audit.id_set import BLOCK
from shotgun_producer.audit.judgment import (
    MOST_IDS,
    MOST_RANGES,
    Beginning,
    Ledger,
    Lost,
    Scope,
    Shown,
    Snapshot,
    Window,
)
from shotgun_producer.audit.schedule import SOON_SECONDS, AuditSchedule
from shotgun_producer.errors import HaltedError
from shotgun_producer.holes import EXPIRY_SECONDS, NEAR_IDS, Holes, Plan, Sighting
from shotgun_schemas.checkpoint import Hole

NOW = 1_800_000_000.0
WINDOW = Window(20_000, 20_019)
EARLIEST = Beginning(0, ())
SCOPE = Scope(lowest=1, highest=90_000, near_from=80_001, border=NOW - EXPIRY_SECONDS)


def snapshot(*holes: Hole, covered: tuple[tuple[int, int], ...] = ()) -> Snapshot:
    return Snapshot(90_000, holes, covered)


def ledger(*topic: int, began: Beginning = EARLIEST) -> Ledger:
    found = Ledger(began)
    for number in topic:
        found.topic.add(number)
    return found


def shown(*ids: int, created: float = NOW - 60, unwanted: tuple[int, ...] = ()) -> Shown:
    found = Shown(WINDOW)
    for number in ids:
        found.add(Sighting(number, created), int(number in unwanted))
    return found


ALL = range(20_000, 20_020)


def but(*ids: int) -> list[int]:
    return [number for number in ALL if number not in ids]


# --- windows


def test_equal_counts_on_all_sides_need_no_look() -> None:
    assert ledger(*ALL).accounts_for(WINDOW, snapshot(), 20)
    assert ledger(*but(20_003)).accounts_for(WINDOW, snapshot(Hole(20_003, 20_003)), 19)
    assert not ledger(*ALL).accounts_for(WINDOW, snapshot(), 19)
    assert not ledger(*ALL).accounts_for(WINDOW, snapshot(Hole(20_003, 20_003)), 20)


def test_a_right_count_does_not_hide_what_the_topic_lacks() -> None:
    assert not ledger(*but(20_003)).accounts_for(WINDOW, snapshot(), 20)


def test_what_is_shown_and_nowhere_else_is_missing_since_it_was_created() -> None:
    found = ledger(*but(20_003, 20_004, 20_009)).judge(SCOPE, snapshot(), shown(*ALL, created=NOW - 3_600))
    assert found.missing == (Lost(20_003, 20_004, NOW - 3_600), Lost(20_009, 20_009, NOW - 3_600))
    assert (found.forgotten, found.cold, found.hidden, found.given_up) == ((), (), 0, 0)


def test_what_is_nowhere_at_all_is_asked_for_again() -> None:
    found = ledger(*but(20_003)).judge(SCOPE, snapshot(), shown(*but(20_003)))
    assert found.forgotten == (Lost(20_003, 20_003),)
    assert (found.missing, found.hidden, found.given_up) == ((), 0, 0)


def test_what_is_old_enough_to_have_been_given_up_is_left_alone() -> None:
    audit = ledger(*but(20_003))
    old = shown(*but(20_003), created=NOW - EXPIRY_SECONDS - 60)
    found = audit.judge(SCOPE, snapshot(), old)
    assert not found.is_loss
    audit.accept(found)
    assert audit.accounts_for(WINDOW, snapshot(), 19)
    # Near the head nothing is given up, however old it is.
    near = Scope(SCOPE.lowest, SCOPE.highest, WINDOW.first, SCOPE.border)
    assert ledger(*but(20_003)).judge(near, snapshot(), old).forgotten == (Lost(20_003, 20_003),)


def test_an_old_id_at_the_end_of_a_window_goes_by_the_row_before_it() -> None:
    old = shown(*but(20_019), created=NOW - EXPIRY_SECONDS - 60)
    assert not ledger(*but(20_019)).judge(SCOPE, snapshot(), old).is_loss
    assert ledger().judge(SCOPE, snapshot(), shown()).forgotten == (Lost(20_000, 20_019),)


def test_ids_in_holes_are_never_lost_and_cold_ones_are_found() -> None:
    holes = snapshot(Hole(20_001, 20_002), Hole(20_005, 20_007, 0, 0, 300))
    found = ledger(*but(20_001, 20_002, 20_005, 20_006, 20_007)).judge(SCOPE, holes, shown(*but(20_007)))
    assert not found.is_loss
    assert found.cold == (20_005, 20_006)


def test_what_is_no_longer_shown_explains_the_count_until_that_changes() -> None:
    audit = ledger(*ALL)
    found = audit.judge(SCOPE, snapshot(), shown(*but(20_003, 20_004)))
    audit.accept(found)
    assert (found.is_loss, audit.hidden) == (False, 2)
    assert audit.accounts_for(WINDOW, snapshot(), 18)
    assert not audit.accounts_for(WINDOW, snapshot(), 20)
    audit.accept(audit.judge(SCOPE, snapshot(), shown(*ALL)))
    assert audit.hidden == 0


def test_what_the_filters_leave_out_is_in_no_topic_and_not_missing() -> None:
    audit = ledger(*but(20_003))
    audit.accept(audit.judge(SCOPE, snapshot(), shown(*ALL, unwanted=(20_003,))))
    assert audit.accounts_for(WINDOW, snapshot(), 20)
    found = audit.judge(SCOPE, snapshot(), shown(*but(20_003)))
    assert not found.is_loss
    assert found.hidden.bit_count() == 1


def test_before_the_stream_began_only_what_a_backfill_covered_belongs_into_the_topic() -> None:
    began = Beginning(20_010, ((20_005, 20_005),))
    topic = range(20_011, 20_020)
    found = ledger(*topic, began=began).judge(SCOPE, snapshot(), shown(*ALL))
    assert [(lost.first, lost.last) for lost in found.missing] == [(20_005, 20_005)]
    found = ledger(*topic, began=began).judge(SCOPE, snapshot(covered=((20_002, 20_003),)), shown(*ALL))
    assert [(lost.first, lost.last) for lost in found.missing] == [(20_002, 20_003), (20_005, 20_005)]
    assert began.lowest(()) == 20_005
    assert began.lowest(((7, 9),)) == 7


def test_only_so_much_is_asked_for_again_at_once() -> None:
    found = ledger().judge(SCOPE, snapshot(), shown(20_001, 20_003, 20_005))
    assert (len(found.missing), len(found.forgotten)) == (3, 4)
    assert found.limited(MOST_RANGES) == found
    few = found.limited(5)
    assert (few.missing, few.forgotten) == (found.missing, found.forgotten[:2])
    assert not found.limited(-7).is_loss


# --- scope


def test_an_audit_covers_what_holes_live_in() -> None:
    def scope(lowest: int, head: int, newest: int, youngest: int | None) -> tuple[int, int]:
        found = Scope.of(lowest, head, newest, youngest, NOW)
        return found.lowest, found.highest

    assert scope(1, 500_000, 500_000, 100_000) == (100_000, 500_000)
    assert scope(300_000, 500_000, 500_000, 100_000) == (300_000, 500_000)
    # the newest ten thousand, on a site where little happens
    assert scope(1, 500_000, 500_000, 499_999) == (500_001 - NEAR_IDS, 500_000)
    assert scope(1, 500_000, 500_000, None) == (500_001 - NEAR_IDS, 500_000)
    # nothing yet, while all that was read is old
    assert list(Scope.of(1, 50_000, 500_000, 400_000, NOW).windows()) == []
    # an odd date does not lead back for years
    assert scope(1, 3 * MOST_IDS, 3 * MOST_IDS, 7)[0] == 2 * MOST_IDS + 1


def test_windows_are_blocks_and_what_is_left_of_them_at_the_ends() -> None:
    scope = Scope(BLOCK - 5, 3 * BLOCK + 4, 1, 0.0)
    assert list(scope.windows()) == [
        Window(BLOCK - 5, BLOCK - 1),
        Window(BLOCK, 2 * BLOCK - 1),
        Window(2 * BLOCK, 3 * BLOCK - 1),
        Window(3 * BLOCK, 3 * BLOCK + 4),
    ]
    assert next(scope.above(2 * BLOCK).windows()) == Window(2 * BLOCK + 1, 3 * BLOCK - 1)


# --- holes


def test_what_is_asked_for_again_is_found_with_the_next_poll_however_deep_it_lies() -> None:
    holes = Holes(200_000, [Hole(150, 160, int(NOW), int(NOW), 21_600)])
    holes.ask_again(100, 170, NOW - 7_200)
    plan = holes.plan(NOW)
    assert plan.ranges == ((100, 149), (161, 170))
    (found,) = holes.observe([Sighting(120, NOW)], plan, now=NOW).found
    assert found.late == pytest.approx(7_200, abs=300)


def test_only_ids_up_to_the_head_are_asked_for_again() -> None:
    holes = Holes(100)
    holes.ask_again(99, 120, NOW)
    assert [(hole.first, hole.last) for hole in holes.snapshot()] == [(99, 100)]


def test_cold_holes_are_hastened_and_others_are_left() -> None:
    holes = Holes(200_000, [Hole(10, 20, int(NOW), int(NOW), 21_600), Hole(30, 30, int(NOW), int(NOW))])
    assert holes.plan(NOW).ranges == ((30, 30),)
    assert holes.hasten([5, 12, 13, 30], NOW) == 2
    assert (10, 20) in holes.plan(NOW).ranges
    found = holes.observe([Sighting(12)], Plan(None, ((10, 20),)), now=NOW).found
    assert [event.id for event in found] == [12]


# --- schedule and handoff


def test_a_session_audits_soon_and_a_process_not_more_often_than_asked() -> None:
    schedule = AuditSchedule(3_600, uniform=lambda: 1.0)
    schedule.begin(1_000)
    assert schedule.pause(1_000) == SOON_SECONDS
    assert schedule.pause(1_000 + SOON_SECONDS) == 0
    schedule.finish(2_000)
    assert schedule.pause(2_000) == 3_600
    schedule.begin(2_100)  # elected once more
    assert schedule.pause(2_100) == 3_500
    schedule.begin(9_000)
    assert schedule.pause(9_000) == SOON_SECONDS


def test_a_short_interval_is_not_waited_out_for_longer() -> None:
    schedule = AuditSchedule(10, uniform=lambda: 0.0)
    schedule.begin(50)
    assert schedule.pause(50) == 5
    assert AuditSchedule(0).is_on is False


def test_a_snapshot_is_taken_after_the_question_and_after_what_was_found() -> None:
    halt = threading.Event()
    handoff: Handoff[str] = Handoff(halt)
    handoff.offer(lambda: snapshot(Hole(1, 1)))  # nobody has asked
    got: list[Snapshot] = []
    asking = threading.Thread(target=lambda: got.append(handoff.ask()))
    handoff.put("found")
    asking.start()
    handoff.offer(lambda: snapshot(Hole(2, 2)))  # what was found is not taken yet
    assert handoff.take() == ["found"]
    while asking.is_alive():
        handoff.offer(lambda: snapshot(Hole(3, 3)))
    assert got == [snapshot(Hole(3, 3))]


def test_nobody_waits_for_a_snapshot_once_it_is_over() -> None:
    halt = threading.Event()
    halt.set()
    with pytest.raises(HaltedError):
        Handoff[str](halt).ask()
