"""Stopping: one request, one time budget, and a second signal that ends at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import threading

import pytest

from shotgun_runtime.backoff import Backoff, OutageLog
from shotgun_runtime.shutdown import Deadline, Shutdown, signal_handlers


def test_a_request_wakes_whoever_waits() -> None:
    shutdown = Shutdown()
    assert not shutdown.requested
    woken: list[bool] = []
    waiter = threading.Thread(target=lambda: woken.append(shutdown.wait(60)))
    waiter.start()

    shutdown.request("a test")
    waiter.join(20)

    assert woken == [True]
    assert shutdown.requested
    assert shutdown.requested.is_set()


def test_only_the_first_reason_counts_and_starts_the_time() -> None:
    now = [100.0]
    shutdown = Shutdown(30.0, clock=lambda: now[0])
    now[0] = 200.0
    shutdown.request("SIGTERM received")
    now[0] = 210.0
    shutdown.request("something else")

    assert shutdown.reason == "SIGTERM received"
    assert shutdown.deadline.remaining() == 20.0


def test_a_deadline_gives_each_step_what_is_left() -> None:
    now = [0.0]
    deadline = Deadline.after(10.0, lambda: now[0])

    assert deadline.remaining() == 10.0
    now[0] = 9.0
    assert (deadline.remaining(), deadline.expired) == (1.0, False)
    now[0] = 11.0
    assert (deadline.remaining(), deadline.expired) == (0.0, True)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_asks_for_a_stop_and_the_old_handler_comes_back(number: signal.Signals) -> None:
    shutdown = Shutdown()
    old = signal.getsignal(number)
    before = set(threading.enumerate())

    with signal_handlers(shutdown):
        os.kill(os.getpid(), number)
        assert shutdown.wait(20)

    assert shutdown.reason == f"{number.name} received"
    assert signal.getsignal(number) is old
    assert not set(threading.enumerate()) - before


@pytest.mark.parametrize(("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_the_process_at_once(number: signal.Signals, code: int) -> None:
    program = textwrap.dedent(
        """
        from shotgun_runtime.shutdown import Shutdown, install_signal_handlers
        shutdown = Shutdown()
        install_signal_handlers(shutdown)
        print("up", flush=True)
        shutdown.wait()
        print("stopping", flush=True)
        import threading
        threading.Event().wait()
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        assert process.stdout.readline() == "stopping\n"
        process.send_signal(number)
        _, said = process.communicate(timeout=30)
    finally:
        process.kill()
        process.wait()

    assert process.returncode == code
    assert "second signal: ending at once" in said


def test_pauses_grow_to_their_maximum_and_begin_again_after_a_success() -> None:
    backoff = Backoff(initial=1.0, maximum=10.0, factor=2.0, uniform=lambda: 1.0)

    assert [backoff.pause() for _ in range(6)] == [1.0, 2.0, 4.0, 8.0, 10.0, 10.0]
    backoff.reset()
    assert backoff.pause() == 1.0


def test_a_pause_is_shortened_by_at_most_half() -> None:
    assert Backoff(initial=8.0, uniform=lambda: 0.0).pause() == 4.0


def test_an_outage_is_told_once_and_its_end_once(caplog: pytest.LogCaptureFixture) -> None:
    import logging

    now = [0.0]
    caplog.set_level(logging.INFO)
    outage = OutageLog("The site", logging.getLogger("tests.outage"), clock=lambda: now[0])

    outage.recovered()
    for second in range(90):
        now[0] = float(second)
        outage.failed("HTTP 503")
    assert outage.broken
    now[0] = 90.0
    outage.recovered()
    outage.recovered()

    assert [record.getMessage() for record in caplog.records] == [
        "The site is not available: HTTP 503. Trying again until it is back",
        "The site is back after 1m30s and 90 failed attempts",
    ]


def test_one_failure_between_successes_is_no_outage_unless_it_was_slow(
    caplog: pytest.LogCaptureFixture,
) -> None:
    import logging

    now = [100.0]
    caplog.set_level(logging.INFO)
    outage = OutageLog(
        "The site", logging.getLogger("tests.outage"), tolerated=1, slow=5.0, clock=lambda: now[0]
    )
    for _ in range(10):
        outage.failed("HTTP 503", took=0.1)
        assert not outage.broken
        outage.recovered()
    assert caplog.records == []

    outage.failed("timed out", took=5.0)
    assert outage.broken
    now[0] += 3
    outage.recovered()
    outage.failed("HTTP 503")
    outage.failed("HTTP 500")
    outage.recovered()
    assert [record.getMessage() for record in caplog.records] == [
        "The site is not available: timed out. Trying again until it is back",
        "The site is back after 8s and 1 failed attempts",
        "The site is not available: HTTP 500. Trying again until it is back",
        "The site is back after 0s and 2 failed attempts",
    ]
