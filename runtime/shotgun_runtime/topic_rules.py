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


def judge(
    wanted: Mapping[str, str], wanted_partitions: int, found: Mapping[str, str], found_partitions: int
) -> Iterator[Finding]:
    """Compare a topic with what it should be; yield what an operator must know, nothing for what is right."""
    keeps_state = "compact" in wanted.get("cleanup.policy", "")
    yield from _partitions(keeps_state, wanted_partitions, found_partitions)
    rules = _STATE_RULES if keeps_state else _EVENT_RULES
    judged: set[str] = set()
    for setting, rule in rules.items():
        judged.add(setting)
        if setting in found and found[setting] != wanted.get(setting):
            yield from rule(setting, found, wanted)
    for setting, value in wanted.items():
        if setting not in judged and found.get(setting, value) != value:
            yield Finding(f"{setting} is {found[setting]}, not {value}; that does no harm", breaks=False)


def _partitions(keeps_state: bool, wanted: int, found: int) -> Iterator[Finding]:
    if found == wanted:
        return
    if keeps_state and wanted == 1:
        reason = f"it has {found} partitions, but it is read and written as one: records in the others would be lost"
        yield Finding(reason, breaks=True)
    else:
        reason = f"it has {found} partitions, not {wanted} as configured; the {found} that are there are used"
        yield Finding(reason, breaks=False)


Rule = Callable[[str, Mapping[str, str], Mapping[str, str]], Iterator[Finding]]


def _state_policy(setting: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    policies = {policy.strip() for policy in found[setting].split(",")}
    unlimited = found.get("retention.ms") == "-1" and found.get("retention.bytes", "-1") == "-1"
    if "delete" in policies and not unlimited:
        reason = f"{setting} is {found[setting]}: Kafka would delete the newest state when it is old, and positions with it"
        yield Finding(reason, breaks=True, setting=setting, wanted="compact")
    elif "compact" not in policies:
        yield Finding(
            f"{setting} is {found[setting]}: it grows without end and is read more slowly", breaks=False
        )


def _event_policy(setting: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    # Keys are event ids, each written once: compaction has nothing to remove.
    yield Finding(
        f"{setting} is {found[setting]}; ids are unique, so compaction costs work and removes nothing", False
    )


def _finite_retention(setting: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    if "delete" in found.get("cleanup.policy", "delete"):
        reason = f"{setting} is {found[setting]}: Kafka deletes older events, also those a plugin has not handled yet"
        yield Finding(reason, breaks=False)


def _too_small(setting: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    least = int(wanted.get(setting, "0"))
    if int(found[setting]) < least:
        reason = f"{setting} is {found[setting]}, below {least}: one large event would stop the stream"
        yield Finding(reason, breaks=True, setting=setting, wanted=str(least))


def _clock_ahead(setting: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    reason = (
        f"{setting} is {found[setting]}: Kafka refuses events when its clock is that far behind the site's"
    )
    yield Finding(reason, breaks=False)


def _clock_behind(setting: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    if int(found[setting]) >= _FOREVER:
        return
    reason = f"{setting} is {found[setting]}: Kafka refuses events that are older than that, and the stream would stop"
    yield Finding(reason, breaks=int(found[setting]) < _YEAR_MS, setting=setting, wanted=str(_FOREVER))


def _append_time(setting: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    reason = f"{setting} is {found[setting]}: positions by date go by when an event was published, not when it happened"
    yield Finding(reason, breaks=False)


def _unclean(setting: str, found: Mapping[str, str], wanted: Mapping[str, str]) -> Iterator[Finding]:
    if found[setting] == "true":
        reason = f"{setting} is true: Kafka may lose acknowledged records when brokers fail"
        yield Finding(reason, breaks=False)


_EVENT_RULES: Mapping[str, Rule] = {
    "cleanup.policy": _event_policy,
    "retention.ms": _finite_retention,
    "message.timestamp.type": _append_time,
    "message.timestamp.after.max.ms": _clock_ahead,
    "message.timestamp.before.max.ms": _clock_behind,
    "max.message.bytes": _too_small,
    "unclean.leader.election.enable": _unclean,
}
_STATE_RULES: Mapping[str, Rule] = {
    "cleanup.policy": _state_policy,
    "max.message.bytes": _too_small,
    "unclean.leader.election.enable": _unclean,
}
