"""librdkafka properties as a user gives them: which are refused, and why."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from shotgun_runtime.secret import is_secret_property, read_secret_file

_COMMIT = "an offset is committed only after the event's callbacks have finished"
_TRANSACTION = "every page of events is one transaction; anything less would lose or double events"

REFUSED: Mapping[str, str] = {
    "bootstrap.servers": "set kafka.bootstrap_servers instead, so that there is one place for it",
    "metadata.broker.list": "set kafka.bootstrap_servers instead, so that there is one place for it",
    "group.id": "each plugin's group is named after its team and the plugin; its position hangs on that name",
    "group.instance.id": "a static member that was killed would hold its partitions until the session ends",
    "enable.auto.commit": _COMMIT,
    "auto.commit.enable": _COMMIT,
    "enable.auto.offset.store": _COMMIT,
    "auto.offset.reset": "a lost position must stop the plugin, not silently skip or repeat events",
    "isolation.level": "readers must not see events of a transaction that was aborted",
    "transactional.id": "it fences an older producer; two names would mean two writers",
    "enable.idempotence": _TRANSACTION,
    "acks": "an event counts as published only when all in-sync replicas have it",
    "request.required.acks": "an event counts as published only when all in-sync replicas have it",
    "transaction.timeout.ms": "a producer that died hides newer events from readers for at most these 15 s",
}
"""Properties on which a promise rests, with the reason."""

SECRET_FILE_SUFFIX = "_file"  # noqa: S105 - the name of a key, not a secret


def check_name(name: str) -> str:
    """Return the property's name, or raise ValueError with the reason why it is refused."""
    if name in REFUSED:
        raise ValueError(f"is refused: {REFUSED[name]}")
    if not name or name != name.strip():
        raise ValueError("is no property name of librdkafka")
    return name


def as_text(value: Any) -> str:
    """Return a YAML scalar as librdkafka reads it (``true``, ``12``); ValueError for anything else."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str | int | float):
        return str(value)
    raise ValueError("text, a number, true or false")


def read_secret_files(properties: dict[str, str]) -> dict[str, str]:
    """Replace ``<secret property>_file`` by the property, read from that file."""
    resolved = dict(properties)
    for name in properties:
        plain = name.removesuffix(SECRET_FILE_SUFFIX)
        if plain == name or not is_secret_property(plain):
            continue
        if plain in properties:
            raise ValueError(f"either {plain} or {name}, not both")
        try:
            resolved[plain] = read_secret_file(Path(resolved.pop(name)))
        except ValueError as error:
            raise ValueError(f"for {name} {error}") from None
    return resolved


Properties = Annotated[
    dict[Annotated[str, AfterValidator(check_name)], Annotated[str, BeforeValidator(as_text)]],
    AfterValidator(read_secret_files),
]
"""librdkafka properties by name; values as text."""
