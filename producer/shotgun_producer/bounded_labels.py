"""Values from outside as labels of a metric, without an end to how many there may be."""

from __future__ import annotations

OTHER = "other"
LONGEST = 100


class BoundedLabels:
    """The first `most` distinct values get a label of their own, all later ones share `other`. Pure; one owner.

    A value that once had its own label keeps it. One that is no text or none at all is `none`; one of more than
    `LONGEST` characters is `other`.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: set[str] = set()

    def label(self, value: object) -> str:
        """The label of a value."""
        if not isinstance(value, str) or not value:
            return "none"
        if value in self._known:
            return value
        if len(self._known) >= self._most or len(value) > LONGEST:
            return OTHER
        self._known.add(value)
        return value
