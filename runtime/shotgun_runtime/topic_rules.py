"""Which settings of a topic that was found do no harm, and which would break a promise. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

_FOREVER = 2**63 - 1
_YEAR_MS = 366 * 24 * 3600 * 1000


@dataclass(frozen=True, slots=True)
class Finding:
    """One difference. ``breaks`` tells whether a promise would not hold; ``setting`` and ``wanted`` mend it."""

    reason: str
    breaks: bool
    setting: str | None = None
    wanted: str | None = None


@dataclass(frozen=True, slots=True)
class _Case:
    """One setting that differs: its name, its value, the value it should have, and the topic's other settings."""

    setting: str
    value: str
    wanted: str | None
    others: Mapping[str, str]

    def warn(self, consequence: str) -> Finding:
        return Finding(f"{self.setting} is {self.value}{consequence}", breaks=False)

    def refuse(self, consequence: str, mended: str) -> Finding:
        return Finding(
            f"{self.setting} is {self.value}{consequence}", breaks=True, setting=self.setting, wanted=mended
        )


def judge(
    wanted: Mapping[str, str], wanted_partitions: int, found: Mapping[str, str], found_partitions: int
) -> Iterator[Finding]:
    """Compare a topic with what it should be; yield what an operator must know, nothing for what is right."""
    keeps_state = "compact" in wanted.get("cleanup.policy", "")
    yield from _partitions(keeps_state, wanted_partitions, found_partitions)
    rules = _STATE_RULES if keeps_state else _EVENT_RULES
    for setting in [*rules, *(name for name in wanted if name not in rules)]:
        if setting in found and found[setting] != wanted.get(setting):
            rule = rules.get(setting, _harmless)
            finding = rule(_Case(setting, found[setting], wanted.get(setting), found))
            if finding:
                yield finding


def _partitions(keeps_state: bool, wanted: int, found: int) -> Iterator[Finding]:
    if found == wanted:
        return
    if keeps_state and wanted == 1:
        reason = f"it has {found} partitions, but it is read and written as one: records in the others would be lost"
        yield Finding(reason, breaks=True)
    else:
        reason = f"it has {found} partitions, not {wanted} as configured; the {found} that are there are used"
        yield Finding(reason, breaks=False)


def _harmless(case: _Case) -> Finding:
    return case.warn(f", not {case.wanted}; that does no harm")


def _state_policy(case: _Case) -> Finding | None:
    policies = {policy.strip() for policy in case.value.split(",")}
    unlimited = case.others.get("retention.ms") == "-1" and case.others.get("retention.bytes", "-1") == "-1"
    if "delete" in policies and not unlimited:
        return case.refuse(
            ": Kafka would delete state that is old but in force, and positions with it", "compact"
        )
    if "compact" not in policies:
        return case.warn(": it grows without end and is read ever more slowly")
    return None


def _event_policy(case: _Case) -> Finding:
    # Keys are event ids, each written once: compaction has nothing to remove.
    return case.warn("; ids are unique, so compaction costs work and removes nothing")


def _finite_retention(case: _Case) -> Finding | None:
    if "delete" not in case.others.get("cleanup.policy", "delete") or case.value == "-1":
        return None
    return case.warn(": Kafka deletes older events, also those that a plugin has not handled yet")


def _too_small(case: _Case) -> Finding | None:
    if case.wanted is None or int(case.value) >= int(case.wanted):
        return None
    return case.refuse(f", below {case.wanted}: one large event would stop the stream", case.wanted)


def _clock_ahead(case: _Case) -> Finding:
    return case.warn(": Kafka refuses events when its clock is that far behind the site's")


def _clock_behind(case: _Case) -> Finding | None:
    if int(case.value) >= _FOREVER:
        return None
    consequence = ": Kafka refuses events that are older than that, and the stream would stop"
    return case.refuse(consequence, str(_FOREVER)) if int(case.value) < _YEAR_MS else case.warn(consequence)


def _append_time(case: _Case) -> Finding:
    return case.warn(": positions by date go by when an event was published, not when it happened")


def _unclean(case: _Case) -> Finding | None:
    if case.value != "true":
        return None
    return case.warn(": Kafka may lose acknowledged records when brokers fail")


_Rule = Callable[[_Case], Finding | None]

_EVENT_RULES: Mapping[str, _Rule] = {
    "cleanup.policy": _event_policy,
    "retention.ms": _finite_retention,
    "retention.bytes": _finite_retention,
    "message.timestamp.type": _append_time,
    "message.timestamp.after.max.ms": _clock_ahead,
    "message.timestamp.before.max.ms": _clock_behind,
    "max.message.bytes": _too_small,
    "unclean.leader.election.enable": _unclean,
}
_STATE_RULES: Mapping[str, _Rule] = {
    "cleanup.policy": _state_policy,
    "max.message.bytes": _too_small,
    "unclean.leader.election.enable": _unclean,
}
