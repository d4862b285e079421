"""How long the producer waits between two polls."""

from __future__ import annotations

import pytest

from shotgun_producer.pace import QUIET_SHARE, Pace


def test_polls_are_fast_while_events_come() -> None:
    pace = Pace(fast=1.0, idle=5.0, now=0.0)
    for second in range(100):
        pace.saw_events(float(second))
        assert pace.pause(float(second)) == 1.0


@pytest.mark.parametrize("quiet", [31.0, 60.0, 149.0])
def test_the_pause_grows_with_the_quiet_time(quiet: float) -> None:
    pace = Pace(fast=1.0, idle=5.0, now=0.0)
    assert pace.pause(quiet) == quiet / QUIET_SHARE


def test_the_pause_never_grows_beyond_the_idle_end_and_is_short_again_with_an_event() -> None:
    pace = Pace(fast=1.0, idle=5.0, now=0.0)
    assert pace.pause(1e6) == 5.0
    pace.saw_events(1e6)
    assert pace.pause(1e6) == 1.0


def test_an_idle_end_below_the_fast_one_is_the_fast_one() -> None:
    pace = Pace(fast=10.0, idle=5.0, now=0.0)
    assert {pace.pause(now) for now in (0.0, 60.0, 1e6)} == {10.0}
