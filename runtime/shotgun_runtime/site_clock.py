"""The site's time, from the Date headers of its answers."""

from __future__ import annotations

_JUMP_SECONDS = 300.0
_AGREEMENT_SECONDS = 5.0
_SLACK_SECONDS = 2.0


def clock_skew(server: float | None, asked: float, answered: float) -> float | None:
    """Seconds by which the site's clock is ahead, at the least; None when it told no time.

    Its whole second `server` was read at some moment between `asked` and `answered` of this machine's clock, so a slow
    answer is no skew.
    """
    if server is None:
        return None
    return max(0.0, server - answered) - max(0.0, asked - (server + 1))


class SiteClock:
    """Server time carried on by a monotonic clock. Pure, one owner; it never goes backwards.

    A ``Date`` has whole seconds and is old by the time it arrives, so it is a lower bound: the highest one seen rules.
    One that is more than five minutes ahead of the rest must be confirmed by the next: a wrong clock in one proxy's
    answer must not age everything.
    """

    def __init__(self) -> None:
        self._offset: float | None = None
        self._suspect: float | None = None
        self._latest = float("-inf")

    @property
    def known(self) -> bool:
        """Whether a time has been observed."""
        return self._offset is not None

    def observe(self, server_epoch: float | None, monotonic: float) -> None:
        """Note the ``Date`` of an answer (epoch seconds, None when it had none) that came at this monotonic time."""
        if server_epoch is None:
            return
        offset = server_epoch - monotonic
        if self._offset is None:
            self._offset = offset
        elif offset > self._offset + _JUMP_SECONDS:
            confirmed = self._suspect is not None and abs(offset - self._suspect) <= _AGREEMENT_SECONDS
            self._suspect = offset
            if confirmed:
                self._offset = offset
        else:
            self._suspect = None
            if offset > self._offset or offset < self._offset - _SLACK_SECONDS:
                self._offset = offset

    def now(self, monotonic: float) -> float:
        """Return the site's time in epoch seconds. Raises RuntimeError before the first observation."""
        if self._offset is None:
            raise RuntimeError("no answer of the site has carried a Date header yet")
        self._latest = max(self._latest, self._offset + monotonic)
        return self._latest
