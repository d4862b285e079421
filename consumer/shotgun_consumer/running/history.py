"""What became of an event's callbacks in earlier tries: texts that travel with the event, also over a restart."""

from __future__ import annotations

from collections.abc import Collection

from .delivery import Delivery, Outcome

POISON = "poison !"
"""Among an event's texts it says that the event is not to be run, but to get its plugin's policy."""

_SINCE = "since "
_ONLY = "only "
_ANY = "*"
_BAD = {outcome.value: outcome for outcome in (Outcome.DEAD_LETTERED, Outcome.SKIPPED)}


def only(callbacks: Collection[str]) -> frozenset[str]:
    """What an event that is replayed must be handed for no other callbacks to be called; none for all of them."""
    return frozenset(f"{_ONLY}{key}" for key in callbacks)


def asked_for(texts: frozenset[str]) -> frozenset[str]:
    """The callbacks that `only` was given."""
    return frozenset(text.removeprefix(_ONLY) for text in texts if text.startswith(_ONLY))


def tried_before() -> frozenset[str]:
    """What an event must be handed for the tries of its callbacks to count from its first run."""
    return frozenset({f"{_SINCE}1 {_ANY}"})


class History:
    """The callbacks of one event that have ended, and which try of the present one this is.

    Pure; made for each run of an event, whose callbacks are asked for in their order. The texts are the keys of the
    callbacks that have ended and, for each that did not succeed, a second text such as `skipped notify`. The text
    `since 4 notify` says that the tries of that callback began with the event's fourth run, `since 4 *` the same of
    whichever comes first. Keys are no phrases, so none is taken for another. After a restart runs are counted anew, for
    nobody keeps their number.
    """

    __slots__ = ("_first", "_given", "_moved", "_news", "_only", "_run", "_worst")

    def __init__(self, delivery: Delivery) -> None:
        self._run = delivery.attempt
        self._first: dict[str, int] | None = None
        self._moved = False
        self._worst = Outcome.SUCCEEDED
        self._given = delivery.ended
        self._only: frozenset[str] = frozenset()
        # Nearly every event has one run, so nothing is put together before somebody asks for it.
        self._news: list[str] = []
        if self._given:
            self._take_in(self._given)

    @property
    def is_poison(self) -> bool:
        """Whether the callbacks are to be given up instead of called."""
        return POISON in self._given

    def has_ended(self, key: str) -> bool:
        """Whether the callback had ended before this run, and is not to be called again."""
        return key in self._given or (bool(self._only) and key not in self._only)

    def attempt(self, key: str) -> int:
        """Which try of the callback this is, from 1."""
        return self._run - self._first_run(key) + 1

    def end(self, key: str, outcome: Outcome) -> None:
        """Note how the callback has ended in this run. The tries of the next one begin with this run."""
        self._moved = True
        self._news.append(key)
        if outcome is not Outcome.SUCCEEDED:
            self._news.append(f"{outcome.value} {key}")
            self._note(outcome)

    def again(self, key: str) -> frozenset[str]:
        """What is to be handed back for another try of the callback."""
        return self._texts() | {f"{_SINCE}{self._first_run(key)} {key}"}

    def anew(self, key: str = _ANY) -> frozenset[str]:
        """What is to be handed back when the next run begins the tries of the callback anew.

        Whoever resumes an event that was stopped at wants it run, poison or not.
        """
        return (self._texts() - {POISON}) | {f"{_SINCE}{self._run + 1} {key}"}

    @property
    def outcome(self) -> Outcome:
        """How the event ends when all of its callbacks have ended: as the worst of them."""
        return self._worst

    def _first_run(self, key: str) -> int:
        if self._first is None or self._moved:
            # Whatever was tried before it, its own tries begin now.
            return self._run
        return self._first.get(key, self._first.get(_ANY, self._run))

    def _texts(self) -> frozenset[str]:
        return self._given.union(self._news)

    def _note(self, outcome: Outcome) -> None:
        if self._worst is not Outcome.DEAD_LETTERED:
            self._worst = outcome

    def _take_in(self, texts: frozenset[str]) -> None:
        self._only = asked_for(texts)
        for text in texts:
            word, _, rest = text.partition(" ")
            if text.startswith(_SINCE):
                self._given -= {text}
                number, _, key = rest.partition(" ")
                self._first = self._first or {}
                self._first[key] = int(number) if int(number) <= self._run else 1
            elif rest and word in _BAD:
                self._note(_BAD[word])
