"""The stream as a command sees it: topic, control records, positions, records. Looking changes nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager
from datetime import datetime, timezone

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from shotgun_runtime.control import ControlWriter
from shotgun_runtime.errors import ConfigurationError, KafkaRefusedError, StreamError
from shotgun_runtime.kafka import BrokerWatch, admin, explain, is_refusal, require_broker
from shotgun_runtime.settings import Settings, require_kafka
from shotgun_runtime.start import Start
from shotgun_runtime.topics import TopicIdentity, topic_identity
from shotgun_schemas import control
from shotgun_schemas.checkpoint import CHECKPOINT_KEY, Checkpoint, decode_checkpoint
from shotgun_schemas.control import ControlRecord
from shotgun_schemas.framing import DecodeError

from ..positions.group_positions import Member, group_names, members_of, read_positions
from ..positions.placement import Witness
from ..positions.position import Position
from ..positions.positions import bounds
from ..positions.topic_reader import Bounds, Record, TopicReader
from .control_desk import control_writer, known_groups, read_control

_FIRST_WINDOW = 64


class StreamView:
    """One for a command. One thread. Made by `open_view`, which also says what every method may raise."""

    def __init__(self, settings: Settings, client: AdminClient, watch: BrokerWatch) -> None:
        self.settings = settings
        self.client = client
        self.watch = watch
        self.topic = settings.stream.topic
        self.identity: TopicIdentity = _identity(client, self.topic)

    @property
    def partitions(self) -> range:
        """The partitions of the event topic."""
        return range(self.identity.partitions)

    def control(self) -> Mapping[str, ControlRecord]:
        """The control records as they stand now; none while there is no control topic."""
        return read_control(self.settings, self.client, self.watch)

    def writer(self) -> AbstractContextManager[ControlWriter]:
        """A writer of control records; the control topic is made if it is missing."""
        return control_writer(self.settings, self.client, self.watch)

    def bounds(self) -> dict[int, tuple[int, int]]:
        """Each partition's first offset and its end."""
        return bounds(self.client, self.topic, self.partitions)

    def positions(self, groups: Collection[str]) -> dict[str, dict[int, Position]]:
        """The positions of these groups; partitions without one are left out."""
        return read_positions(self.settings, groups, self.partitions, self.watch)

    def members(self, groups: Collection[str]) -> dict[str, tuple[Member, ...]]:
        """The members of these groups, whose positions were asked for before."""
        return members_of(self.client, groups)

    def groups(self, prefix: str) -> list[str]:
        """The groups of this stream whose name begins so: those with a control record, and those of Kafka."""
        witnessed = {group for group in known_groups(self.control()) if group.startswith(prefix)}
        # Without a prefix, Kafka's list would hold what has nothing to do with this stream.
        return sorted(witnessed | (group_names(self.client, prefix) if prefix else set()))

    def require_group(self, group: str) -> dict[int, Position]:
        """The group's positions. Raises ConfigurationError for a group that nobody knows."""
        found = self.positions([group])[group]
        records = self.control()
        if found or control.group_key(group) in records:
            return found
        known = known_groups(records)
        raise ConfigurationError(
            f"no group {group!r} is known in {self.topic}; the known ones are {', '.join(known) or 'none'}"
        )

    def witness(self, group: str) -> Witness | None:
        """The group's witness, from the control records as they stand now."""
        record = self.control().get(control.group_key(group))
        return None if record is None else Witness.from_fields(record.fields)

    def reader(self) -> TopicReader:
        """A reader of the event topic, to be closed."""
        return TopicReader(self.settings, self.watch)

    def resolve(self, to: Start, limits: Bounds) -> tuple[dict[int, int], str]:
        """The offset of each partition where `to` lies, and the place in words.

        Raises ConfigurationError for an event that the topic does not hold.
        """
        if to.kind == "earliest":
            return {number: low for number, (low, _) in limits.items()}, "the first event of the stream"
        if to.kind == "latest":
            return {number: end for number, (_, end) in limits.items()}, "the end of the stream"
        with closing(self.reader()) as reader:
            if to.moment is not None:
                return reader.offsets_at(to.moment, limits), f"the first event since {to.moment.isoformat()}"
            assert to.event_id is not None
            record = reader.find(to.event_id, limits)
            moment = datetime.fromtimestamp(record.timestamp, timezone.utc)
            # The event's own place is known in its own partition alone; in the others, time tells.
            others = reader.offsets_at(
                moment, {n: span for n, span in limits.items() if n != record.partition}
            )
            return {**others, record.partition: record.offset}, _named(record, moment)

    def checkpoint(self) -> Checkpoint | None:
        """The producer's newest checkpoint; None when it cannot be read, or is about another topic.

        A team may lack the right to read it, and a mirrored stream may come without it.
        """
        topic = self.settings.stream.checkpoint_topic
        try:
            low, end = bounds(self.client, topic, [0])[0]
            with closing(TopicReader(self.settings, self.watch, topic=topic)) as reader:
                value = _newest(reader, low, end)
            found = None if value is None else decode_checkpoint(value)
        except (KafkaException, StreamError, DecodeError):
            return None
        return found if found is not None and found.topic_id == self.identity.topic_id else None


@contextmanager
def open_view(settings: Settings) -> Iterator[StreamView]:
    """The stream for one command.

    Raises ConfigurationError without brokers, KafkaRefusedError when Kafka refuses or the topic is not there,
    StreamError when Kafka does not answer; what the view's methods raise inside becomes one of them.
    """
    require_kafka(settings.kafka)
    client = admin(settings)
    require_broker(client, settings.kafka.bootstrap_servers)
    try:
        yield StreamView(settings, client, BrokerWatch(settings.kafka.bootstrap_servers))
    except KafkaException as error:
        cause = error.args[0]
        message = f"Kafka at {settings.kafka.bootstrap_servers}: {explain(cause)}"
        raise (KafkaRefusedError(message) if is_refusal(cause) else StreamError(message)) from None


def team_prefix(settings: Settings, remedy: str = "set consumer.team, or use --team TEAM or --all") -> str:
    """What the names of the team's groups begin with. Raises ConfigurationError, with the remedy, without a team."""
    if not settings.consumer.team:
        raise ConfigurationError(f"no team is given; {remedy}")
    return f"{settings.consumer.group_prefix}{settings.consumer.team}."


def _newest(reader: TopicReader, low: int, end: int) -> bytes | None:
    """The newest checkpoint's bytes, searched for from the end; None without one, also after it was reset."""
    top, window = end, _FIRST_WINDOW
    while top > low:
        start = max(low, top - window)
        values = [one.value() for one in reader.messages({0: (start, top)}) if one.key() == CHECKPOINT_KEY]
        if values:
            newest = values[-1]
            return None if newest is None else bytes(newest)
        top, window = start, window * 4
    return None


def _named(record: Record, moment: datetime) -> str:
    if not record.timestamp:
        return f"event {record.event_id}"
    return f"event {record.event_id} of {moment.isoformat(timespec='seconds')}"


def _identity(client: AdminClient, topic: str) -> TopicIdentity:
    try:
        return topic_identity(client, topic)
    except KafkaRefusedError as error:
        raise KafkaRefusedError(
            f"{error}. Check stream.topic in the configuration; the first start of `shotgun-producer run` makes it"
        ) from None
