"""How many rows to ask for at once."""

from __future__ import annotations

LARGEST = 500


class PageSize:
    """Rows a page: fewer after a transaction that failed, more again while they succeed. Pure; one owner.

    A page is one transaction, and a transaction has a time limit. Where rows are huge or the network is slow a full
    page may never fit, and the same page would be tried for ever.
    """

    def __init__(self) -> None:
        self._rows = LARGEST

    @property
    def rows(self) -> int:
        """The most rows to ask for, at least one."""
        return self._rows

    def failed(self) -> None:
        """A transaction did not come through."""
        self._rows = max(1, self._rows // 4)

    def succeeded(self) -> None:
        """A transaction came through."""
        self._rows = min(LARGEST, self._rows * 2)
