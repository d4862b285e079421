"""What became of an event's callbacks in earlier tries: texts that travel with the event, also over a restart."""

from __future__ import annotations

from .delivery import Delivery, Outcome

POISON = "poison !"
"""Among an event's texts it says that the event is not to be run, but to get its plugin's policy."""

_SINCE = "since"
_HELD = "held"


class History:
    """The callbacks of one event that have ended, and which try of the present one this is.

    Pure; made for each run of an event, whose callbacks are asked for in their order. The texts are the keys of the
    callbacks that have ended and, for each that did not succeed, a second text such as `skipped notify`. A third kind,
    `since 4 notify`, says that a callback was first called in the event's fourth run; `held 2`, that two runs called
    nothing, because the group was paused, and do not count. Keys are no phrases, so none is taken for another. After a
    restart attempts are counted anew, for nobody keeps them.
    """

    __slots__ = ("_attempt", "_moved", "_texts")

    def __init__(self, delivery: Delivery) -> None:
        self._texts = delivery.ended
        self._attempt = max(1, delivery.attempt - self._held()) if delivery.attempt > 1 else 1
        self._moved = False

    @property
    def is_poison(self) -> bool:
        """Whether the callbacks are to be given up instead of called."""
        return POISON in self._texts

    def has_ended(self, key: str) -> bool:
        """Whether the callback is not to be called again."""
        return key in self._texts

    def attempt(self, key: str) -> int:
        """Which try of this callback the present one is, from 1."""
        return self._attempt - self._first_run(key) + 1

    def end(self, key: str, outcome: Outcome) -> None:
        """Note how the callback has ended in this run."""
        self._moved = True
        news = {key} if outcome is Outcome.SUCCEEDED else {key, f"{outcome.value} {key}"}
        self._texts = self._ended() | news

    def texts(self, current: str) -> frozenset[str]:
        """What is to be handed back with the event when its next run begins with the callback `current`."""
        first = self._first_run(current)
        return self._ended() if first == 1 else self._ended() | {f"{_SINCE} {first} {current}"}

    def held(self) -> frozenset[str]:
        """What is to be handed back when this run has called nothing."""
        held = self._held()
        return (self._texts - {f"{_HELD} {held}"}) | {f"{_HELD} {held + 1}"}

    @property
    def outcome(self) -> Outcome:
        """How the event ends when all of its callbacks have ended: as the worst of them."""
        for outcome in (Outcome.DEAD_LETTERED, Outcome.SKIPPED):
            if any(text.startswith(f"{outcome.value} ") for text in self._texts):
                return outcome
        return Outcome.SUCCEEDED

    def _first_run(self, key: str) -> int:
        if self._moved or self._attempt == 1:
            # Whatever was tried before it, its own tries begin with this run.
            return self._attempt
        for text in self._texts:
            word, _, rest = text.partition(" ")
            number, _, tried = rest.partition(" ")
            if word == _SINCE and tried == key and number.isdigit() and int(number) <= self._attempt:
                return int(number)
        return 1

    def _held(self) -> int:
        for text in self._texts:
            word, _, number = text.partition(" ")
            if word == _HELD and number.isdigit():
                return int(number)
        return 0

    def _ended(self) -> frozenset[str]:
        if not any(text.startswith(f"{_SINCE} ") for text in self._texts):
            return self._texts
        return frozenset(text for text in self._texts if not text.startswith(f"{_SINCE} "))
