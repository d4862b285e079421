"""When the groups of a process that have nothing to do look around."""

from __future__ import annotations

import pytest

from shotgun_consumer.partitions.session import REST_SECONDS, RUNNING_SECONDS, until_beat


@pytest.mark.parametrize("now", [0.0, 0.7, 1.3, 12345.678, 12345.999])
def test_resting_groups_look_around_at_the_same_moments(now: float) -> None:
    beat = (now + until_beat(now)) / REST_SECONDS
    assert beat == pytest.approx(round(beat))
    assert RUNNING_SECONDS < until_beat(now) <= REST_SECONDS + RUNNING_SECONDS


def test_a_wait_that_ended_a_moment_early_is_not_followed_by_a_tiny_one() -> None:
    assert until_beat(7 * REST_SECONDS - 0.001) == pytest.approx(REST_SECONDS + 0.001)
