"""One membership of a consumer group, from joining to leaving: the loop that owns the partitions."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Iterator

from confluent_kafka import OFFSET_END, Consumer, KafkaException, TopicPartition

from shotgun_runtime.kafka import explain
from shotgun_runtime.shutdown import Deadline

from ..metrics import GroupMetrics
from ..positions.placement import Hold
from ..positions.position import Position
from ..positions.positions import Positions
from ..running.completions import Completions
from ..running.delivery import Outcome, Result
from ..running.worker import AnyWorker
from .aside import Aside
from .assignment import Assignment
from .commit_sender import CommitSender
from .leaving import leave
from .member import MakeConsumer, Member
from .order_follower import OrderFollower
from .partition_state import PartitionState
from .reader import Reader
from .session_gauges import Gauges
from .session_log import shown, warn_running, warn_suspected

log = logging.getLogger(__name__)

IDLE_SECONDS = 1.0
REST_SECONDS = 2.0
RESTED_AFTER = 5
"""So many waits in a row without anything make the next ones last until the next beat, every `REST_SECONDS`."""
RUNNING_SECONDS = 0.05
COMMITTING_SECONDS = 0.002
ANSWER_SECONDS = 0.0003
OBSERVE_SECONDS = 1.0


def until_beat(now: float) -> float:
    """Seconds until the moment at which all resting groups of the process look around.

    What the first of them does is then still in the processor's cache for the others, which halves what it costs.
    """
    wait = REST_SECONDS - now % REST_SECONDS
    # A wait ends up to a millisecond early.
    return wait if wait > RUNNING_SECONDS else wait + REST_SECONDS


class Session:
    """Owner of all state of the assigned partitions. One thread makes it, runs it, and closes it.

    `run` returns when a stop was requested, or when the membership must end for another reason, which `ending` then
    holds. Kafka's callbacks come in the same thread, out of `poll`, so nothing here needs a lock.
    """

    def __init__(
        self,
        member: Member,
        make_consumer: MakeConsumer,
        worker: AnyWorker,
        positions: Positions,
        metrics: GroupMetrics,
        epochs: Iterator[int],
    ) -> None:
        self._member = member
        self._worker = worker
        self._positions = positions
        self._metrics = metrics
        self._assignment = Assignment(
            member.max_uncommitted,
            epochs,
            concurrency=member.concurrency,
            group=member.group,
            turn=member.turn,
        )
        self._completions = Completions(self._assignment.commits.worth_sending)
        self._aside = Aside(member, worker, self._assignment)
        self._gauges = Gauges(metrics, self._assignment)
        self._commits = CommitSender(member.group, member.topic, self._assignment.commits, metrics)
        self._received = 0
        self._next_observation = 0.0
        self._consumer, self._client = make_consumer(on_commit=self._commits.on_commit)
        self._reader = Reader(member, self._consumer, self._assignment, metrics)
        self._orders = OrderFollower(member, self._consumer, worker, self._assignment, positions)
        self._stopping = False
        self._left = False
        self._at_rest = self._shown_at_rest = False
        self._rests = 0
        self.joined = False
        self.ending: str | Hold | None = None

    def run(self, stop: threading.Event, observe: Callable[[Session], None]) -> None:
        """Join the group and work until a stop is requested or the membership must end.

        `observe` is called about once a second.
        """
        self._aside.join()
        self._consumer.subscribe(
            [self._member.topic], on_assign=self._on_assign, on_revoke=self._on_revoke, on_lost=self._on_lost
        )
        while not stop.is_set() and self.ending is None:
            self._turn()
            now = time.monotonic()
            if now >= self._next_observation:
                self._next_observation = now + OBSERVE_SECONDS
                if self._client.stranded:
                    self.ending = "its Kafka client has lost all brokers for good and is replaced"
                self._show()
                self._metrics.received_bytes.inc(self._client.received_bytes - self._received)
                self._received = self._client.received_bytes
                self._orders.follow()
                observe(self)
        self._stopping = stop.is_set()

    def close(self, deadline: Deadline) -> None:
        """Start nothing more, wait for the event that runs, commit, and leave the group."""
        try:
            self._give_up([state.partition for state in self._assignment], deadline)
        finally:
            self._aside.leave()
        # What Kafka says from here on, maybe late, is about nothing that this group still works on.
        self._left = True
        if not leave(self._consumer):
            log.warning(
                "Group %s: its Kafka client does not come back from leaving the group; another one takes its place",
                self._member.group,
            )
        self._gauges.clear()

    @property
    def consumer(self) -> Consumer:
        """The membership's consumer, for the group's thread alone."""
        return self._consumer

    @property
    def assignment(self) -> Assignment:
        """The state, for the group's thread alone."""
        return self._assignment

    # The loop

    def _turn(self) -> None:
        # With many plugins in a process most of them rest most of the time, and all together must cost next to nothing.
        if self._may_rest:
            wait = IDLE_SECONDS if self._rests < RESTED_AFTER else until_beat(time.monotonic())
            if not self._reader.rest(wait) and self._at_rest:
                self._rests += 1
                return
        self._at_rest = self._shown_at_rest = False
        self._rests = 0
        if self._member.succession.awaited:
            self._succeed()
        busy = self._busy
        if busy:
            # Where records are at hand, poll() would not wait for the answer to a commit but return one of them.
            self._collect(self._look_away())
        self._commits.send(self._consumer, self._assignment.started)
        self._start()
        self._reader.read(0.0 if busy or self._busy else self._until_due(self._pause()))
        if self._reader.problem is not None and self.ending is None:
            self.ending = self._reader.problem
        # The answer to a commit may have come: what has ended meanwhile need not wait for more.
        self._commits.send(self._consumer, self._assignment.started)
        self._start()
        self._at_rest = (
            not self._busy and not self._assignment.has_waiting and self._assignment.commits.is_settled
        )

    @property
    def _may_rest(self) -> bool:
        """Whether there is nothing to do until something is read, or Kafka changes the assignment."""
        return self._at_rest and not (
            self._member.succession.awaited
            or self._member.turn.owner is not None
            or self._assignment.has_waiting
        )

    def _show(self) -> None:
        """Set the gauges, unless nothing can have changed."""
        if not self._shown_at_rest:
            self._shown_at_rest = self._at_rest
            self._gauges.update(self._consumer, self._member.topic)

    @property
    def _busy(self) -> bool:
        """Whether results or queued records need the thread more than Kafka does."""
        return self._assignment.started > 0 or self._reader.has_enough

    def _look_away(self) -> float:
        """How long to wait for results before Kafka is looked at again."""
        commits = self._assignment.commits
        if not commits.open or (self._member.concurrency == 1 and self._assignment.started):
            # What runs wakes the owner, and till then nothing would start anyway.
            return RUNNING_SECONDS
        if commits.room(self._assignment.started):
            return COMMITTING_SECONDS
        # Nothing starts before the answer is noticed. Without a broker that takes long, and must not be a spin.
        return min(RUNNING_SECONDS, max(ANSWER_SECONDS, self._commits.awaited(time.monotonic()) / 4))

    def _pause(self) -> float:
        """How long to wait for Kafka when there is nothing to do."""
        commits = self._assignment.commits
        if commits.open:
            return COMMITTING_SECONDS
        return RUNNING_SECONDS if self._assignment.queued or commits.unacknowledged else IDLE_SECONDS

    def _collect(self, seconds: float) -> None:
        """Take in what the worker has finished; wait at most so long for the first."""
        results = self._completions.take(self._until_due(seconds))
        if not results:
            return
        now = time.monotonic()
        ended: dict[Outcome, int] = {}
        for result in results:
            outcome = self._settle(result, now)
            if outcome is not None:
                ended[outcome] = ended.get(outcome, 0) + 1
        for outcome, count in ended.items():
            self._metrics.events[outcome.value].inc(count)

    def _until_due(self, seconds: float) -> float:
        return self._assignment.until_due(seconds, time.monotonic())

    def _settle(self, result: Result, now: float) -> Outcome | None:
        """Take in one result. Returns how its event has ended, if it has and counts."""
        state = self._assignment.settle(result, now)
        if state is None:
            return None
        if result.delivery.replayed:
            if result.outcome is not None:
                self._metrics.replayed.inc()
            return None
        if result.outcome is None:
            if result.retry_after is not None:
                self._metrics.retried.inc()
            else:
                # Kafka need not send what could not be run anyway; the member stays in the group.
                self._consumer.pause([self._pair(state)])
        return result.outcome

    def _start(self) -> None:
        now = time.monotonic()
        self._assignment.tend(now)
        if self._member.turn.owner is not None:
            self._aside.make_room()
        if self._orders.paused or self._member.succession.awaited:
            return
        deliveries = self._assignment.startable(now) if self._assignment.has_waiting else ()
        if deliveries:
            self._worker.hand_over(deliveries, self._completions)

    def _succeed(self) -> None:
        """Let the new version take over where the group stands, once the old one has ended what it runs.

        What was read ahead is read again, because the new version may want what the old one did not. A partition
        that had stopped at a failed event starts again with it.
        """
        assignment, succession = self._assignment, self._member.succession
        assignment.give_back(self._worker.withdraw())
        if assignment.started or assignment.commits.unacknowledged or assignment.commits.open:
            if succession.is_late(time.monotonic()):
                log.warning("Group %s: its new version waits for what the old one runs", self._member.group)
            return
        # Where nothing was read ahead, there is nothing to read again: it would wait for the fetch that is under way.
        partitions = [
            state.partition for state in assignment if state.progress.unfinished or state.stopped is not None
        ]
        assignment.absolve()
        self._commits.finish(self._consumer, partitions)
        found = (self._take_up(self._consumer, partitions) if partitions else {}) or {}
        succession.take_over()
        self._orders.forget(found)
        for partition, committed in found.items():
            assignment.add(partition, committed.offset, committed.marks)
        offsets = {partition: committed.offset for partition, committed in found.items()}
        pairs = [TopicPartition(self._member.topic, *pair) for pair in offsets.items()]
        try:
            for pair in pairs:
                self._consumer.seek(pair)
            self._consumer.resume(pairs)
        except KafkaException as error:
            self.ending = f"its new version cannot go on at its position: {explain(error.args[0])}"
        where = shown(self._member.topic, offsets) or "the next event"
        log.info("Group %s: its new version takes over with %s", self._member.group, where)

    # Assignment. These are called out of poll(), consume() and close(), in the session's own thread.

    def _on_assign(self, consumer: Consumer, pairs: list[TopicPartition]) -> None:
        self._at_rest = False
        self._metrics.rebalances.inc()
        self.joined = True
        if not pairs:
            return
        partitions = [pair.partition for pair in pairs]
        found = None if self._left else self._take_up(consumer, partitions)
        if found is None:
            # They must be accepted before they can be given back by leaving.
            held = [TopicPartition(self._member.topic, partition, OFFSET_END) for partition in partitions]
            consumer.incremental_assign(held)
            consumer.pause(held)
            return
        self._orders.forget(found)
        for partition, committed in found.items():
            self._assignment.add(partition, committed.offset, committed.marks)
            warn_suspected(self._member, partition, committed)
        offsets = {partition: committed.offset for partition, committed in found.items()}
        consumer.incremental_assign([TopicPartition(self._member.topic, *pair) for pair in offsets.items()])
        log.info("Group %s: assigned %s", self._member.group, shown(self._member.topic, offsets))

    def _take_up(self, consumer: Consumer, partitions: list[int]) -> dict[int, Position] | None:
        try:
            answer = self._positions.take_up(consumer, partitions)
        except KafkaException as error:
            self.ending = f"its position cannot be read: {explain(error.args[0])}"
            return None
        if answer is None:
            self.ending = "its positions have changed while it joined"
            return None
        if isinstance(answer, Hold):
            self.ending = answer
            return None
        return dict(answer)

    def _on_revoke(self, consumer: Consumer, pairs: list[TopicPartition]) -> None:
        self._at_rest = False
        self._metrics.rebalances.inc()
        self._give_up([pair.partition for pair in pairs], Deadline.after(self._member.revoke_timeout))
        if pairs:
            consumer.incremental_unassign(pairs)

    def _on_lost(self, consumer: Consumer, pairs: list[TopicPartition]) -> None:
        """Another member may own them already: nothing is committed, and what still runs changes nothing."""
        self._at_rest = False
        self._metrics.rebalances.inc()
        if self._left:
            if pairs:
                consumer.incremental_unassign(pairs)
            return
        partitions = [pair.partition for pair in pairs]
        log.warning(
            "Group %s: lost %s; what was not committed is repeated",
            self._member.group,
            shown(self._member.topic, partitions),
        )
        self._worker.withdraw(partitions)
        for partition in partitions:
            self._assignment.remove(partition)
        if pairs:
            consumer.incremental_unassign(pairs)

    def _give_up(self, partitions: Collection[int], deadline: Deadline) -> None:
        """Stop, wait for what runs, commit once. Nothing commits these partitions afterwards."""
        mine = [partition for partition in partitions if self._assignment.get(partition) is not None]
        if not mine:
            return
        self._assignment.give_back(self._worker.withdraw(mine), mine)
        while any(state.waiting.started for state in self._assignment if state.partition in mine):
            self._collect(min(0.25, deadline.remaining()))
            if deadline.expired:
                warn_running(self._member, self._worker.running, mine)
                break
        (self._assignment.stop if self._stopping else self._assignment.hand_on)(mine)
        self._commits.finish(self._consumer, mine)
        for partition in mine:
            self._assignment.remove(partition)
        log.info("Group %s: gave up %s", self._member.group, shown(self._member.topic, mine))

    def _pair(self, state: PartitionState) -> TopicPartition:
        return TopicPartition(self._member.topic, state.partition)
