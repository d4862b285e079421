"""What goes wrong in the producer's chaos suite, and in which order: drawn from a seed before anything is started."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

FREEZE_SECONDS = 20.0  # longer than a transaction may stay open (15 s)
DISTURBANCES = ("freeze_broker", "restart_broker", "stop_producer", "storm", "drops", "close_port", "calm")
BLOWS = ("kill_active", "kill_standby", "kill_both", "end_active", "kill_active")
DROPS = ("rst", "fin", "cut_body", "cut_json", "hang", "lost_answer")


@dataclass(frozen=True, slots=True)
class Round:
    """One disturbance, and perhaps a blow to a producer while it lasts.

    `events`: so many must be published before it begins. `seconds`: how long the disturbance lasts. `blow_at`: the
    part of that time after which the blow falls. `fault`: what the site is told, for the disturbances of the site.
    """

    events: int
    disturbance: str
    seconds: float
    blow: str | None
    blow_at: float
    fault: dict[str, Any]

    def __str__(self) -> str:
        blow = f", {self.blow} at {self.blow_at:.0%} of it" if self.blow else ""
        detail = f" {self.fault}" if self.fault else ""
        return f"after {self.events} events: {self.disturbance} for {self.seconds:.1f} s{detail}{blow}"


def draw_rounds(rng: random.Random) -> Iterator[Round]:
    """Rounds without end. Of each seven, each disturbance is one; the same generator gives the same rounds."""
    while True:
        deck = list(DISTURBANCES)
        rng.shuffle(deck)
        yield from (_draw(rng, disturbance) for disturbance in deck)


def _draw(rng: random.Random, disturbance: str) -> Round:
    struck = disturbance == "calm" or rng.random() < 0.4
    return Round(
        events=rng.choice([0, 1, 50, 300, 1_000]),
        disturbance=disturbance,
        seconds=_seconds(rng, disturbance),
        blow=rng.choice(BLOWS) if struck else None,
        blow_at=rng.random(),
        fault=_fault(rng, disturbance),
    )


def _seconds(rng: random.Random, disturbance: str) -> float:
    if disturbance == "freeze_broker":
        return FREEZE_SECONDS
    if disturbance == "stop_producer":
        return rng.uniform(7.0, 18.0)  # the session of the election is 6 s
    if disturbance == "calm":
        return 0.0
    return rng.uniform(2.0, 8.0)


def _fault(rng: random.Random, disturbance: str) -> dict[str, Any]:
    if disturbance == "storm":
        retry_after = rng.choice([None, 1])
        return {
            "kind": "status",
            "code": rng.choice([503, 503, 429, 502]),
            "share": rng.choice([0.5, 0.9, 1.0]),
            **({} if retry_after is None else {"retry_after": retry_after}),
        }
    if disturbance == "drops":
        return {"kind": rng.choice(DROPS), "share": rng.choice([0.3, 0.6, 1.0])}
    return {}
