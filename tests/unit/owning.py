"""What tests share that own partitions without Kafka."""

from __future__ import annotations

from shotgun_consumer.partitions.assignment import Assignment
from shotgun_consumer.running.delivery import Delivery


def acknowledge(assignment: Assignment, now: float = 0.0) -> None:
    """Kafka acknowledges the commit that is due."""
    commit = assignment.commits.take(now)
    assert commit is not None
    assignment.commits.settle(commit, (), now)
    assignment.tend(now)


def first_startable(assignment: Assignment) -> list[Delivery]:
    """The first events of an assignment, which are handed out when Kafka knows that there will be some."""
    assert assignment.startable(0.0) == []
    acknowledge(assignment)
    return assignment.startable(0.0)
