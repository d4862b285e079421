"""The judge of the chaos suite is judged: each broken promise is named, and what a kill excuses is not."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from consumer_journal import Entry, Plugin
from consumer_lives import GAVE_UP, KILLED, LOST, Kill, Lives, Place
from consumer_verdict import Record, Story, disorder, lost_events, repeats, tell, unacknowledged

PLUGIN = Plugin("one", "", attempts=2)
GROUP = "anim.one"
RECORDS = {number: Record(0, number * 2, f"Task:{number % 2}") for number in range(1, 5)}
FIRST, SECOND = 11, 22
SECOND_AT = 1_000_000_000


def log(at: int, said: str) -> str:
    return (
        f"1970-01-01T00:00:{at:02}.000Z INFO     shotgun_consumer.partitions.session: Group {GROUP}: {said}"
    )


def lives_of(*members: tuple[int, Sequence[str], int | None]) -> Lives:
    lives = Lives()
    for pid, lines, killed_at in members:
        lives.read(pid, "\n".join(lines), None if killed_at is None else killed_at * SECOND_AT)
    return lives


def told(lives: Lives, *lines: str, kills: Sequence[Kill] = (), plugin: Plugin = PLUGIN) -> Story:
    """`lines` are `<second> <B|E|F> <event> <pid> [<attempt>]`."""
    entries = []
    for line in lines:
        at, what, event, pid, *attempt = line.split()
        entries.append(Entry(what, int(event), int((attempt or ["1"])[0]), int(pid), int(at) * SECOND_AT, 1))
    return tell(plugin, GROUP, entries, RECORDS, lives, kills)


ASSIGNED = log(1, "assigned events[0] from offset 0")
ALONE = (FIRST, [ASSIGNED], None)
KILL = Kill(FIRST, 5 * SECOND_AT, {GROUP: {0: Place(2)}})
AFTER_A_KILL = (
    (FIRST, [ASSIGNED], 5),
    (SECOND, [log(7, "assigned events[0] from offset 2")], None),
)


def test_a_plain_journal_is_free_of_blame() -> None:
    lives = lives_of(ALONE)
    lines = [f"{2 * n} {what} {n} 11" for n in range(1, 5) for what in "BE"]
    story = told(lives, *lines)
    assert lost_events(story, RECORDS) == []
    assert disorder(story, lives, []) == []
    assert repeats(story, lives, [], 1) == []


def test_an_event_that_never_ended_and_one_that_was_never_committed_are_named() -> None:
    story = told(lives_of(ALONE), "2 B 1 11", "3 E 1 11", "4 B 9 11", "4 B 2 11")
    missing, unknown = lost_events(story, RECORDS)
    assert missing.endswith("3 events never ended: 2, 3, 4")
    assert unknown.endswith("never committed: 9")


@pytest.mark.parametrize(
    "lines",
    [
        ["2 B 2 11", "3 E 2 11", "4 B 1 11", "5 E 1 11"],
        ["2 B 1 11", "2 F 1 11", "3 B 2 11", "3 E 2 11", "4 B 1 11 2", "5 E 1 11 2"],
    ],
    ids=["begun in the wrong order", "overtaken while it waits for another try"],
)
def test_an_event_that_overtakes_is_named(lines: list[str]) -> None:
    lives = lives_of(ALONE)
    assert "began before an earlier one had ended: event 2" in disorder(told(lives, *lines), lives, [])[0]


def test_entities_may_run_side_by_side_where_order_is_theirs_and_each_alone_in_its_lane() -> None:
    lives, plugin = lives_of(ALONE), Plugin("one", "", concurrency=2)
    assert disorder(told(lives, "2 B 1 11", "2 B 2 11", plugin=plugin), lives, []) == []
    early, overlap = disorder(told(lives, "2 B 1 11", "2 B 3 11", plugin=plugin), lives, [])
    assert "event 3" in early
    assert "side by side in one lane: event 1" in overlap


def test_what_was_running_at_a_kill_may_be_repeated_and_what_was_acknowledged_may_not() -> None:
    lives = lives_of(*AFTER_A_KILL)
    lines = ["2 B 1 11", "3 E 1 11", "4 B 2 11", "8 B 2 22", "8 E 2 22"]
    assert repeats(told(lives, *lines, kills=[KILL]), lives, [KILL], 1) == []
    assert disorder(told(lives, *lines, kills=[KILL]), lives, []) == []
    acknowledged = Kill(FIRST, KILL.at, {GROUP: {0: Place(4, 4)}})
    story = told(lives, *[*lines[:3], "8 B 1 22"], kills=[acknowledged])
    assert "repeated although it was acknowledged: event 1" in repeats(story, lives, [acknowledged], 9)[0]


def test_more_repeats_than_the_bound_are_named_and_so_is_what_might_have_been_repeated() -> None:
    lives = lives_of(*AFTER_A_KILL)
    lines = ["2 B 1 11", "2 E 1 11", "3 B 2 11", "3 E 2 11", "8 B 1 22", "8 E 1 22", "9 B 2 22"]
    story = told(lives, *lines, kills=[KILL])
    assert repeats(story, lives, [KILL], 2) == []
    assert "2 repeats after the end of 11, more than 1" in repeats(story, lives, [KILL], 1)[0]
    assert unacknowledged(story, [KILL], 2) == []
    assert "2 not acknowledged when 11 was killed" in unacknowledged(story, [KILL], 1)[0]


def test_a_repeat_after_an_orderly_end_is_named_but_for_an_event_that_waited_for_another_try() -> None:
    lives = lives_of(
        (FIRST, [ASSIGNED, log(5, "gave up events[0]")], None),
        (SECOND, [log(5, "assigned events[0] from offset 0")], None),
    )
    story = told(lives, "2 B 1 11", "3 E 1 11", "8 B 1 22")
    assert "repeated without a reason: event 1" in repeats(story, lives, [], 9)[0]
    waiting = told(lives, "2 B 1 11", "3 F 1 11", "8 B 1 22")
    assert repeats(waiting, lives, [], 9) == disorder(waiting, lives, []) == []


@pytest.mark.parametrize(
    "told_so",
    [
        [log(9, "lost events[0]; what was not committed is repeated")],
        [
            log(
                9, "Kafka did not take its position in events[0]: Unknown member (UNKNOWN_MEMBER_ID). What …"
            ),
            log(9, "gave up events[0]"),
        ],
    ],
)
def test_a_member_that_lost_its_partition_may_run_on_until_it_knows(told_so: list[str]) -> None:
    # Given a member that slept from 3 to 9, and another one that took over at 7
    slept = (FIRST, [ASSIGNED, *told_so], None)
    lines = ["2 B 1 11", "8 B 1 22", "8 E 1 22", "9 E 1 11", "9 B 2 11", "9 B 2 22"]
    lives = lives_of(slept, (SECOND, [log(7, "assigned events[0] from offset 0")], None))
    story = told(lives, *lines)
    assert disorder(story, lives, []) == []
    assert repeats(story, lives, [], 2) == []
    # But one that was not lost may not
    lives = lives_of(ALONE, (SECOND, [log(7, "assigned events[0] from offset 0")], None))
    story = told(lives, *lines)
    assert "side by side" in disorder(story, lives, [])[0]
    assert "without a reason" in repeats(story, lives, [], 2)[0]


def test_lives_are_read_from_logs() -> None:
    lines = [
        ASSIGNED,
        log(2, "assigned events[3] from offset 7, events[4] from offset 0"),
        log(3, "gave up events[3]"),
        log(4, "lost events[4]; what was not committed is repeated"),
    ]
    lives = lives_of((FIRST, lines, 9))
    ends = {key[2]: (life.how, life.clean) for key, (life,) in lives.by_member.items()}
    assert ends == {0: (KILLED, False), 3: (GAVE_UP, True), 4: (LOST, False)}
    assert lives.by_member[FIRST, GROUP, 3][0].offset == 7


def test_a_position_that_was_refused_makes_the_end_unclean() -> None:
    refused = log(2, "Kafka did not take its position in events[0]: not available. What ran since …")
    lives = lives_of((FIRST, [ASSIGNED, refused, log(3, "gave up events[0]")], None))
    assert not lives.by_member[FIRST, GROUP, 0][0].clean
