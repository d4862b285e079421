"""Hundreds of events in one event loop: what is promised to async callbacks, and to whoever hands the events over."""

from __future__ import annotations

import asyncio
import contextvars
import logging
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from failing_plugin import ROW, Plugin
from support import PATIENCE, wait_until

from shotgun_consumer import Context
from shotgun_consumer.running import plugin_loop
from shotgun_consumer.running.async_worker import AsyncWorker
from shotgun_consumer.running.completions import Completions
from shotgun_consumer.running.delivery import Delivery, Outcome, Result
from shotgun_consumer.running.succession import Succession, Version
from shotgun_consumer.running.worker import Worker
from shotgun_schemas import headers
from shotgun_schemas.codec import FINGERPRINT, encode
from shotgun_schemas.event import Event

PLUGIN_LOG = logging.getLogger("plugin.notify")


def delivery(number: int, **fields: Any) -> Delivery:
    """An event whose id is its offset."""
    row = {**ROW, "id": number, **fields}
    known = {headers.SCHEMA: FINGERPRINT.encode()}
    return Delivery(0, number, 1, str(number).encode(), encode(Event(row)), known, 0.0)


class Running:
    """A plugin of these callbacks in an event loop, and what it hands back."""

    def __init__(self, *callbacks: Callable[..., Any], at_once: int = 1_000, **around: Any) -> None:
        def register(reg: Any) -> None:
            for callback in callbacks:
                reg.registerCallback(None, None, callback)

        self.plugin = Plugin(register, threads=4, **around)
        self.completions = Completions()
        self.worker = AsyncWorker("loop", self.plugin.runner.steps, at_once, PLUGIN_LOG, self.plugin.close)

    def hand_over(self, *numbers: int) -> None:
        self.worker.hand_over([delivery(number) for number in numbers], self.completions)

    def results(self, count: int) -> list[Result]:
        """The next results, in the order in which the owner gets them."""
        found: list[Result] = []
        wait_until(lambda: found.extend(self.completions.take(0.1)) or len(found) >= count)
        assert len(found) == count
        return found


@contextmanager
def running(*callbacks: Callable[..., Any], at_once: int = 1_000, **around: Any) -> Iterator[Running]:
    one = Running(*callbacks, at_once=at_once, **around)
    try:
        yield one
    finally:
        one.worker.end()


def numbers(events: list[Delivery]) -> list[int]:
    return [one.offset for one in events]


def loops() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "loop"]


def test_all_events_that_are_handed_over_run_at_once_in_one_loop() -> None:
    seen: set[int] = set()
    threads: set[threading.Thread] = set()
    all_here = asyncio.Event()

    async def wait_for_the_others(context: Context) -> None:
        seen.add(context.event["id"])
        threads.add(threading.current_thread())
        if len(seen) == 1_000:
            all_here.set()
        await all_here.wait()

    with running(wait_for_the_others) as one:
        one.hand_over(*range(500))
        one.hand_over(*range(500, 1_000))
        assert {result.outcome for result in one.results(1_000)} == {Outcome.SUCCEEDED}
        assert len(threads) == 1
        assert one.worker.running == []


def test_results_come_as_events_end_and_no_more_run_than_may() -> None:
    most = 0
    running_now: set[int] = set()
    gates = [asyncio.Event() for _ in range(4)]

    async def call(context: Context) -> None:
        nonlocal most
        number = context.event["id"]
        running_now.add(number)
        most = max(most, len(running_now))
        if number == 2:
            gates[0].set()
        await gates[number].wait()
        if number == 2:
            gates[3].set()
        if number == 3:
            gates[1].set()
            gates[2].set()
        running_now.discard(number)

    # Given room for two, of which the second waits for the fourth
    with running(call, at_once=2) as one:
        gates[2].set()
        gates[0].set()
        one.hand_over(0, 1, 2, 3)
        # Then the third and the fourth overtake it
        assert [result.delivery.offset for result in one.results(4)] == [0, 2, 3, 1]
        assert most == 2


def test_with_one_at_a_time_a_failure_stops_what_is_behind_it_in_its_partition() -> None:
    started: list[int] = []

    async def call(context: Context) -> None:
        started.append(context.event["id"])
        await asyncio.sleep(0)
        if started == [1, 2]:
            raise LookupError("no such shot")

    with running(call, at_once=1) as one:
        one.hand_over(1, 2, 3, 4)
        first, failed = one.results(2)
        assert (first.outcome, failed.outcome) == (Outcome.SUCCEEDED, None)
        assert numbers(list(failed.withheld)) == [3, 4]
        one.hand_over(2, 5)
        one.results(2)
        assert started == [1, 2, 2, 5]


def test_what_has_not_started_can_be_withdrawn_and_what_runs_is_named() -> None:
    entered: queue.SimpleQueue[int] = queue.SimpleQueue()
    leave = asyncio.Event()

    async def call(context: Context) -> None:
        entered.put(context.event["id"])
        if context.event["id"] == 9:
            leave.set()
        await leave.wait()

    with running(call, at_once=2) as one:
        one.hand_over(1, 2, 3, 4)
        assert {entered.get(timeout=PATIENCE) for _ in range(2)} == {1, 2}
        assert one.worker.withdraw([7]) == []
        assert numbers(one.worker.withdraw([0])) == [3, 4]
        assert numbers(one.worker.running) == [1, 2]
        # A worker that is closed ends what runs, and starts nothing more.
        one.worker.close()
        one.hand_over(9)
        assert not one.worker.join(0.05)
    assert entered.empty()


def test_an_end_cancels_what_runs_without_a_result_and_gives_the_loop_back() -> None:
    told: list[str] = []
    entered: queue.SimpleQueue[int] = queue.SimpleQueue()

    async def beat() -> None:
        try:
            await asyncio.sleep(3_600)
        finally:
            told.append("the background task was cancelled")

    async def call(context: Context) -> None:
        if context.event["id"] == 1:
            call.background = asyncio.create_task(beat())  # type: ignore[attr-defined]
            await asyncio.sleep(0)
        entered.put(1)
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            told.append("an event was cancelled")
            raise

    one = Running(call, options={"notify": {"on_failure": "dead_letter"}})
    one.hand_over(1, 2)
    for _ in range(2):
        entered.get(timeout=PATIENCE)
    one.worker.end()
    assert sorted(told) == ["an event was cancelled"] * 2 + ["the background task was cancelled"]
    # Being cancelled is no failure: the events are unfinished, and run again elsewhere.
    assert (one.completions.take(0), one.plugin.letters.kept, one.plugin.failures("call")) == ([], [], 0)
    assert (loops(), one.worker.running, one.worker.join(0)) == ([], [], True)


def test_a_callback_that_goes_on_although_it_was_cancelled_is_given_up(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(plugin_loop, "CANCEL_SECONDS", 0.2)
    entered = threading.Event()

    async def stubborn(context: Context) -> None:
        while True:
            entered.set()
            try:
                await asyncio.sleep(3_600)
            except asyncio.CancelledError:
                context.logger.info("never")

    one = Running(stubborn)
    one.hand_over(1)
    assert entered.wait(PATIENCE)
    one.worker.end()
    assert "goes on, so it is given up" in caplog.text
    assert one.completions.take(0) == []
    wait_until(lambda: not loops())


def test_a_callback_that_blocks_the_loop_does_not_keep_the_group_from_ending(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(plugin_loop, "CANCEL_SECONDS", 0.2)
    entered, leave = threading.Event(), threading.Event()

    async def blocking(context: Context) -> None:
        entered.set()
        leave.wait()

    one = Running(blocking)
    one.hand_over(1)
    assert entered.wait(PATIENCE)
    one.worker.end()
    assert "is blocked by a callback or a background task" in caplog.text
    leave.set()
    wait_until(lambda: not loops())


def test_a_callback_that_takes_too_long_is_cancelled_and_what_follows_is_not() -> None:
    told: list[Any] = []

    async def slow(context: Context) -> None:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            await asyncio.sleep(0)
            told.append("cleaned up")
            raise

    async def swallows(context: Context) -> None:
        try:
            await asyncio.sleep(3_600)
        except asyncio.CancelledError:
            told.append("went on")

    async def later(context: Context) -> None:
        await asyncio.sleep(0)
        task = asyncio.current_task()
        assert task is not None
        told.append(task.cancelling() if hasattr(task, "cancelling") else 0)

    options = {"notify/s*": {"timeout": 0.01, "on_failure": "skip"}}
    with running(slow, swallows, later, options=options) as one:
        one.hand_over(1)
        (result,) = one.results(1)
        assert result.outcome is Outcome.SKIPPED
        assert told == ["cleaned up", "went on", 0]
        # The first one has failed. The second has ended well, in its own way.
        assert (one.plugin.failures("slow"), one.plugin.failures("swallows")) == (1, 0)


def test_what_goes_on_although_it_was_cancelled_counts_as_stuck_and_a_crowd_is_told_of_in_one_line(
    caplog: pytest.LogCaptureFixture,
) -> None:
    leave = asyncio.Event()
    cancelled: queue.SimpleQueue[int] = queue.SimpleQueue()

    async def stubborn(context: Context) -> None:
        if context.event["id"] == 99:
            leave.set()
        while not leave.is_set():
            try:
                await leave.wait()
            except asyncio.CancelledError:  # noqa: PERF203
                cancelled.put(context.event["id"])

    with running(stubborn, options={"notify": {"timeout": 0.01}}) as one:
        one.hand_over(*range(20))
        assert {cancelled.get(timeout=PATIENCE) for _ in range(20)} == set(range(20))
        one.plugin.now = 4.0
        assert (one.plugin.watch.look(), one.plugin.watch.stuck().get("anim.notify", 0)) == ([], 0)
        one.plugin.now = 6.0
        assert (one.plugin.watch.look(), one.plugin.watch.stuck().get("anim.notify", 0)) == ([], 20)
        told = [record.getMessage() for record in caplog.records]
        assert len(told) == 6
        assert "it goes on although it was cancelled, or something blocks the plugin's event loop" in told[0]
        assert told[5].startswith("15 more calls of callback 'stubborn'")
        one.hand_over(99)
        assert {result.outcome for result in one.results(21)} == {Outcome.SUCCEEDED}
        assert one.plugin.watch.stuck().get("anim.notify", 0) == 0


def test_one_that_fails_is_run_again_while_the_others_go_on() -> None:
    async def call(context: Context) -> None:
        await asyncio.sleep(0)
        if context.event["id"] == 3 and context.attempt < 3:
            raise ConnectionError("away")

    with running(call, options={"notify": {"max_attempts": 3, "retry_backoff": "10s"}}) as one:
        one.hand_over(*range(10))
        results = {result.delivery.offset: result for result in one.results(10)}
        failed = results.pop(3)
        assert {result.outcome for result in results.values()} == {Outcome.SUCCEEDED}
        assert failed.outcome is None
        assert failed.retry_after is not None


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), asyncio.CancelledError()])
def test_whatever_a_callback_raises_is_its_failure_alone(error: BaseException) -> None:
    async def call(context: Context) -> None:
        await asyncio.sleep(0)
        if context.event["id"] == 1:
            raise error

    with running(call, options={"notify": {"on_failure": "dead_letter"}}) as one:
        one.hand_over(1, 2)
        outcomes = {result.delivery.offset: result.outcome for result in one.results(2)}
        assert outcomes == {1: Outcome.DEAD_LETTERED, 2: Outcome.SUCCEEDED}
        # And the traceback that people see begins in the plugin.
        ((failed, stack),) = one.plugin.letters.kept
        assert failed.error is error
        assert __file__ in stack
        assert stack.count("File ") == 1


def test_each_event_has_context_variables_of_its_own() -> None:
    current: contextvars.ContextVar[int | None] = contextvars.ContextVar("current", default=None)
    seen: list[tuple[int | None, int | None]] = []

    async def call(context: Context) -> None:
        before = current.get()
        current.set(context.event["id"])
        await asyncio.sleep(0)
        seen.append((before, current.get()))

    with running(call, at_once=2) as one:
        one.hand_over(*range(1, 9))
        one.results(8)
    assert sorted(seen, key=str) == [(None, number) for number in range(1, 9)]


def test_plain_callbacks_of_such_a_plugin_run_in_threads_with_connections_of_their_own() -> None:
    users: dict[int, set[int]] = {}
    released = threading.Event()

    def plain(sg: Any, logger: Any, event: dict[str, Any], args: Any) -> None:
        users.setdefault(id(sg), set()).add(threading.get_ident())
        # It holds up its thread until the loop has run another event.
        if event["id"] < 4:
            assert released.wait(PATIENCE)
        event["mark"] = event["id"]

    async def awaited(context: Context) -> None:
        assert context.event["mark"] == context.event["id"]
        released.set()

    with running(plain, awaited) as one:
        one.hand_over(1, 2, 3, 4, 5)
        assert {result.outcome for result in one.results(5)} == {Outcome.SUCCEEDED}
    assert 3 < len(users) <= 4
    assert all(len(threads) == 1 for threads in users.values())
    wait_until(lambda: not [thread for thread in threading.enumerate() if "anim.notify" in thread.name])


def test_requests_to_the_site_wait_in_threads_of_the_callback_never_two_in_one_connection() -> None:
    at_once = threading.Barrier(4)

    def request(sg: Any) -> tuple[int, int, str]:
        at_once.wait(PATIENCE)
        return id(sg), threading.get_ident(), sg.config.session_uuid

    found: list[tuple[int, int, str]] = []

    async def call(context: Context) -> None:
        found.append(await context.sg.run(request))

    with running(call) as one:
        sessions = [f"session {number}" for number in range(8)]
        events = [delivery(number, session_uuid=session) for number, session in enumerate(sessions)]
        one.worker.hand_over(events, one.completions)
        assert {result.outcome for result in one.results(8)} == {Outcome.SUCCEEDED}
    # Each request is made for its own event, whichever connection it takes.
    assert sorted(session for _, _, session in found) == sessions
    assert len({(connection, thread) for connection, thread, _ in found}) == 4
    assert len({connection for connection, _, _ in found}) == 4


def test_what_waits_for_kafka_or_the_site_does_not_hold_up_the_loop() -> None:
    go_on = threading.Event()

    async def call(context: Context) -> None:
        if context.event["id"] == 1:
            raise LookupError("no such shot")
        if context.event["id"] == 3:
            go_on.set()

    def find(number: int) -> dict[str, Any]:
        assert go_on.wait(PATIENCE)
        return {**ROW, "id": number}

    with running(call, options={"notify": {"on_failure": "dead_letter"}}, find=find) as one:
        put = one.plugin.letters.put

        def slow_put(*letter: Any) -> None:
            assert go_on.wait(PATIENCE)
            put(*letter)

        one.plugin.letters.put = slow_put  # type: ignore[method-assign]
        oversize = delivery(2)
        oversize.headers = {**oversize.headers, headers.META_BYTES: b"9000000"}
        # Given a dead letter and an oversize event that wait until a third event has run
        one.worker.hand_over([delivery(1), oversize, delivery(3)], one.completions)
        # Then it runs
        outcomes = {result.delivery.offset: result.outcome for result in one.results(3)}
        assert outcomes == {1: Outcome.DEAD_LETTERED, 2: Outcome.SUCCEEDED, 3: Outcome.SUCCEEDED}


@pytest.mark.parametrize("error", [LookupError("no such shot"), SystemExit(3)])
def test_what_fails_in_the_background_is_logged_and_the_plugin_goes_on(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail() -> None:
        raise error

    async def call(context: Context) -> None:
        if context.event["id"] == 1:
            task = asyncio.create_task(fail())
            await asyncio.wait({task})

    with running(call) as one:
        one.hand_over(1)
        one.results(1)
        one.hand_over(2)
        one.results(1)

    def said() -> bool:
        errors = [record.exc_info[1] for record in caplog.records if record.exc_info]
        return error in errors

    wait_until(said)


def test_a_defect_in_running_an_event_leaves_it_unfinished() -> None:
    def way(one: Delivery) -> Any:
        yield from ()
        raise RuntimeError("a defect")

    worker, completions = AsyncWorker("loop", way, 8, PLUGIN_LOG), Completions()
    worker.hand_over([delivery(1)], completions)
    (result,) = wait_until(lambda: completions.take(0.1))
    worker.end()
    assert result.outcome is None


def test_a_new_version_ends_the_loop_of_the_old_one() -> None:
    told: list[str] = []

    def version(name: str, at_once: int = 4) -> Version:
        async def beat() -> None:
            try:
                await asyncio.sleep(3_600)
            finally:
                told.append(f"{name} ended")

        async def call(context: Context) -> None:
            call.background = asyncio.create_task(beat())  # type: ignore[attr-defined]
            await asyncio.sleep(0)

        return Version(lambda _: True, worker=Running(call, at_once=at_once).worker)

    # Given a version that has started something in the background
    succession = Succession(version("old"))
    worker, completions = succession.make_worker("worker"), Completions()
    worker.hand_over([delivery(1)], completions)
    wait_until(lambda: completions.take(0.1))
    # When another takes over, in place of one that was offered before
    succession.offer(version("never"))
    succession.offer(version("new"))
    succession.take_over()
    # Then the old loop is gone, and the new one runs events
    assert told == ["old ended"]
    worker.hand_over([delivery(2)], completions)
    wait_until(lambda: completions.take(0.1))
    assert len(loops()) == 1
    succession.close()
    assert told == ["old ended", "new ended"]
    assert loops() == []
    # A version with more at once, or without a loop, cannot take over.
    assert succession.fits(version("other"))
    assert not succession.fits(version("other", at_once=5))
    assert not succession.fits(Version(lambda _: True, [lambda one: Result(one, None)] * 4))


def test_plain_plugins_keep_their_worker_threads() -> None:
    succession = Succession(Version(lambda _: True, [lambda one: Result(one, None)]))
    worker = succession.make_worker("worker")
    assert isinstance(worker, Worker)
    worker.close()
    assert worker.join(PATIENCE)


def test_what_is_handed_over_behind_a_failure_that_its_owner_does_not_know_of_comes_back_with_it() -> None:
    ran: list[int] = []

    async def call(context: Context) -> None:
        ran.append(context.event["id"])
        if ran == [1]:
            raise ValueError("no")

    with running(call, at_once=1) as one:
        one.hand_over(1, 2)
        wait_until(lambda: ran != [] and one.worker.running == [])
        one.hand_over(3)
        (failed,) = one.results(1)
        assert numbers(list(failed.withheld)) == [2, 3]
        one.hand_over(1, 2, 3)
        one.results(3)
        assert ran == [1, 1, 2, 3]
