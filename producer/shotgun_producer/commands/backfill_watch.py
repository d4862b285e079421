"""Looking on while the active producer works at a backfill."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing

from shotgun_runtime.control import ControlTopic
from shotgun_runtime.errors import DecisionNeededError, KafkaRefusedError, StreamError
from shotgun_runtime.settings import Settings
from shotgun_runtime.shutdown import Deadline
from shotgun_schemas.control import BACKFILL_PREFIX

from ..backfill.job import Job, read_job
from ..errors import RecycleError
from .backfill_show import Show
from .backfill_text import NO_PRODUCER
from .backfill_view import BackfillView, Speed, view_of
from .stream import Stream

CONTROL_SECONDS = 15.0
LOOK_SECONDS = 1.0
MEMBERS_SECONDS = 10.0
"""A job that has not moved for so long may have no producer: that is looked up, and no more often than so."""


class BackfillWatch:
    """One job, looked at again and again. One owner, one thread.

    `jobs` must have been read to its end, so that a job that is not there is known to be gone. `asked`: the job as it
    stood there before, None when it did not.
    """

    def __init__(self, stream: Stream, jobs: ControlTopic, name: str, asked: Job | None) -> None:
        self._stream = stream
        self._jobs = jobs
        self._name = name
        self._asked = asked
        self._moved: tuple[str, int] | None = None
        self._asleep_since = 0.0
        self._note: str | None = None

    def look(self) -> BackfillView:
        """The job as it is. Raises StreamError or RecycleError when Kafka does not answer."""
        self._jobs.poll()
        known = known_jobs(self._jobs)
        self._asked = next((job for job in known if job.name == self._name), self._asked)
        # In this order: a job whose record is gone stands in the checkpoint that was committed before.
        return view_of(self._name, self._stream.require_checkpoint(), known, self._asked)

    def note(self, view: BackfillView) -> str | None:
        """Why the job does not move, None when it does or is over. Raises StreamError."""
        if view.is_over:
            return None
        if view.ahead is not None:
            return f"waits for backfill {view.ahead}"
        now = time.monotonic()
        if (view.phase, view.next_id) != self._moved:
            is_first = self._moved is None
            self._moved, self._note = (view.phase, view.next_id), None
            self._asleep_since = now - (MEMBERS_SECONDS if is_first and view.phase != "running" else 0.0)
        if now - self._asleep_since >= MEMBERS_SECONDS:
            self._asleep_since = now
            self._note = None if self.has_producer() else NO_PRODUCER
        return self._note

    def has_producer(self) -> bool:
        """Whether a producer is active. Raises StreamError."""
        return any(member.active for member in self._stream.members())


def known_jobs(topic: ControlTopic) -> tuple[Job, ...]:
    """The jobs that stand in the control topic; what is no job is passed over, as the producer does."""
    jobs = []
    for _, record in topic.items(BACKFILL_PREFIX):
        try:
            jobs.append(read_job(record))
        except ValueError:  # noqa: PERF203
            continue
    return tuple(jobs)


def read_jobs(settings: Settings) -> tuple[Job, ...]:
    """The jobs that stand in the control topic now. Raises as `ControlTopic.read_to_end`."""
    with closing(ControlTopic(settings)) as topic:
        topic.read_to_end(CONTROL_SECONDS)
        return known_jobs(topic)


def follow(
    watch: BackfillWatch,
    show: Show,
    *,
    deadline: Deadline | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> BackfillView | None:
    """Shows the job until it is over, or until the deadline; the last view, None when there was never one.

    A Kafka that is away is shown and waited for. Raises KafkaRefusedError when it refuses, DecisionNeededError for a
    checkpoint that cannot be read.
    """
    speed = Speed()
    view: BackfillView | None = None
    while True:
        note: str | None
        try:
            view = watch.look()
            note = watch.note(view)
        except (KafkaRefusedError, DecisionNeededError):
            raise
        except (StreamError, RecycleError) as error:
            note = f"it cannot be seen at present, trying again: {error}"
        if view is not None:
            if view.phase in ("running", "cancelling"):
                speed.saw(view.left, time.monotonic())
            show.show(view, speed, note)
            if view.is_over:
                return view
        if deadline is not None and deadline.expired:
            return view
        sleep(LOOK_SECONDS)
