"""The questions that the producer asks the site about its event log."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from shotgun_schemas.event import FIELDS

from .holes import Plan
from .page import Page, joined, read_page
from .page_size import LARGEST
from .site_reader import Doubt, SiteReader, no_doubt


class EventLog:
    """The event log as one spell of publishing sees it. Every method waits until the site answers.

    They raise HaltedError once `halt` is set, and SiteRefusedError as `SiteReader` says.
    """

    def __init__(self, reader: SiteReader, halt: threading.Event) -> None:
        self._reader = reader
        self._halt = halt

    def now(self) -> float:
        """The site's time in seconds since 1970."""
        return self._reader.now()

    @property
    def failures(self) -> int:
        """How many requests have failed so far."""
        return self._reader.failures

    def page(self, plan: Plan, limit: int = LARGEST) -> Page:
        """The rows that `plan` asks for, or as many of them as one page of at most `limit` rows holds."""
        answer = self._reader.find([_condition(plan)], FIELDS, halt=self._halt, limit=limit)
        return read_page(answer.rows, answer.limit)

    def rows_between(self, first: int, last: int, limit: int = LARGEST) -> Page:
        """All visible rows with ids from `first` to `last`, both included, read with pages of `limit` rows.

        `reach` is None. The rows of several pages were visible at several moments.
        """
        return joined([*self._pages(first, last, FIELDS, limit)])

    def newest_id(self, doubt: Doubt = no_doubt) -> int | None:
        """The highest id that is visible, None when none is. `doubt`: see `SiteReader.find`."""
        return self._one_id([], "desc", doubt)

    def dates_of(self, ids: Collection[int]) -> dict[int, object]:
        """`created_at` as the site sends it, of those of `ids` that are visible; at most a page of them."""
        answer = self._reader.find([["id", "in", sorted(ids)]], ["id", "created_at"], halt=self._halt)
        page = read_page(answer.rows, answer.limit)
        return {row.id: page.rows[row.id].get("created_at") for row in page.sightings}

    def first_id(self) -> int | None:
        """The lowest id that is visible, None when none is."""
        return self._one_id([], "asc")

    def first_id_since(self, moment: datetime, until: datetime | None = None) -> int | None:
        """The lowest visible id that was created at `moment` or later, and before `until`; None when there is none."""
        # The site knows no "at or after"; its times have whole seconds.
        before = moment.replace(microsecond=0) - timedelta(seconds=0 if moment.microsecond else 1)
        filters = [["created_at", "greater_than", _site_time(before)]]
        if until is not None:
            filters.append(["created_at", "less_than", _site_time(until)])
        return self._one_id(filters, "asc")

    def pages_between(self, first: int, last: int, fields: Sequence[str]) -> Iterator[Page]:
        """The visible rows from `first` to `last`, both included, with these fields, a page at a time, ascending."""
        return self._pages(first, last, fields, LARGEST)

    def count_between(self, first: int, last: int) -> int:
        """How many ids from `first` to `last`, both included, are visible."""
        return self._reader.count([["id", "between", first, last]], halt=self._halt)

    def ids_between(self, first: int, last: int) -> list[int]:
        """The visible ids from `first` to `last`, both included, ascending."""
        return [row.id for page in self._pages(first, last, ["id"], LARGEST) for row in page.sightings]

    def _pages(self, first: int, last: int, fields: Sequence[str], limit: int) -> Iterator[Page]:
        while first <= last:
            between = ["id", "between", first, last]
            answer = self._reader.find([between], fields, halt=self._halt, limit=limit)
            page = read_page(answer.rows, answer.limit)
            yield page
            if page.reach is None:
                return
            first = page.reach + 1

    def _one_id(self, filters: Sequence[Any], direction: str, doubt: Doubt = no_doubt) -> int | None:
        answer = self._reader.find(
            filters, ["id"], halt=self._halt, direction=direction, limit=1, doubt=doubt
        )
        page = read_page(answer.rows, answer.limit)
        return page.sightings[0].id if page.sightings else None


def _site_time(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _condition(plan: Plan) -> Any:
    wanted: list[Any] = [] if plan.above is None else [["id", "greater_than", plan.above]]
    wanted += [["id", "between", first, last] for first, last in plan.ranges]
    return wanted[0] if len(wanted) == 1 else {"filter_operator": "any", "filters": wanted}
