"""Which events are left out of the stream on purpose."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from fnmatch import translate
from typing import Any

FILTER_FIELDS = ("event_type", "project")
"""The fields of a row that a filter looks at."""


class PublishFilter:
    """`producer.exclude_event_types` and `producer.projects`. Pure; may be shared between threads.

    It is applied to rows that were fetched, never to the question to the site: an id that is left out was seen, one
    that is missing was not, and only so can the two be told apart. Whatever is odd about a row is in its favour: an
    event type that is no text fits no pattern, a project without an integer id is none, and an event without a project
    is wanted.
    """

    def __init__(self, exclude_event_types: Iterable[str] = (), projects: Iterable[int] = ()) -> None:
        """`exclude_event_types`: patterns as in `fnmatch`, upper and lower case differ. `projects`: ids; none: all."""
        given = sorted(set(exclude_event_types))
        patterns = [translate(pattern) for pattern in given]
        self._is_excluded = re.compile("|".join(patterns)).match if patterns else None
        self._projects = frozenset(projects)
        self._rule = json.dumps({"exclude_event_types": given, "projects": sorted(self._projects)})

    @property
    def rule(self) -> str:
        """The filter as text; equal for filters that leave out the same."""
        return self._rule

    @property
    def is_open(self) -> bool:
        """Whether every row is wanted."""
        return self._is_excluded is None and not self._projects

    def wants(self, row: Mapping[str, Any]) -> bool:
        """Whether the event is to be published. The row needs the `FILTER_FIELDS`; never raises."""
        if self._is_excluded is not None:
            event_type = row.get("event_type")
            if isinstance(event_type, str) and self._is_excluded(event_type):
                return False
        if self._projects:
            project = row.get("project")
            number = project.get("id") if isinstance(project, Mapping) else None
            return type(number) is not int or number in self._projects
        return True
