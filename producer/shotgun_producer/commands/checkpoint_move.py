"""What `checkpoint set` makes of the checkpoint. Pure.

The stream goes on behind an event that a person chose. What each field becomes, and why:

* `head`: the chosen event. What lies above is read anew, what lies between the old head and a higher one is skipped.
* `start_head`: the same. It is the border up to which nothing is expected in the topic, a backfill may publish, and
  an oldest event above it is no surprise; all three are right for the skipped ids, and for ids that the site has
  archived since.
* `initial_holes`: the exceptions below that border. To the old ones comes the range from the old border to the old
  head, as far as it lies below the new one: the stream has published it, so it is expected in the topic, and a
  backfill leaves it out.
* `holes`: those below the new head stay, the one that reaches over it is cut. They are still looked for.
* `backfills`: they stay, cut at the new border: what lies above it is read by the stream itself. A job that loses all
  of its range stays as one that is over, so that its order in the control topic does not begin it anew.
* `anchor`: it stays if it lies at or below the head, and the site still shows it so.
* `end_offsets`: going on, they stay, so that the next start still finds a transaction that was torn. Going back, they
  are the topic's ends: else the last page would count as published.
* `filter`: it stays, and counts from the new head at the latest: what lies above is read anew.
* `installation` stays.

When the topic was made again, it holds nothing: only the remaining holes are expected in it, and what a backfill
covered in the old one may be published again. When the site is another one, its ids have nothing to do with the old
ones: holes, exceptions and backfills end.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from dataclasses import dataclass, replace

from shotgun_schemas.checkpoint import Backfill, Checkpoint, Filter, Hole

from ..decisions import same_site
from ..progress import Place

Ranges = tuple[tuple[int, int], ...]


@dataclass(frozen=True, slots=True)
class Situation:
    """What was found when the checkpoint is moved.

    `ends` are the end offsets of the topic's partitions, `newest` is the newest event of the site. `knows_site`:
    whether the site shows the checkpoint's anchor as it was; None when it cannot be told. `now`: seconds since 1970
    by the site's clock.
    """

    place: Place
    ends: tuple[int, ...]
    newest: int
    knows_site: bool | None
    now: float


def is_same_site(present: Checkpoint, situation: Situation) -> bool:
    """Whether the ids are still those of the checkpoint: by the anchor, or else by the address."""
    if situation.knows_site is not None:
        return situation.knows_site
    return same_site(present.site) == same_site(situation.place.site)


def is_same_topic(present: Checkpoint, situation: Situation) -> bool:
    """Whether the topic is the one that the checkpoint is about."""
    return present.topic_id == situation.place.topic_id


def moved(present: Checkpoint | None, head: int, situation: Situation) -> Checkpoint:
    """The checkpoint that goes on behind the event `head`. `present`: the one that is there and can be read."""
    if present is None:
        return _begun(str(uuid.uuid4()), head, situation)
    if not is_same_site(present, situation):
        ended = tuple(_emptied(job) for job in present.backfills)
        return replace(_begun(present.installation, head, situation), backfills=ended)
    holes = tuple(_cut_holes(present.holes, head))
    if is_same_topic(present, situation):
        exceptions = _exceptions(present, head)
        backfills = tuple(_cut_job(job, head) for job in present.backfills)
    else:
        exceptions = tuple((hole.first, hole.last) for hole in holes)
        backfills = tuple(_cut_job(_begun_anew(job), head) for job in present.backfills)
    anchor = present.anchor
    return replace(
        _begun(present.installation, head, situation),
        holes=holes,
        initial_holes=exceptions,
        end_offsets=_end_offsets(present, head, situation),
        anchor=anchor if anchor is not None and anchor.id <= head else None,
        backfills=backfills,
        filter=_cut_filter(present.filter, head),
    )


def _begun(installation: str, head: int, situation: Situation) -> Checkpoint:
    """A stream that begins behind `head` and knows nothing of what was before."""
    place = situation.place
    return Checkpoint(
        installation=installation,
        site=place.site,
        topic=place.topic,
        topic_id=place.topic_id,
        partitions=place.partitions,
        head=head,
        holes=(),
        start_head=head,
        initial_holes=(),
        end_offsets=situation.ends,
        written_at=situation.now,
    )


def _end_offsets(present: Checkpoint, head: int, situation: Situation) -> tuple[int, ...]:
    known, ends = present.end_offsets, situation.ends
    if head < present.head or len(known) != len(ends) or not is_same_topic(present, situation):
        return ends
    return tuple(min(pair) for pair in zip(known, ends, strict=True))


def _exceptions(present: Checkpoint, head: int) -> Ranges:
    published = (present.start_head + 1, present.head)
    cut = ((first, min(last, head)) for first, last in (*present.initial_holes, published))
    return tuple((first, last) for first, last in cut if first <= last)


def _cut_holes(holes: Iterable[Hole], head: int) -> Iterable[Hole]:
    return (replace(hole, last=min(hole.last, head)) for hole in holes if hole.first <= head)


def _cut_job(job: Backfill, border: int) -> Backfill:
    last = min(job.last, max(border, job.first - 1))
    return replace(job, last=last, next_id=min(job.next_id, last + 1))


def _cut_filter(known: Filter | None, head: int) -> Filter | None:
    return None if known is None else replace(known, since=min(known.since, head))


def _begun_anew(job: Backfill) -> Backfill:
    """What is left of a job counts, what it covered does not."""
    return _emptied(job) if job.is_over else replace(job, first=job.next_id)


def _emptied(job: Backfill) -> Backfill:
    return replace(job, last=job.first - 1, next_id=job.first)
