"""What a session says of its partitions, for people."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

from ..positions.position import Position
from ..running.delivery import Delivery
from ..running.poison import CAREFUL_FROM
from .member import Member

log = logging.getLogger(__name__)


def shown(topic: str, partitions: Collection[int] | dict[int, int]) -> str:
    """Partitions, with their offsets if those are given."""
    if isinstance(partitions, dict):
        return ", ".join(
            f"{topic}[{partition}] from offset {offset}" for partition, offset in partitions.items()
        )
    return ", ".join(f"{topic}[{partition}]" for partition in partitions)


def warn_running(member: Member, running: Iterable[Delivery], partitions: Collection[int]) -> None:
    """Say which events of these partitions are not waited for any longer."""
    for delivery in running:
        if delivery.partition not in partitions:
            continue
        log.warning(
            "Group %s: event %s at %s[%d]@%d still runs; it is not waited for any longer and will be repeated",
            member.group,
            delivery.event_id,
            member.topic,
            delivery.partition,
            delivery.offset,
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
