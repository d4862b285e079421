"""The settings of the one Kafka node, as the text of its properties file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

NO_PROPERTIES: Mapping[str, str] = MappingProxyType({})

# One node has nobody to replicate to, so every internal topic has one copy. Joining a group and committing an offset
# answer at once instead of waiting for company. The heap is small, so is the log cleaner's buffer (128 MiB by default).
_SINGLE_NODE = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "inter.broker.listener.name": "PLAINTEXT",
    "default.replication.factor": "1",
    "min.insync.replicas": "1",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "8",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "group.initial.rebalance.delay.ms": "0",
    "group.coordinator.append.linger.ms": "0",
    "auto.create.topics.enable": "false",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    # After a kill the controller refuses the restarted broker until the dead one's session has run out: 9 s by default.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
}


def server_properties(
    *, port: int, controller_port: int, log_folder: Path, extra: Mapping[str, str] = NO_PROPERTIES
) -> str:
    """The properties file of a node that answers on 127.0.0.1:`port` and keeps its data in `log_folder`.

    `extra` adds settings by the broker's names, or changes usual ones; ports and folder stay as given. A proxy in front
    of the broker needs `advertised.listeners`.
    """
    settings = {
        **_SINGLE_NODE,
        "advertised.listeners": f"PLAINTEXT://127.0.0.1:{port}",
        **extra,
        "listeners": f"PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}",
        "controller.quorum.voters": f"1@127.0.0.1:{controller_port}",
        "log.dirs": str(log_folder),
    }
    return "".join(f"{key}={_escape(value)}\n" for key, value in settings.items())


def _escape(value: str) -> str:
    # Java reads a properties file as Latin-1 and takes the backslash for an escape; a leading blank would be dropped.
    escaped = "".join(_escape_character(character) for character in value)
    return "\\" + escaped if escaped.startswith(" ") else escaped


def _escape_character(character: str) -> str:
    if character == "\\":
        return "\\\\"
    if " " <= character <= "~":
        return character
    units = character.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
