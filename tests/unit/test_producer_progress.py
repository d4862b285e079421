"""The checkpoint as the producer opens and writes it, and when it refuses to go on from one."""

from __future__ import annotations

from dataclasses import replace

import pytest

from shotgun_producer import decisions
from shotgun_producer.first_position import Position
from shotgun_producer.holes import Plan, Sighting
from shotgun_producer.progress import Place, Progress
from shotgun_runtime.errors import DecisionNeededError
from shotgun_schemas.checkpoint import Filter, decode_checkpoint, encode_checkpoint

NOW = 1_800_000_000.0
PLACE = Place(site="https://studio", topic="events", topic_id="abc", partitions=2)


def begun() -> Progress:
    return Progress.begin(PLACE, Position(100, ((90, 95),)), (5, 7), NOW)


def test_the_border_to_what_was_before_stays_for_ever() -> None:
    progress = begun()
    rows = [Sighting(92), Sighting(110)]
    progress.holes.observe(rows, progress.holes.plan(NOW), now=NOW)
    progress.moved_to({0: 9})
    again = Progress(decode_checkpoint(encode_checkpoint(progress.checkpoint(NOW + 1))))
    last = again.checkpoint(NOW + 2)
    assert (last.start_head, last.initial_holes) == (100, ((90, 95),))
    assert last.installation == progress.base.installation
    assert (last.head, last.end_offsets) == (110, (9, 7))
    assert [(hole.first, hole.last) for hole in last.holes] == [(90, 91), (93, 95), (101, 109)]


def test_end_offsets_never_go_back() -> None:
    progress = begun()
    progress.moved_to({0: 3, 1: 20})
    assert progress.checkpoint(NOW).end_offsets == (5, 20)


def test_a_checkpoint_of_this_stream_is_gone_on_from() -> None:
    checkpoint = begun().checkpoint(NOW)
    decisions.check_place(checkpoint, PLACE)
    decisions.check_place(checkpoint, replace(PLACE, site="https://Studio/"))
    decisions.check_topic_ends(checkpoint, (5, 8))


@pytest.mark.parametrize(
    ("place", "said"),
    [
        (replace(PLACE, site="https://other"), "shotgun.url is https://other"),
        (replace(PLACE, topic="more"), "stream.topic is more"),
        (replace(PLACE, topic_id="def"), "deleted and made again"),
        (replace(PLACE, partitions=3), "had 2 partitions and has 3"),
    ],
)
def test_another_place_needs_a_decision_that_names_the_command_and_the_id(place: Place, said: str) -> None:
    with pytest.raises(DecisionNeededError) as caught:
        decisions.check_place(begun().checkpoint(NOW), place)
    for part in (
        said,
        "shotgun-producer checkpoint set 100 --yes",
        "shotgun-producer checkpoint reset --yes",
    ):
        assert part in str(caught.value)


def test_a_topic_that_became_shorter_needs_a_decision() -> None:
    with pytest.raises(DecisionNeededError, match=r"partition 1 .* ends at offset 6, but 7 was reached"):
        decisions.check_topic_ends(begun().checkpoint(NOW), (5, 6))


def test_another_filter_counts_from_the_head_at_which_it_came_into_force() -> None:
    progress = Progress.begin(PLACE, Position(100), (0,), NOW)
    progress.use_filter("all")
    assert progress.checkpoint(NOW).filter == Filter("all", 0)
    progress.holes.observe([Sighting(150)], Plan(100), now=NOW)
    progress.use_filter("all")
    assert progress.checkpoint(NOW).filter == Filter("all", 0)
    progress.use_filter("some")
    assert progress.checkpoint(NOW).filter == Filter("some", 150)
    assert decode_checkpoint(encode_checkpoint(progress.checkpoint(NOW))).filter == Filter("some", 150)
