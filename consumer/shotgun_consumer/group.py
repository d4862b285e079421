"""The thread of one consumer group: joins, works, holds where somebody must decide, and joins again."""

from __future__ import annotations

import itertools
import logging
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone

from confluent_kafka import KafkaException

from shotgun_runtime.backoff import Backoff, OutageLog
from shotgun_runtime.errors import StreamError
from shotgun_runtime.kafka import explain
from shotgun_runtime.shutdown import Deadline

from .metrics import GroupMetrics
from .orders.hold import HoldWatch, hold_reason
from .partitions.member import MakeConsumer, Member
from .partitions.session import Session
from .positions.placement import Hold, Witness
from .positions.positions import Positions
from .running.plugin_loop import CANCEL_SECONDS
from .running.succession import Version
from .running.worker import AnyWorker
from .stream import REFRESH_SECONDS, Stream

log = logging.getLogger(__name__)

HOLD_CHECK_SECONDS = 2.0
ASKED_CHECK_SECONDS = 0.25
ENDING_SECONDS = 2 * CANCEL_SECONDS
"""What a stop keeps back for cancelling async callbacks and for leaving the group."""


@dataclass(frozen=True, slots=True)
class GroupState:
    """How a group fares. `reason` says why it does not work; empty when it does."""

    group: str
    reason: str


class Group:
    """One plugin's consumer group in this process.

    `start`, `offer`, `stop`, `state` and `join` are for the main thread. Everything else happens in the group's own
    thread, which is the only one that touches the group's positions. Whatever breaks a membership, the next one is
    tried, with back-off, until a stop is requested.
    """

    def __init__(
        self,
        member: Member,
        make_consumer: MakeConsumer,
        positions: Positions,
        stream: Stream,
        metrics: GroupMetrics,
    ) -> None:
        self._member = member
        self._make_consumer = make_consumer
        self._positions = positions
        self._stream = stream
        self._metrics = metrics
        self._stopping = threading.Event()
        self._deadline: Deadline | None = None
        self._epochs = itertools.count(1)
        self._held = HoldWatch()
        self._reason = "starting"
        self._witnessed = False
        self._next_witness = 0.0
        # Kafka's close() may hang without a broker; the process's end must not.
        self._thread = threading.Thread(target=self._loop, name=f"group {member.group}", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def offer(self, version: Version) -> bool:
        """Have this version take over from the one that runs, between two events. False when it cannot."""
        if not self._member.succession.fits(version):
            return False
        self._member.succession.offer(version)
        return True

    def stop(self, deadline: Deadline) -> None:
        """Leave the group: start nothing more, and wait for what runs until the deadline."""
        self._deadline = deadline
        self._stopping.set()

    def join(self, deadline: Deadline) -> bool:
        """Wait for the thread's end. False when it has not ended in time."""
        self._thread.join(deadline.remaining())
        return not self._thread.is_alive()

    @property
    def state(self) -> GroupState:
        """How the group fares now."""
        return GroupState(self._member.group, self._reason)

    def _loop(self) -> None:
        worker = self._member.succession.make_worker(f"worker {self._member.group}")
        backoff = Backoff(initial=0.2, maximum=10.0)
        outage = OutageLog(f"group {self._member.group}", log)
        try:
            while not self._stopping.is_set():
                problem = self._attempt(worker)
                if problem is None:
                    outage.recovered()
                    backoff.reset()
                    continue
                self._reason = problem
                outage.failed(problem)
                self._stopping.wait(backoff.pause())
        finally:
            worker.close()
            if not worker.join(self._ending_deadline().remaining()):
                log.warning("Group %s: a callback still runs while the group ends", self._member.group)
            self._member.succession.close()

    def _attempt(self, worker: AnyWorker) -> str | None:
        """One membership. Returns the problem that keeps the group from working, None when it had worked."""
        try:
            hold = self._asked_to_hold() or self._positions.check()
            if hold is not None:
                self._hold(hold)
                return None
            return self._take_part(worker)
        except KafkaException as error:
            return explain(error.args[0])
        except StreamError as error:
            return str(error)
        except Exception as error:
            log.exception("Group %s: unexpected error; the group joins anew", self._member.group)
            return f"unexpected {type(error).__name__}: {error}"

    def _take_part(self, worker: AnyWorker) -> str | None:
        self._reason = "joining the group"
        # Nothing is assigned, so a version that came meanwhile need not wait.
        self._member.succession.take_over()
        session = Session(
            self._member, self._make_consumer, worker, self._positions, self._metrics, self._epochs
        )
        topic_id = self._stream.identity.topic_id
        try:
            session.run(self._stopping, lambda session: self._observe(session, topic_id))
        finally:
            deadline = self._ending_deadline()
            if not self._stopping.is_set():
                self._reason = "leaving the group"
            elif self._member.succession.is_async:
                deadline = self._end_loop(worker, deadline)
            if self._witnessed and session.ending is None and len(session.assignment):
                self._witness(session)
            session.close(deadline)
        ending = session.ending
        if isinstance(ending, Hold):
            self._hold(ending)
            return None
        return ending

    def _end_loop(self, worker: AnyWorker, deadline: Deadline) -> Deadline:
        """Wait for what runs in the event loop, and cancel it so early that it can end before the deadline.

        The session finds all results, and need not wait: returns its deadline.
        """
        worker.close()
        worker.join(deadline.remaining() - min(ENDING_SECONDS, deadline.remaining() / 2))
        self._member.succession.close()
        return Deadline.after(0.0)

    def _ending_deadline(self) -> Deadline:
        return self._deadline or Deadline.after(self._member.revoke_timeout)

    def _asked_to_hold(self) -> Hold | None:
        """The hold that a command has put on the group."""
        group = self._member.group
        record = self._held.look(self._stream.hold(group), time.monotonic(), time.time())
        return None if record is None else Hold(hold_reason(group, record), is_decision=False)

    def _hold(self, hold: Hold) -> None:
        """Stay out of the group, so that its offsets can be altered, until nothing stands in the way any more."""
        self._say_held(hold)
        try:
            while not self._stopping.wait(HOLD_CHECK_SECONDS if hold.is_decision else ASKED_CHECK_SECONDS):
                try:
                    again = self._asked_to_hold() or self._positions.check()
                except (KafkaException, StreamError):
                    continue
                if again is None:
                    log.info("Group %s goes on", self._member.group)
                    return
                # The reason of a hold that was asked for changes whenever it is renewed.
                if again.is_decision != hold.is_decision or (again.is_decision and again != hold):
                    self._say_held(again)
                hold = again
        finally:
            self._metrics.waiting.set(0)

    def _say_held(self, hold: Hold) -> None:
        log.log(logging.ERROR if hold.is_decision else logging.INFO, "%s", hold.reason)
        self._reason = hold.reason
        self._metrics.waiting.set(int(hold.is_decision))

    def _observe(self, session: Session, topic_id: str) -> None:
        """About once a second: is the group ready, is the topic still the same, and what is there to witness."""
        self._reason = "" if session.joined else "joining the group"
        asked = self._asked_to_hold()
        if asked is not None:
            session.ending = asked
            return
        identity = self._stream.identity
        if identity.topic_id != topic_id:
            session.ending = "its topic was deleted and made anew"
            return
        if not len(session.assignment):
            return
        now = time.monotonic()
        if now >= self._next_witness and self._all_known(session):
            self._next_witness = now + REFRESH_SECONDS
            self._witness(session)

    def _all_known(self, session: Session) -> bool:
        # Before each partition has a position, a missing one is no loss but a beginning.
        if not self._witnessed:
            try:
                self._witnessed = self._positions.all_known(session.consumer)
            except KafkaException:
                return False
        return self._witnessed

    def _witness(self, session: Session) -> None:
        """Have the control topic remember how far the group has come."""
        identity = self._stream.identity
        reached = session.assignment.reached()
        event_id = None if reached is None else reached.event_id
        event_at = None if reached is None or not reached.timestamp else _iso(reached.timestamp)
        if event_id is None:
            known = self._stream.witness(self._member.group)
            if known is not None and known.topic_id == identity.topic_id:
                return
        self._stream.offer_witness(
            self._member.group, Witness(identity.topic_id, identity.partitions, event_id, event_at)
        )


def _iso(timestamp: float) -> str:
    moment = datetime.fromtimestamp(timestamp, timezone.utc)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
