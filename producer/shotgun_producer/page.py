"""One answer of the site: rows by id, and how far it reaches."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .holes import Sighting
from .times import parse_created_at

Row = Mapping[str, Any]

_LONG = 2**63


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one answer. `sightings` are in ascending order of ids, each id once.

    `reach` is None when the answer holds all that was asked for, else the last id of the full page. `unusable` are
    rows without an id that fits: they cannot be published.
    """

    rows: Mapping[int, Row]
    sightings: tuple[Sighting, ...]
    reach: int | None
    unusable: tuple[Row, ...]

    @property
    def is_full(self) -> bool:
        """Whether the site has more than it could send."""
        return self.reach is not None

    def cut(self, limit: int) -> Iterator[Page]:
        """Pages of at most `limit` rows each, which together are this one; their `reach` is None."""
        for at in range(0, len(self.sightings), limit):
            sightings = self.sightings[at : at + limit]
            unusable = self.unusable if at == 0 else ()
            yield replace(self, sightings=sightings, reach=None, unusable=unusable)


def read_page(rows: Iterable[Row], limit: int) -> Page:
    """The page of `rows`, which were asked for with this `limit`. The first of several rows of one id counts."""
    by_id: dict[int, Row] = {}
    unusable = []
    count = 0
    for row in rows:
        count += 1
        number = row.get("id")
        if type(number) is int and 0 < number < _LONG:
            by_id.setdefault(number, row)
        else:
            unusable.append(row)
    ids = sorted(by_id)
    sightings = tuple(Sighting(number, parse_created_at(by_id[number].get("created_at"))) for number in ids)
    reach = ids[-1] if count >= limit and ids else None
    return Page(by_id, sightings, reach, tuple(unusable))


def joined(pages: Sequence[Page]) -> Page:
    """The pages, which are in ascending order and hold all that was asked for, as one; with none, an empty one."""
    if len(pages) == 1:
        return replace(pages[0], reach=None)
    return Page(
        rows={number: row for page in pages for number, row in page.rows.items()},
        sightings=tuple(sighting for page in pages for sighting in page.sightings),
        reach=None,
        unusable=tuple(row for page in pages for row in page.unusable),
    )
