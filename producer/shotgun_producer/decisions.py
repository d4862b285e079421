"""When a person must decide how the stream goes on: found out here, decided with a command.

Each function raises DecisionNeededError, whose message names what was found and the command that decides.
"""

from __future__ import annotations

from typing import NoReturn

from shotgun_runtime.errors import DecisionNeededError
from shotgun_schemas.checkpoint import Anchor, Checkpoint

from .progress import Place
from .times import parse_created_at

RESET_COMMAND = "shotgun-producer checkpoint reset --yes"


def set_command(head: int | str) -> str:
    """The command that makes the stream go on behind the event `head`."""
    return f"shotgun-producer checkpoint set {head} --yes"


def _how(head: int | str) -> str:
    return (
        f"run: {set_command(head)} (the stream then goes on behind event {head}; without --yes it says what that "
        f"means). Or set producer.start and run: {RESET_COMMAND}"
    )


def check_place(checkpoint: Checkpoint, place: Place) -> None:
    """The checkpoint is about this site, and about this very topic."""
    head = checkpoint.head
    if same_site(checkpoint.site) != same_site(place.site):
        _decide(
            f"the checkpoint is of the site {checkpoint.site}, but shotgun.url is {place.site}. Set shotgun.url back; "
            "if the site has only got a new address or another one is meant",
            head,
        )
    if checkpoint.topic != place.topic:
        _decide(
            f"the checkpoint is of the topic {checkpoint.topic}, but stream.topic is {place.topic}. "
            "Set stream.checkpoint_topic to a topic of its own; if the new topic is meant",
            head,
        )
    check_topic(checkpoint, place.topic_id, place.partitions)


def check_topic(checkpoint: Checkpoint, topic_id: str, partitions: int) -> None:
    """The topic of the checkpoint's name is the one that was written, and is divided as it was."""
    topic, head = checkpoint.topic, checkpoint.head
    if checkpoint.topic_id != topic_id:
        _decide(
            f"the topic {topic} was deleted and made again since event {head} was published "
            f"(its id was {checkpoint.topic_id} and is {topic_id}). If that is meant",
            head,
        )
    if checkpoint.partitions != partitions:
        _decide(
            f"the topic {topic} had {checkpoint.partitions} partitions and has {partitions}: events of "
            "one entity would no longer be in one partition. If that is meant",
            head,
        )


def topic_gone(checkpoint: Checkpoint) -> NoReturn:
    """The topic does not exist any more, and making it again would hide that."""
    _decide(
        f"the topic {checkpoint.topic} does not exist any more, but events up to {checkpoint.head} were published to "
        "it: it was deleted. If that is meant",
        checkpoint.head,
    )


def check_topic_ends(checkpoint: Checkpoint, ends: tuple[int, ...]) -> None:
    """The topic still holds what the checkpoint says was published."""
    for partition, (known, end) in enumerate(zip(checkpoint.end_offsets, ends, strict=True)):
        if end < known:
            _decide(
                f"partition {partition} of the topic {checkpoint.topic} ends at offset {end}, but {known} was "
                "reached before: the brokers have lost published events. If they cannot be restored",
                checkpoint.head,
            )


def check_no_events(topic: str, events: int) -> None:
    """A stream without a checkpoint must be new: else it would start at another event than where it ended."""
    if events:
        raise DecisionNeededError(
            f"the topic {topic} holds events, but there is no checkpoint that says how far the site was read. "
            f"Restore the checkpoint topic; or, where ID is the last event in the topic, {_how('ID')}"
        )


def unreadable_checkpoint(reason: str) -> NoReturn:
    """There is a checkpoint that cannot be understood."""
    raise DecisionNeededError(
        f"the checkpoint cannot be read: {reason}. If that is no older version running by mistake, {_how('ID')}"
    )


def went_backwards(head: int, newest: int) -> NoReturn:
    """The newest event of the site is older than one that was published."""
    _decide(
        f"the newest event of the site is {newest}, but {head} was read before: the site was restored from a backup, "
        "another site answers at this address, or the script user may see fewer events than before. If it is to stay "
        "so",
        newest,
    )


def all_gone(head: int) -> NoReturn:
    """The site shows no event at all."""
    _decide(
        f"the site shows no event at all, although event {head} was read: it was emptied, another site answers at this "
        "address, or the script user may no longer see events (Admin > Permissions). If it is to stay so",
        0,
    )


def is_another_event(anchor: Anchor, found: object) -> bool:
    """Whether the site shows another event under the anchor's id. `found`: its date now, None when it is not shown.

    An event that is not shown, or that has no date, says nothing: it may be archived or hidden.
    """
    then, now = parse_created_at(anchor.created_at), parse_created_at(found)
    return then is not None and now is not None and int(then) != int(now)


def another_site(anchor: Anchor, found: object, newest: int) -> NoReturn:
    """The site shows another event under an id that was published."""
    _decide(
        f"event {anchor.id} was created at {anchor.created_at} when it was published, and the site now shows one of "
        f"{found}: another site answers at this address, or it was restored from a backup. If it is to stay so",
        newest,
    )


def cut_above(head: int, first: int) -> NoReturn:
    """The site no longer holds the events that come next."""
    _decide(
        f"the oldest event of the site is {first}, but the last one that was read is {head}: the events between were "
        "archived before they could be read. To go on without them",
        first - 1,
    )


def same_site(url: str) -> str:
    """The address without what makes no difference."""
    return url.rstrip("/").lower()


def _decide(found: str, head: int) -> NoReturn:
    raise DecisionNeededError(f"{found}, {_how(head)}")
