"""What nobody wants is seen from the headers of a record: its value is not decoded."""

from __future__ import annotations

from collections.abc import Callable, Collection
from functools import lru_cache

from shotgun_schemas import headers

from .delivery import Delivery

Wants = Callable[[str | None, str | None, str | None], bool]
"""Asked with an event's type, its attribute and the id of its project."""

# Most events share these texts, and this is asked for each event of the stream by each plugin.
_decoded = lru_cache(4096)(headers.decode)


def wanted_by(filters: Collection[Wants], *, deliver_backfill: bool) -> Callable[[Delivery], bool]:
    """Whether any of these filters wants an event, told from its headers alone.

    An event without a type in its headers is wanted here and filtered again once it was decoded.
    """

    def wants(delivery: Delivery) -> bool:
        given = delivery.headers
        if not deliver_backfill and headers.BACKFILL in given:
            return False
        event_type = given.get(headers.EVENT_TYPE)
        if event_type is None:
            return bool(filters)
        attribute, project = given.get(headers.ATTRIBUTE_NAME), given.get(headers.PROJECT)
        asked = (
            _decoded(event_type),
            None if attribute is None else _decoded(attribute),
            None if project is None else _decoded(project),
        )
        for wanted in filters:  # noqa: SIM110 - any() with a generator costs as much as all the rest
            if wanted(*asked):
                return True
        return False

    return wants
