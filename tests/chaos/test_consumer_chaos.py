"""Whatever is done to the members: each plugin sees each event, in order, and hardly one twice.

Three members, four plugins, six partitions: one plugin in order, one with four slow workers, one that fails at random,
and one that is `async`. The stream is written in small transactions, a fifth of them aborted.

The seed is printed; `CHAOS_SEED` replays its faults. Each kind of fault comes once, in about a minute and a half;
`CHAOS_MINUTES` makes it go on for so long (`make chaos`), `CHAOS_FAULTS="broker kill"` lets only such come.
"""

from __future__ import annotations

import os
import random
import re
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest
from consumer_faults import DISTURBANCES, draw_rounds
from consumer_fleet import MAX_UNCOMMITTED, Auditor, Fleet
from consumer_journal import FAIL, is_last
from consumer_lives import Lives
from consumer_stream import PARTITIONS, Publisher
from consumer_verdict import Story, disorder, lost_events, repeats, tell, unacknowledged
from support import Kafka, Process

from shotgun_sandbox.broker import Broker
from shotgun_schemas.dead_letter import parse_letter
from shotgun_schemas.topics import dead_letter_topic

MINUTES = float(os.environ.get("CHAOS_MINUTES") or 0)
FAULTS = os.environ.get("CHAOS_FAULTS", "").split() or DISTURBANCES
BURST = 3_000
BACKLOG = 1_200
ALARMS = re.compile(r"poison| CRITICAL ", re.IGNORECASE)
"""What would tell an operator that an event is to blame for the kills."""
SUSPICIONS = re.compile(r"times in a row without progress")
KILLS_FOR_A_SUSPICION = 10
"""Two kills of an owner in a row, before any event of a partition has returned, are rare; then one is run alone."""

pytestmark = pytest.mark.kafka


@pytest.fixture
def seed() -> int:
    seed = int(os.environ.get("CHAOS_SEED") or random.SystemRandom().randrange(10**6))
    print(f"replay with CHAOS_SEED={seed}")  # noqa: T201
    return seed


@pytest.mark.timeout(900 + MINUTES * 120)
def test_chaos_leaves_no_event_out_keeps_the_order_and_repeats_only_what_was_under_way(
    spawn: Callable[..., Process], tmp_path: Path, own_broker: Callable[..., Broker], seed: int
) -> None:
    # Given three members with a backlog, and faults that only the seed decides
    rounds = draw_rounds(random.Random(seed), FAULTS)
    broker = own_broker(data=tmp_path / "broker")
    kafka = Kafka(broker)
    publisher = Publisher(kafka, random.Random(seed + 1), BACKLOG)
    publisher.burst(BURST)
    fleet = Fleet(tmp_path, publisher, spawn, broker, seed)
    fleet.wait_for_flow("at the start")
    publisher.start(fleet.journals)
    auditor = Auditor(fleet, publisher, random.Random(seed + 2))

    # When everything goes wrong, one thing after the other and some together
    until = time.monotonic() + MINUTES * 60
    for number, one in enumerate(islice(rounds, None if MINUTES else len(FAULTS)), 1):
        print(f"{number:3}. {one}", flush=True)  # noqa: T201
        fleet.wait_for_more(one.events, f"before round {number}")
        fleet.run(one)
        fleet.wait_for_flow(f"after round {number}: {one}")
        if MINUTES and time.monotonic() > until:
            break

    # And everything that was published has come to its end, behind the last transaction marker too
    publisher.stop()
    fleet.wait_for_all()
    auditor.stop()
    # Not with the client from before the restarts: it may ask for ever with an old epoch of a partition's leader.
    kafka = publisher.stream.kafka = Kafka(broker)
    publisher.stream.wait_for_no_lag(*fleet.groups)
    assert fleet.end() == [0, 0, 0]

    # Then every promise was kept, for every plugin
    stories, wrong = judge(fleet, publisher)
    wrong += auditor.wrong
    figures = f"{publisher.published} events, {len(fleet.kills)} kills, {len(fleet.started)} starts"
    looks = f"{auditor.looks} looks at positions, {auditor.marks} with something ended ahead"
    print(figures, looks, *(story.count() for story in stories), sep="\n")  # noqa: T201
    assert wrong == [], "\n".join([f"CHAOS_SEED={seed}", *wrong, fleet.describe()])
    assert auditor.looks > 0
    assert letters(kafka, fleet) == given_up(fleet)
    lines = [line for _, log in fleet.logs() for line in log.splitlines()]
    assert [line for line in lines if ALARMS.search(line)] == []
    suspicions = [line for line in lines if SUSPICIONS.search(line)]
    assert len(suspicions) <= len(fleet.kills) // KILLS_FOR_A_SUSPICION, suspicions


def judge(fleet: Fleet, publisher: Publisher) -> tuple[list[Story], list[str]]:
    """What each plugin went through, and all that is wrong with it."""
    records = publisher.records()
    lives = Lives()
    killed = {kill.pid: kill.at for kill in fleet.kills}
    for pid, log in fleet.logs():
        lives.read(pid, log, killed.get(pid))
    stories, wrong = [], []
    for group, journal in zip(fleet.groups, fleet.journals, strict=True):
        story = tell(journal.plugin, group, journal.entries(), records, lives, fleet.kills)
        stories.append(story)
        wrong += lost_events(story, records)
        wrong += disorder(story, lives, fleet.troubled)
        wrong += repeats(story, lives, fleet.kills, MAX_UNCOMMITTED)
        wrong += unacknowledged(story, fleet.kills, MAX_UNCOMMITTED)
        assert {key[2] for key in lives.by_member if key[1] == group} == set(range(PARTITIONS)), (
            "no log was read"
        )
    return stories, wrong


def letters(kafka: Kafka, fleet: Fleet) -> set[int]:
    """The events that were put aside. Only the plugin that fails has any, for what it raised itself."""
    team, events = fleet.team, set()
    for message in kafka.read(dead_letter_topic(team.stream.dead_letter_topic, team.name)):
        letter = parse_letter(message.value(), message.headers() or [], 0.0)  # type: ignore[arg-type]
        assert letter.plugin == "failing", letter
        assert letter.exception_message.endswith("does not please"), letter
        events.add(int(letter.event))
    return events


def given_up(fleet: Fleet) -> set[int]:
    """The events whose last try has failed."""
    return {
        entry.event
        for journal in fleet.journals
        for entry in journal.entries()
        if entry.what == FAIL and is_last(entry, journal.plugin)
    }
