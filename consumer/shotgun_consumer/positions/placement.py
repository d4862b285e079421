"""Where a group goes on, decided from what Kafka and the control topic remember of it. Nothing is ever guessed."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from shotgun_runtime.topics import TopicIdentity


@dataclass(frozen=True, slots=True)
class Witness:
    """The proof that a group had a position: which topic it was in, and the event that it had come to.

    Kept in the control topic, because Kafka forgets the offsets of a group that was empty for a week, and those of
    a deleted topic at once.
    """

    topic_id: str
    partitions: int
    event_id: int | None = None
    event_at: str | None = None

    @classmethod
    def from_fields(cls, fields: Mapping[str, Any]) -> Witness:
        """Read a control record. What it lacks counts as unknown."""
        event_id = fields.get("event_id")
        event_at = fields.get("event_at")
        return cls(
            topic_id=str(fields.get("topic_id", "")),
            partitions=int(fields.get("partitions", 0)),
            event_id=event_id if isinstance(event_id, int) else None,
            event_at=event_at if isinstance(event_at, str) else None,
        )


@dataclass(frozen=True, slots=True)
class Placed:
    """Each partition has a position. `offsets` are those that Kafka holds; `new` begin where the configuration says,
    `added` at their first event, because the topic was given them after the group had begun."""

    offsets: Mapping[int, int]
    new: tuple[int, ...] = ()
    added: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Hold:
    """The group must not be joined now.

    `is_decision`: somebody must decide where it goes on, and the reason names the command that decides. Otherwise a
    command has asked its members to stay out for a moment.
    """

    reason: str
    is_decision: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a group when it is to be placed.

    `committed` has None for a partition without a position. `bounds` are each partition's first offset and its end;
    without them, positions outside the log are left to be found when reading.
    """

    group: str
    topic: str
    identity: TopicIdentity
    witness: Witness | None
    committed: Mapping[int, int | None]
    bounds: Mapping[int, tuple[int, int]] | None = None


def place(known: Known, partitions: Collection[int]) -> Placed | Hold:
    """Decide where each of these partitions goes on."""
    witness = known.witness
    if witness is not None and witness.topic_id != known.identity.topic_id:
        return _hold(
            known, f"topic {known.topic} was deleted and made anew, so its old position means nothing there"
        )
    offsets: dict[int, int] = {}
    new: list[int] = []
    added: list[int] = []
    for partition in sorted(partitions):
        offset = known.committed.get(partition)
        if offset is not None:
            offsets[partition] = offset
        elif witness is None:
            new.append(partition)
        elif partition >= witness.partitions:
            added.append(partition)
        else:
            return _hold(
                known,
                f"Kafka no longer has its position in {known.topic}[{partition}] (a broker forgets a group that was "
                "empty for offsets.retention.minutes, by default 7 days)",
            )
    for partition, offset in offsets.items():
        low, high = (known.bounds or {}).get(partition, (offset, offset))
        if not low <= offset <= high:
            return _hold(
                known,
                f"its position {offset} in {known.topic}[{partition}] is outside of the log, "
                f"which holds {low} to {high}",
            )
    return Placed(offsets, tuple(new), tuple(added))


def _hold(known: Known, why: str) -> Hold:
    command = f"shotgun-consumer rewind {known.group}"
    witness = known.witness
    if witness is not None and witness.event_id is not None:
        at = f" of {witness.event_at}" if witness.event_at else ""
        choice = (
            f"It had come to event {witness.event_id}{at}; go on there with '{command} --to-event {witness.event_id}', "
            f"or use --to-earliest or --to-latest"
        )
    else:
        choice = f"Decide with '{command}' and --to-earliest, --to-latest or --to-event ID"
    return Hold(f"group {known.group!r} waits for a decision: {why}. {choice}")
