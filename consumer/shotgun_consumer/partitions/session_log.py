"""What a session says of its partitions, for people."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from ..positions.position import Position
from ..running.delivery import Delivery
from ..running.poison import CAREFUL_FROM
from .member import Member

log = logging.getLogger(__name__)

NAMED = 10
"""So many events of hundreds are named in one line."""


def shown(topic: str, partitions: Collection[int] | dict[int, int]) -> str:
    """Partitions, with their offsets if those are given."""
    if isinstance(partitions, dict):
        return ", ".join(
            f"{topic}[{partition}] from offset {offset}" for partition, offset in partitions.items()
        )
    return ", ".join(f"{topic}[{partition}]" for partition in partitions)


def warn_running(member: Member, running: Iterable[Delivery], partitions: Collection[int]) -> None:
    """Say which events of these partitions are not waited for any longer."""
    left = [delivery for delivery in running if delivery.partition in partitions]
    named = [f"{one.event_id} at {member.topic}[{one.partition}]@{one.offset}" for one in left[:NAMED]]
    if left:
        log.warning(
            "Group %s: %d event%s still running, not waited for any longer and to be repeated: %s%s",
            member.group,
            len(left),
            "" if len(left) == 1 else "s",
            ", ".join(named),
            f" and {len(left) - NAMED} more" if len(left) > NAMED else "",
        )


def warn_suspected(member: Member, partition: int, committed: Position) -> None:
    """Say so when the next event of a partition that was assigned is to be run alone."""
    if committed.marks.unclean >= CAREFUL_FROM:
        log.warning(
            "Group %s: %s[%d]: the process has ended %d times in a row without progress at offset %d; the next event "
            "is run alone in the process, so that one that ends it is found",
            member.group,
            member.topic,
            partition,
            committed.marks.unclean,
            committed.offset,
        )
