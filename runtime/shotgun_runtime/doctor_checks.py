"""What must hold around a service, judged from values that were found. Pure.

Each function returns checks: one line each for the operator, with what to do when it is not well.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from shotgun_runtime.duration import format_duration
from shotgun_runtime.kafka_rights import Acl, Right, grant_command, judge_acls
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


PRODUCER_MAKES = "the first start of `shotgun-producer run` makes it"


@dataclass(frozen=True, slots=True)
class NeededTopic:
    """A topic that a service uses, and what its user must be allowed there.

    `maker`: who makes it when it is missing, and when. `is_made_here`: that this is the service itself, so that its
    user must be allowed to.
    """

    spec: TopicSpec
    right: Right
    maker: str = PRODUCER_MAKES
    is_made_here: bool = True


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


def missing_topic(
    spec: TopicSpec, replication_factor: int | None, refusal: str | None = None, maker: str = PRODUCER_MAKES
) -> Check:
    """A topic that is not there. `refusal`: why this user could not make it; `maker`: who makes it, and when."""
    command = creation_command(spec, replication_factor)
    if refusal is not None:
        found = f"does not exist, and this user could not make it: {refusal}"
        return Check(f"topic {spec.name}", "problem", found, f"let somebody who may run: {command}")
    return Check(
        f"topic {spec.name}",
        "warning",
        "does not exist yet",
        f"{maker}; or somebody who may: {command}",
    )


def unknown_settings(subject: str, reason: str, right: Right, principal: str | None) -> Check:
    """Settings that this user may not read."""
    return Check(
        subject,
        "warning",
        f"its settings cannot be read: {reason}",
        f"look at them yourself, or run: {grant_command(right, right.operations, principal)}",
    )


def judge_right(right: Right, granted: Collection[str] | None, principal: str | None) -> Check:
    """Whether this user may do what is needed; `granted` None: Kafka did not tell."""
    subject = f"rights on {right}"
    if granted is None:
        return Check(subject, "warning", "Kafka does not tell them", "try again")
    lacking = right.lacking(granted)
    if lacking:
        return _lacking(right, lacking, f"this user lacks {' and '.join(lacking)}", principal)
    return Check(subject, "ok", f"this user has {' and '.join(right.operations)}")


def unchecked_right(right: Right) -> Check:
    """Brokers without an authorizer let everybody do everything."""
    return Check(f"rights on {right}", "ok", "the brokers check no rights")


def hidden_right(right: Right, principal: str | None) -> Check:
    """A right that cannot be asked for, where this user may not see the rules either."""
    return Check(
        f"rights on {right}",
        "warning",
        "only somebody with Describe on the cluster can look them up",
        f"if the start is refused, run: {grant_command(right, right.operations, principal)}",
    )


def judge_rules(right: Right, acls: Collection[Acl], principal: str | None, *, open_to_all: bool) -> Check:
    """The same as `judge_right` from the brokers' rules; see `kafka_rights.judge_acls`."""
    verdict = judge_acls(acls, right, principal, open_to_all=open_to_all)
    subject, needed = f"rights on {right}", " and ".join(right.operations)
    if verdict.granted:
        return Check(subject, "ok", f"this user has {needed}")
    if verdict.is_sure:
        return _lacking(
            right, right.operations, f"this user lacks {needed}, unless it is a super user", principal
        )
    who = principal or "this user, whose name only the brokers know"
    return Check(
        subject,
        "warning",
        f"no rule gives {needed} to {who}; it may have it without one",
        f"if the start is refused, run: {grant_command(right, right.operations, principal)}",
    )


def _lacking(right: Right, operations: Collection[str], found: str, principal: str | None) -> Check:
    command = grant_command(right, operations, principal)
    return Check(f"rights on {right}", "problem", found, f"let somebody who may run: {command}")


def _mend(topic: str, setting: str | None, wanted: str | None) -> str:
    if setting is None or wanted is None:
        return ""
    words = ["kafka-configs.sh", "--bootstrap-server", "HOST:PORT", "--alter", "--topic", topic]
    return f"run: {shlex.join([*words, '--add-config', f'{setting}={wanted}'])}"
