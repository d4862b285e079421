"""What a Kafka user must be allowed to do, by name, and what the brokers' rules say of it. Pure.

Operations are spelled as `kafka-acls.sh` takes them. Read and Write each include Describe.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Literal

Kind = Literal["topic", "group", "transactional-id", "cluster"]

_NAMELESS = "User:NAME"
_EVERYBODY = "User:*"


@dataclass(frozen=True, slots=True)
class Right:
    """Operations on one thing. The cluster's name is empty."""

    kind: Kind
    name: str
    operations: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.kind.replace('-', ' ')} {self.name}".strip()

    def lacking(self, granted: Collection[str]) -> tuple[str, ...]:
        """Those of the operations that are not granted."""
        return tuple(operation for operation in self.operations if operation not in granted)


@dataclass(frozen=True, slots=True)
class Acl:
    """One rule of the brokers about a thing: who, what, and whether it is allowed or denied."""

    principal: str
    operation: str
    permission: Literal["allow", "deny"]


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a right is there as far as rules tell. `is_sure` False: there may be reasons beyond the rules."""

    granted: bool
    is_sure: bool


def principal_of(properties: Mapping[str, object]) -> str | None:
    """The user as the brokers name it (`User:alice`); None when only they know, as with certificates.

    `properties` are those of the client, by librdkafka's names.
    """
    name = properties.get("sasl.username")
    protocol = str(properties.get("security.protocol", "plaintext")).lower()
    if protocol.startswith("sasl"):
        return f"User:{name}" if name else None
    return "User:ANONYMOUS" if protocol == "plaintext" else None


def grant_command(right: Right, operations: Collection[str], principal: str | None) -> str:
    """The shell command that grants the operations. A principal that is not known stands there as `User:NAME`."""
    words = ["kafka-acls.sh", "--bootstrap-server", "HOST:PORT", "--add"]
    words += ["--allow-principal", principal or _NAMELESS]
    for operation in operations:
        words += ["--operation", operation]
    words += [f"--{right.kind}", right.name] if right.name else [f"--{right.kind}"]
    return shlex.join(words)


def judge_acls(acls: Collection[Acl], right: Right, principal: str | None, *, open_to_all: bool) -> Verdict:
    """What the rules about a thing say of a user, for things whose rights cannot be asked for directly.

    `open_to_all`: this user may use things that no rule names, as a super user, or where the brokers allow what they
    have no rule for.
    """
    who = {_EVERYBODY} if principal is None else {principal, _EVERYBODY}
    about = [acl for acl in acls if acl.principal in who]
    wanted = {"All", *right.operations}
    if any(acl.permission == "deny" and acl.operation in wanted for acl in about):
        return Verdict(granted=False, is_sure=True)
    allowed = {acl.operation for acl in about if acl.permission == "allow"}
    if "All" in allowed or not right.lacking(allowed):
        return Verdict(granted=True, is_sure=True)
    if principal is None:
        return Verdict(granted=False, is_sure=False)
    return Verdict(granted=False, is_sure=bool(acls) or not open_to_all)
