"""Event ids: every writer of the site reserves a block ahead and draws from it, so ids appear out of order."""

from __future__ import annotations

from random import Random


class BlockCounter:
    """The site's id counter, handed out in blocks.

    ``writers`` writers each hold a block of ``block`` ids and open a new one when theirs is used up. With one
    writer ids are dense; with 16 writers and blocks of 33 the newest thousand ids are about 73 % dense.
    Not thread-safe: the owner holds a lock.
    """

    def __init__(self, random: Random, *, writers: int = 16, block: int = 33, next_id: int = 1) -> None:
        self._random = random
        self._block = block
        self._next = next_id
        self._open: list[range] = [range(0)] * writers

    @property
    def next_id(self) -> int:
        """The first id that no block contains yet."""
        return self._next

    @property
    def reserved(self) -> int:
        """How many ids are reserved in open blocks and not drawn yet."""
        return sum(len(block) for block in self._open)

    def pick_writer(self) -> int:
        """Return the writer that the next transaction happens to run on."""
        return self._random.randrange(len(self._open))

    def draw(self, writer: int) -> int:
        """Return the next id of ``writer``, opening a new block when its present one is used up."""
        block = self._open[writer % len(self._open)]
        if not block:
            block = range(self._next, self._next + self._block)
            self._next = block.stop
        self._open[writer % len(self._open)] = block[1:]
        return block[0]

    def reset(self, next_id: int) -> None:
        """Forget every open block and count on from ``next_id``, as a site restored from a backup does."""
        self._next = next_id
        self._open = [range(0)] * len(self._open)
