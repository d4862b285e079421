"""What nobody wants is seen from the headers of a record: its value is not decoded."""

from __future__ import annotations

from collections.abc import Callable, Collection

from shotgun_schemas import headers

from .delivery import Delivery

Wants = Callable[[str | None, str | None, str | None], bool]
"""Asked with an event's type, its attribute and the id of its project."""


def wanted_by(filters: Collection[Wants], *, deliver_backfill: bool) -> Callable[[Delivery], bool]:
    """Whether any of these filters wants an event, told from its headers alone.

    An event without a type in its headers is wanted here and filtered again once it was decoded.
    """

    def wants(delivery: Delivery) -> bool:
        if not deliver_backfill and headers.BACKFILL in delivery.headers:
            return False
        event_type = delivery.text(headers.EVENT_TYPE)
        if event_type is None:
            return bool(filters)
        attribute = delivery.text(headers.ATTRIBUTE_NAME)
        project = delivery.text(headers.PROJECT)
        return any(wanted(event_type, attribute, project) for wanted in filters)

    return wants
