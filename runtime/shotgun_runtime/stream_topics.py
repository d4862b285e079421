"""The topics of a stream as they are to be, under the names that are configured."""

from __future__ import annotations

from shotgun_runtime.settings import StreamSettings
from shotgun_runtime.topics import TopicSpec
from shotgun_schemas import topics


def control_topic(stream: StreamSettings) -> TopicSpec:
    """The control topic, which every service may have to make."""
    return TopicSpec(stream.control_topic, 1, topics.CONTROL_SETTINGS)


def stream_topics(stream: StreamSettings) -> tuple[TopicSpec, ...]:
    """The topics that the producer makes: events, checkpoint, control."""
    return (
        TopicSpec(stream.topic, stream.partitions, topics.EVENTS_SETTINGS),
        TopicSpec(stream.checkpoint_topic, 1, topics.CHECKPOINT_SETTINGS),
        control_topic(stream),
    )


def dead_letter_topic(stream: StreamSettings, team: str) -> TopicSpec:
    """A team's dead-letter topic, which its consumers make when they first need it."""
    return TopicSpec(
        topics.dead_letter_topic(stream.dead_letter_topic, team), 1, topics.DEAD_LETTERS_SETTINGS
    )
