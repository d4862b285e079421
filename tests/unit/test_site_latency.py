"""The simulated site takes its time as a real one does."""

from __future__ import annotations

import random
import statistics

from shotgun_sandbox.site.latency import LatencyModel


def draws(method: str, rows: int) -> list[float]:
    model = LatencyModel(random.Random(1), 0.17)
    return [model.draw(method, rows) for _ in range(4000)]


def test_reads_have_the_median_asked_for_and_a_tail() -> None:
    times = draws("read", 0)
    assert 0.16 < statistics.median(times) < 0.18
    assert max(times) > 1.0


def test_a_full_page_takes_longer_than_an_empty_one_and_a_batch_longer_still() -> None:
    empty, page, batch = (
        statistics.median(draws(*call)) for call in (("read", 0), ("read", 500), ("batch", 200))
    )
    assert 1.7 * empty < page < 2.1 * empty
    assert 10 < batch < 14


def test_a_site_without_latency_answers_at_once() -> None:
    assert LatencyModel(random.Random(1), 0.0).draw("batch", 500) == 0.0
