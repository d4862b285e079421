"""What operators order about a group, the flood guard, and callbacks that are stuck."""

from __future__ import annotations

from typing import Any

import pytest
from failing_plugin import GROUP, ROW, Board, Plugin
from hypothesis import given
from hypothesis import strategies as st

from shotgun_consumer.orders.orders import GroupOrders, Replay, records_of
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_consumer.running.flood_guard import FloodGuard
from shotgun_consumer.running.history import only
from shotgun_schemas import control, headers
from shotgun_schemas.codec import encode, encode_without_meta
from shotgun_schemas.event import Event


def broken(reg: Any) -> None:
    def fail(sg: Any, logger: Any, event: Any, args: Any) -> None:
        raise ValueError("no")

    reg.registerCallback(None, None, fail)


def test_a_paused_group_runs_nothing_and_loses_no_try_by_it() -> None:
    calls: list[int] = []
    plugin = Plugin(
        lambda reg: reg.registerCallback(None, None, lambda sg, log, event, args: calls.append(1))
    )
    plugin.board.offer(control.pause_key(GROUP), "the farm is down", {})
    result = plugin.run()
    for _ in range(5):
        result = plugin.again(result)
    assert (result.outcome, calls) == (None, [])
    assert result.retry_after is not None
    assert "paused by somebody on host" in result.reason
    assert "the farm is down" in result.reason
    assert f"shotgun-consumer resume {GROUP}" in result.reason
    plugin.board.take_back(control.pause_key(GROUP))
    assert plugin.again(result).outcome is Outcome.SUCCEEDED


def test_what_a_pause_keeps_from_running_is_no_try() -> None:
    plugin = Plugin(broken, options={"*": {"max_attempts": 2}})
    plugin.board.offer(control.pause_key(GROUP), "", {})
    result = plugin.run()
    for _ in range(5):
        result = plugin.again(result)
    plugin.board.take_back(control.pause_key(GROUP))
    result = plugin.again(result)
    assert (result.outcome, plugin.failures("fail")) == (None, 1)
    assert result.retry_after is not None
    assert plugin.again(result).retry_after is None


def test_the_pause_of_another_group_is_none_of_this_one() -> None:
    plugin = Plugin(lambda reg: reg.registerCallback(None, None, print))
    plugin.board.offer(control.pause_key(f"{GROUP}.more"), "", {})
    assert plugin.run().outcome is Outcome.SUCCEEDED


def test_an_event_that_stops_its_group_is_told_of_and_passed_over_when_ordered(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugin = Plugin(broken)
    result = plugin.run()
    assert (result.outcome, result.retry_after) == (None, None)
    stop = plugin.orders.stops[0]
    assert (stop.fields["offset"], stop.fields["event_id"]) == (55, 101)
    assert "ValueError: no" in stop.reason
    stay = plugin.orders.release
    plugin.board.offer(control.skip_key(GROUP, 0, 55), "a test asset", {})
    assert plugin.orders.release != stay
    assert plugin.run().outcome is Outcome.SKIPPED
    assert "passed over, as somebody on host ordered" in caplog.text


def test_a_resume_lets_the_members_try_again_once() -> None:
    board = Board()
    orders = GroupOrders(GROUP, board)
    before = orders.release
    board.offer(control.resume_key(GROUP), "", {})
    after = orders.release
    assert after != before
    assert orders.release == after
    board.offer(control.resume_key(GROUP), "", {})
    assert orders.release != after


def test_records_of_another_form_are_left_out() -> None:
    board = Board()
    for key in ("skip/anim.notify/x/1", "skip/anim.notify/1", "stop/anim.notify/x", "skip/anim.notify/0/7"):
        board.offer(key, "", {})
    mine = records_of(GROUP, board.records)
    assert (list(mine.skips), list(mine.stops)) == ([(0, 7)], [])


def test_when_everything_fails_the_group_is_paused_and_says_how_to_go_on(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugin = Plugin(
        broken, options={"*": {"on_failure": "dead_letter"}}, guard=FloodGuard(window=10, share=0.9, floor=5)
    )
    outcomes = [plugin.run({**ROW, "id": number}).outcome for number in range(1, 8)]
    assert outcomes == [Outcome.DEAD_LETTERED] * 4 + [None] * 3
    assert len(plugin.letters.kept) == 4
    record = plugin.board.records[control.pause_key(GROUP)]
    assert "5 of the last 5 calls have failed for good; the last was ValueError: no" in record.reason
    assert f"shotgun-consumer resume {GROUP}" in caplog.text
    # When somebody resumes it and nothing is mended, as many must fail again
    plugin.board.take_back(control.pause_key(GROUP))
    assert plugin.run().outcome is Outcome.DEAD_LETTERED


def test_a_letter_that_was_not_written_does_not_count_as_a_flood() -> None:
    plugin = Plugin(broken, options={"*": {"on_failure": "dead_letter"}}, guard=FloodGuard(10, 0.9, 5))
    plugin.letters.refuse = True
    for _ in range(50):
        assert plugin.run().retry_after is not None
    assert plugin.orders.paused is None


@given(calls=st.lists(st.booleans(), max_size=300), window=st.integers(1, 60), data=st.data())
def test_the_flood_guard_trips_exactly_when_so_many_of_the_last_calls_were_put_aside(
    calls: list[bool], window: int, data: st.DataObject
) -> None:
    floor = data.draw(st.integers(1, window))
    share = data.draw(st.sampled_from([0.5, 0.9, 1.0]))
    guard = FloodGuard(window, share, floor)
    known: list[bool] = []
    for aside in calls:
        known = [*known, aside][-window:]
        if not aside:
            guard.succeeded()
            continue
        trips = len(known) >= floor and sum(known) >= share * len(known)
        assert (guard.put_aside() is not None) is trips
        if trips:
            known = []


def stuck_plugin(now: list[float], **options: Any) -> Plugin:
    """A plugin whose callback takes as long as the clock says."""

    def slow(sg: Any, logger: Any, event: Any, args: Any) -> None:
        plugin.now += now[0]
        looks.append((plugin.watch.look(), plugin.watch.stuck().get(GROUP, 0)))
        looks.append((plugin.watch.look(), plugin.watch.stuck().get(GROUP, 0)))

    looks: list[Any] = []
    plugin = Plugin(lambda reg: reg.registerCallback(None, None, slow), options={"*": options})
    plugin.looks = looks  # type: ignore[attr-defined]
    return plugin


def test_a_stuck_callback_is_told_of_once_and_its_event_ends_when_it_returns(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugin = stuck_plugin([61.0], timeout="1m")
    assert plugin.run().outcome is Outcome.SUCCEEDED
    assert plugin.looks == [([], 1), ([], 1)]  # type: ignore[attr-defined]
    alarms = [record for record in caplog.records if record.levelname == "ERROR"]
    assert [record.name for record in alarms] == ["plugin.notify.slow"]
    assert "has run for more than 1m" in alarms[0].getMessage()
    assert "event 101 at shotgun.events[0]@55" in alarms[0].getMessage()
    assert "has ended, after 1m1s" in caplog.text
    assert plugin.watch.stuck().get(GROUP, 0) == 0


def test_a_callback_within_its_time_is_not_told_of(caplog: pytest.LogCaptureFixture) -> None:
    plugin = stuck_plugin([60.0], timeout="1m", on_timeout="restart_process")
    plugin.run()
    assert plugin.looks == [([], 0), ([], 0)]  # type: ignore[attr-defined]
    assert not caplog.records


def test_a_stuck_callback_may_end_the_process() -> None:
    plugin = stuck_plugin([61.0], timeout="1m", on_timeout="restart_process")
    plugin.run()
    (first, _), (second, _) = plugin.looks  # type: ignore[attr-defined]
    assert [str(call) for call in first] == [
        "callback 'slow' of group 'anim.notify' on event 101 at shotgun.events[0]@55"
    ]
    assert second == []


LETTER = f"{GROUP}|fail|101"


def replayed(plugin: Plugin, *callbacks: str) -> Result:
    """Run the event as the owner does that was asked for it again."""
    ended = only(callbacks)
    return plugin.runner.run(
        Delivery(0, 55, 1, b"101", encode(Event(ROW)), {}, 0.0, ended=ended, replayed=True)
    )


def test_a_replay_calls_the_one_callback_and_takes_its_letter_and_order_back() -> None:
    calls: list[str] = []

    def note(name: str) -> Any:
        def call(context: Any) -> None:
            calls.append(f"{name} {context.replayed}")

        call.__name__ = name
        return call

    def register(reg: Any) -> None:
        reg.registerCallback(None, None, note("other"))
        reg.registerCallback(None, None, note("fail"))

    plugin = Plugin(register)
    plugin.board.offer(control.replay_key(GROUP, 0, 55, "fail"), "mended", {"letter": LETTER})
    assert plugin.orders.replays([0]) == [Replay(0, 55, frozenset({"fail"}))]
    assert plugin.orders.replays([1]) == []
    assert replayed(plugin, "fail").outcome is Outcome.SUCCEEDED
    assert calls == ["fail True"]
    assert plugin.letters.taken_back == [LETTER]
    assert plugin.orders.replays([0]) == []
    # And all of them, when no callback is named
    plugin.board.offer(control.replay_key(GROUP, 0, 55, "*"), "", {})
    assert plugin.orders.replays([0]) == [Replay(0, 55, frozenset())]
    assert replayed(plugin).outcome is Outcome.SUCCEEDED
    assert calls == ["fail True", "other True", "fail True"]
    assert plugin.orders.replays([0]) == []


def test_a_replay_that_fails_again_is_a_dead_letter_again_and_stops_nothing() -> None:
    plugin = Plugin(broken, options={"*": {"max_attempts": 2}})
    plugin.board.offer(control.replay_key(GROUP, 0, 55, "fail"), "", {"letter": LETTER})
    first = replayed(plugin, "fail")
    assert first.retry_after is not None
    assert plugin.again(first).outcome is Outcome.DEAD_LETTERED
    assert len(plugin.letters.kept) == 1
    assert plugin.letters.taken_back == []
    assert plugin.orders.replays([0]) == []
    assert not plugin.orders.stops


def test_a_letter_that_cannot_be_taken_back_is_said_and_holds_nothing_up(
    caplog: pytest.LogCaptureFixture,
) -> None:
    plugin = Plugin(lambda reg: reg.registerCallback(None, None, lambda context: None))
    plugin.board.offer(control.replay_key(GROUP, 0, 55, "<lambda>"), "", {"letter": LETTER})
    plugin.letters.refuse = True
    assert replayed(plugin, "<lambda>").outcome is Outcome.SUCCEEDED
    assert "it stays in the list of dead letters although it was replayed" in caplog.text


def test_a_replay_that_cannot_be_read_ends_and_stops_nothing(caplog: pytest.LogCaptureFixture) -> None:
    plugin = Plugin(broken)
    plugin.board.offer(control.replay_key(GROUP, 0, 55, "*"), "", {})
    result = plugin.runner.run(Delivery(0, 55, 1, b"101", b"rubbish", {}, 0.0, replayed=True))
    assert result.outcome is Outcome.SKIPPED
    assert "it is not replayed" in caplog.text
    assert (plugin.orders.replays([0]), dict(plugin.orders.stops)) == ([], {})


def test_a_process_that_ends_while_an_event_waits_for_the_site_tells_of_no_stop() -> None:
    def find(event_id: int) -> Any:
        raise OSError("down")

    plugin = Plugin(broken, find=find)
    plugin.stopping.set()
    value = encode_without_meta(Event(ROW))
    assert plugin.run(value=value, **{headers.META_BYTES: b"9000000"}).outcome is None
    assert not plugin.orders.stops
