"""What goes wrong in the consumer's chaos suite, and in which order: drawn from a seed before anything is started."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

DISTURBANCES = (
    "kill",
    "kill_all",
    "freeze",
    "doze",
    "join_and_leave",
    "broker",
    "reload",
    "broken_reload",
)
BLOW_SHARE = 0.5
SHORT = 4.0  # seconds: less than the session time-out of the groups, 6 s


@dataclass(frozen=True, slots=True)
class Round:
    """One disturbance, and perhaps the kill of a member in the middle of it.

    `events`: so many must end, for the slowest plugin, before it begins. `seconds`: how long it lasts, where that is
    not told by what the members do. `blow_at`: the part of that time after which a member is killed; None: none is.
    `victim` chooses the member, `plugin` the plugin, both modulo how many there are. `orderly`: whether a broker is
    stopped, rather than killed.
    """

    events: int
    disturbance: str
    seconds: float
    blow_at: float | None
    victim: int
    plugin: int
    orderly: bool

    def __str__(self) -> str:
        blow = "" if self.blow_at is None else f", and a kill at {self.blow_at:.0%} of it"
        return f"after {self.events} events: {self.disturbance} ({self.seconds:.1f} s){blow}"


def draw_rounds(rng: random.Random, disturbances: Sequence[str] = DISTURBANCES) -> Iterator[Round]:
    """Rounds without end, each disturbance once before one comes again; a generator gives the same rounds again."""
    while True:
        deck = list(disturbances)
        rng.shuffle(deck)
        for disturbance in deck:
            yield Round(
                events=rng.choice([0, 1, 20, 100, 300]),
                disturbance=disturbance,
                seconds=rng.uniform(0.5, SHORT),
                blow_at=rng.random() if rng.random() < BLOW_SHARE else None,
                victim=rng.randrange(12),
                plugin=rng.randrange(12),
                orderly=rng.random() < 0.5,
            )
