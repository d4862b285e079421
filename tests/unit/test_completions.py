"""Results on their way back to the owner: it is woken for them, and never waits longer than it wanted to."""

from __future__ import annotations

import threading
import time

import pytest
from support import wait_until

import shotgun_consumer.running.completions as completions_module
from shotgun_consumer.running.completions import GIVE_WAY_SECONDS, Completions
from shotgun_consumer.running.delivery import Delivery, Outcome, Result

RESULT = Result(Delivery(0, 0, 1, b"1", b"", {}, 0.0), Outcome.SUCCEEDED)


def test_the_owner_is_woken_by_a_result_and_gets_it() -> None:
    completions = Completions()
    taken: list[Result] = []
    owner = threading.Thread(target=lambda: taken.extend(completions.take(60)), daemon=True)
    owner.start()
    completions.put(RESULT)
    owner.join(30)
    assert taken == [RESULT]


def test_results_that_were_put_without_waking_come_with_the_next_look() -> None:
    completions = Completions()
    for _ in range(10):
        completions.put(RESULT)
    assert len(completions.take(0)) == 10
    assert completions.take(0) == []


def test_an_owner_that_waits_very_short_always_comes_back() -> None:
    # queue.SimpleQueue.get() of CPython 3.11 waits for ever when its time is over before it has begun to wait.
    completions = Completions()

    def look_often() -> None:
        for _ in range(20_000):
            completions.put(RESULT)
            completions.flush()
            completions.take(1e-6)
            completions.take(1e-6)

    owner = threading.Thread(target=look_often, daemon=True)
    owner.start()
    owner.join(60)
    assert not owner.is_alive()


def test_the_owner_is_woken_once_as_many_results_are_there_as_are_worth_it() -> None:
    completions = Completions(many=3)
    assert completions.put(RESULT)  # nobody was woken for long
    assert [completions.put(RESULT) for _ in range(2)] == [False, True]


def test_whoever_gives_way_goes_on_as_soon_as_the_owner_looks_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(completions_module, "GIVE_WAY_SECONDS", 600.0)
    completions = Completions()
    worker = threading.Thread(target=completions.give_way, daemon=True)
    worker.start()
    wait_until(lambda: completions.take(0) or not worker.is_alive())


def test_an_owner_that_does_not_come_holds_nobody_up_twice() -> None:
    completions = Completions()
    completions.give_way()  # for its time, in vain
    started = time.monotonic()
    for _ in range(1_000):
        completions.give_way()
    assert time.monotonic() - started < 1_000 * GIVE_WAY_SECONDS / 2
