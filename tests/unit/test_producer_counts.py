"""What is counted of committed pages, and how long readers count as held up."""

from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry

from shotgun_producer.bounded_labels import BoundedLabels
from shotgun_producer.holes import Found
from shotgun_producer.metrics import Metrics
from shotgun_producer.published_counts import EVENT_TYPES, PublishedCounts
from shotgun_producer.records import Record
from shotgun_producer.stable_offset import StableOffset

PREFIX = "shotgun_producer_"


def record(event_type: object) -> Record:
    return Record(b"1", b"", [], 0, 0, event_type=event_type)


@pytest.fixture
def registry() -> CollectorRegistry:
    return CollectorRegistry()


@pytest.fixture
def counts(registry: CollectorRegistry) -> PublishedCounts:
    return PublishedCounts(Metrics(registry))


def published(registry: CollectorRegistry, event_type: str) -> float | None:
    return registry.get_sample_value(f"{PREFIX}events_published_total", {"event_type": event_type})


def test_events_are_counted_by_their_type(registry: CollectorRegistry, counts: PublishedCounts) -> None:
    for types in (["Shotgun_Task_Change", "Shotgun_Task_Change", "Shotgun_Shot_New"], ["Shotgun_Shot_New"]):
        counts.count([Found(number) for number in range(len(types))], [record(name) for name in types], 10)
    assert published(registry, "Shotgun_Task_Change") == 2
    assert published(registry, "Shotgun_Shot_New") == 2


def test_types_without_end_make_no_labels_without_end(
    registry: CollectorRegistry, counts: PublishedCounts
) -> None:
    records = [record(f"Custom_{number}") for number in range(EVENT_TYPES + 50)]
    counts.count([Found(number) for number in range(len(records))], [*records, record("Custom_0")], 1000)
    assert published(registry, "Custom_0") == 2
    assert published(registry, "other") == 50
    assert published(registry, f"Custom_{EVENT_TYPES}") is None


def test_an_event_that_fills_a_hole_says_how_old_and_how_deep_it_was(
    registry: CollectorRegistry, counts: PublishedCounts
) -> None:
    counts.count([Found(70, late=12.0), Found(99, late=3.0), Found(100)], [record("x")] * 3, head=100)
    assert registry.get_sample_value(f"{PREFIX}fill_delay_ids_count") == 2
    assert registry.get_sample_value(f"{PREFIX}fill_delay_ids_sum") == 31
    assert registry.get_sample_value(f"{PREFIX}fill_delay_seconds_sum") == 15
    assert registry.get_sample_value(f"{PREFIX}events_late_total") == 1


@pytest.mark.parametrize(
    ("value", "label"), [(None, "none"), ("", "none"), (["x"], "none"), ("x" * 101, "other"), ("x", "x")]
)
def test_odd_values_have_labels_too(value: object, label: str) -> None:
    assert BoundedLabels(5).label(value) == label


def test_a_value_keeps_its_label() -> None:
    labels = BoundedLabels(2)
    assert [labels.label(name) for name in ("a", "b", "c", "a", "c")] == ["a", "b", "other", "a", "other"]


def test_readers_at_the_end_are_not_held_up() -> None:
    assert StableOffset().observe({0: (10, 10), 1: (0, 0)}, now=5.0) == 0


def test_an_open_transaction_holds_readers_up_until_it_is_over() -> None:
    state = StableOffset()
    assert state.observe({0: (10, 12)}, now=100.0) == 0
    assert state.observe({0: (10, 12)}, now=105.0) == 5
    assert state.observe({0: (10, 40)}, now=110.0) == 10
    assert state.observe({0: (40, 40)}, now=115.0) == 0


def test_one_transaction_after_another_holds_up_nobody() -> None:
    state = StableOffset()
    for step in range(10):
        assert state.observe({0: (10 * step, 10 * step + 5)}, now=5.0 * step) == 0


def test_the_longest_hold_up_of_all_partitions_counts() -> None:
    state = StableOffset()
    state.observe({0: (10, 12), 1: (7, 7)}, now=0.0)
    state.observe({0: (10, 12), 1: (7, 8)}, now=5.0)
    assert state.observe({0: (12, 12), 1: (7, 8)}, now=9.0) == 4
