"""A studio's working time: how the events of the past spread over days and hours."""

from __future__ import annotations

from bisect import bisect_left
from datetime import datetime, timezone
from itertools import accumulate

DAY = 86400.0

# Share of a working day's events by hour (UTC): quiet nights with renders, a dip at lunch, a late push.
HOURS = (1, 1, 1, 1, 1, 1, 2, 6, 14, 18, 18, 16, 9, 15, 18, 18, 16, 12, 7, 4, 3, 2, 1, 1)
WEEKEND_SHARE = 0.06


class StudioCalendar:
    """Spreads ``count`` moments over the days before ``end`` as a studio's week does.

    ``moment`` is ascending and costs a bisection; the same arguments always give the same moments.
    """

    def __init__(self, count: int, end: float, *, per_day: int = 6000) -> None:
        days = max(1.0, count / per_day * 7 / (5 + 2 * WEEKEND_SHARE))
        hours = max(1, int(days * 24))
        self._start = end - hours * 3600
        weights = [_weight(self._start + hour * 3600) for hour in range(hours)]
        self._sums = [0.0, *accumulate(weights)]
        self._count = max(1, count)

    def moment(self, position: float) -> float:
        """Return the epoch seconds of the event at ``position`` (0 is the oldest) of the ``count``."""
        target = min(1.0, max(0.0, position / self._count)) * self._sums[-1]
        hour = max(1, bisect_left(self._sums, target))
        before, width = self._sums[hour - 1], self._sums[hour] - self._sums[hour - 1]
        return self._start + (hour - 1 + (target - before) / width) * 3600

    def position(self, epoch: float) -> float:
        """Return the position whose moment is ``epoch``; the inverse of ``moment``."""
        hour = (epoch - self._start) / 3600
        if hour <= 0:
            return 0.0
        if hour >= len(self._sums) - 1:
            return float(self._count)
        whole = int(hour)
        done = self._sums[whole] + (self._sums[whole + 1] - self._sums[whole]) * (hour - whole)
        return done / self._sums[-1] * self._count


def _weight(epoch: float) -> float:
    moment = datetime.fromtimestamp(epoch, timezone.utc)
    share = WEEKEND_SHARE if moment.weekday() >= 5 else 1.0
    return HOURS[moment.hour] * share
