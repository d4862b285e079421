"""How long the site takes: a median, a spread, and a tail."""

from __future__ import annotations

import math
from random import Random

SIGMA = 0.35
TAIL_SHARE = 0.01
TAIL_FACTOR = 10.0
# Relative to the median of a small read, which was 0.17 s on a real site.
PER_ROW = 0.0003 / 0.17
PER_WRITE = 0.43 / 0.17
PER_BATCH_ROW = 0.06 / 0.17


class LatencyModel:
    """Draws the time of a call, log-normal around ``median`` seconds of a read. Not thread-safe."""

    def __init__(self, random: Random, median: float) -> None:
        self._random = random
        self.median = median

    def draw(self, method: str, rows: int) -> float:
        """Return seconds for a call of ``method`` that reads or writes ``rows`` rows; 0 when the median is 0."""
        if self.median <= 0:
            return 0.0
        if method == "batch":
            factor = PER_BATCH_ROW * max(1, rows)
        elif method in ("create", "update", "delete", "revive"):
            factor = PER_WRITE
        else:
            factor = 1.0 + PER_ROW * rows
        tail = TAIL_FACTOR if self._random.random() < TAIL_SHARE else 1.0
        return self.median * factor * tail * math.exp(self._random.gauss(0.0, SIGMA))
