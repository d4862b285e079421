"""What must hold around a producer, judged from values that were found. Pure.

Each function returns checks: one line each for the operator, with what to do when it is not well.
"""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from shotgun_runtime.duration import format_duration
from shotgun_runtime.topic_rules import judge
from shotgun_runtime.topics import TopicSpec, creation_command

State = Literal["ok", "warning", "problem"]

SKEW_SECONDS = 10.0
RETENTION_MINUTES = 7 * 24 * 60
_VERIFICATION = "transaction.partition.verification.enable"
_RETENTION = "offsets.retention.minutes"
_OLD_VERSION = "inter.broker.protocol.version"


@dataclass(frozen=True, slots=True)
class Check:
    """One finding. `advice` says what to do; it is empty when all is well."""

    subject: str
    state: State
    found: str
    advice: str = ""


def judge_rows(visible: bool, unsent: Iterable[str]) -> Check:
    """Whether the script user sees events; `unsent` are fields that the site left out of one."""
    left_out = sorted(unsent)
    if not visible:
        return Check(
            "events",
            "warning",
            "the site shows no event",
            "if it is not brand new, let the script's permission role see EventLogEntry (Admin > Permissions)",
        )
    if left_out:
        return Check(
            "events",
            "warning",
            f"the site shows events without {', '.join(left_out)}",
            "let the script's permission role see these fields of EventLogEntry, else they are published as null",
        )
    return Check("events", "ok", "the site shows events with all fields")


def clock_skew(server: float | None, asked: float, answered: float) -> float | None:
    """Seconds by which the site's clock is ahead, at the least; None when it told no time.

    Its whole second `server` was read at some moment between `asked` and `answered` of this machine's clock, so a slow
    answer is no skew.
    """
    if server is None:
        return None
    return max(0.0, server - answered) - max(0.0, asked - (server + 1))


def judge_clock(skew: float | None) -> Check:
    """`skew`: seconds by which the site's clock is ahead of this machine's; None when the site told no time."""
    if skew is None:
        return Check(
            "clock", "warning", "the site's answer tells no time", "look at the proxies before the site"
        )
    if abs(skew) <= SKEW_SECONDS:
        return Check("clock", "ok", f"within {SKEW_SECONDS:g} s of the site's")
    side = "behind" if skew > 0 else "ahead of"
    return Check(
        "clock",
        "warning",
        f"this machine's clock is {format_duration(round(abs(skew)))} {side} the site's",
        "let NTP set this machine's clock, and look at the brokers': log lines and ages are off by as much",
    )


def judge_broker(settings: Mapping[str, str]) -> list[Check]:
    """What the configuration of the brokers means for the promises; `settings` by the broker's names."""
    return [_version(settings), _verification(settings), _retention(settings)]


def _version(settings: Mapping[str, str]) -> Check:
    subject, old = "version", settings.get(_OLD_VERSION)
    if old is not None:
        release = tuple(int(part) for part in old.split("-")[0].split(".") if part.isdigit())
        if release < (3, 7):
            advice = f"use Kafka 3.7 or newer; if the brokers are, raise {_OLD_VERSION}"
            return Check(subject, "warning", f"the brokers work as Kafka {old}", advice)
        return Check(subject, "ok", f"the brokers work as Kafka {old}")
    if "group.coordinator.rebalance.protocols" in settings:
        return Check(subject, "ok", "Kafka 4.0 or newer")
    return Check(subject, "warning", "the brokers do not tell it", "make sure that it is Kafka 3.7 or newer")


def _verification(settings: Mapping[str, str]) -> Check:
    subject, value = "transactions", settings.get(_VERIFICATION)
    if value is None:
        advice = f"make sure that {_VERIFICATION} is true"
        return Check(subject, "warning", f"the brokers do not tell {_VERIFICATION}", advice)
    if value == "true":
        return Check(subject, "ok", f"{_VERIFICATION} is true")
    return Check(
        subject,
        "problem",
        f"{_VERIFICATION} is {value}: a delayed write can leave a transaction open for ever, and readers stop there",
        f"set {_VERIFICATION}=true on all brokers",
    )


def _retention(settings: Mapping[str, str]) -> Check:
    subject, value = "positions", settings.get(_RETENTION)
    if value is None or not value.isdigit():
        advice = f"make sure that {_RETENTION} is at least {RETENTION_MINUTES}"
        return Check(subject, "warning", f"the brokers do not tell {_RETENTION}", advice)
    kept = format_duration(int(value) * 60)
    found = f"the brokers forget the position of a plugin that has not run for {kept}"
    if int(value) >= RETENTION_MINUTES:
        return Check(subject, "ok", found)
    return Check(subject, "warning", found, f"set {_RETENTION}={RETENTION_MINUTES} or more on all brokers")


def judge_topic(spec: TopicSpec, partitions: int, settings: Mapping[str, str]) -> list[Check]:
    """Whether a topic that is there is as it should be."""
    subject = f"topic {spec.name}"
    found = [
        Check(
            subject,
            "problem" if finding.breaks else "warning",
            finding.reason,
            _mend(spec.name, finding.setting, finding.wanted),
        )
        for finding in judge(spec.settings, spec.partitions, settings, partitions)
    ]
    return found or [Check(subject, "ok", f"is as it should be, with {partitions} partition(s)")]


def missing_topic(spec: TopicSpec, replication_factor: int | None) -> Check:
    """A topic that is not there."""
    return Check(
        f"topic {spec.name}",
        "warning",
        "does not exist yet",
        "the first start of `shotgun-producer run` makes it; or somebody who may: "
        + creation_command(spec, replication_factor),
    )


def _mend(topic: str, setting: str | None, wanted: str | None) -> str:
    if setting is None or wanted is None:
        return ""
    words = ["kafka-configs.sh", "--bootstrap-server", "HOST:PORT", "--alter", "--topic", topic]
    return f"run: {shlex.join([*words, '--add-config', f'{setting}={wanted}'])}"
