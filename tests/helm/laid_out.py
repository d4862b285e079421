"""A rendered pod as a process on this machine: its files lie in a folder, its command and variables are the pod's."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from manifests import Object, Objects, Pod, of_kind

Secrets = Mapping[tuple[str, str], str]
"""What the cluster holds: by the name of a Secret and a key in it."""

# The pods of a node have addresses of their own; here all processes share one.
_HERE = {"SHOTGUN_STREAM_HTTP__HOST": "127.0.0.1", "SHOTGUN_STREAM_HTTP__PORT": "0"}


@dataclass(frozen=True, slots=True)
class LaidOut:
    """What to start: the command with its arguments, and its environment."""

    command: list[str]
    env: dict[str, str]


def laid_out(objects: Objects, pod: Pod, folder: Path, secrets: Secrets) -> LaidOut:
    """Write what the pod's first container mounts below `folder`, and return how it is started there.

    Every mount path is mapped into the folder, wherever it stands in the configuration and in variables. Raises
    LookupError when the pod needs a ConfigMap, Secret or key that is not there: its container would never start.
    """
    (container,) = pod.spec["containers"]
    volumes = {volume["name"]: volume for volume in pod.spec["volumes"]}
    mounts = {mount["mountPath"]: volumes[mount["name"]] for mount in container["volumeMounts"]}
    # What begins empty, such as /tmp, is this machine's own.
    mounts = {path: volume for path, volume in mounts.items() if "emptyDir" not in volume}

    def mapped(text: str) -> str:
        for path in mounts:
            text = text.replace(path, f"{folder}{path}")
        return text

    shutil.rmtree(folder, ignore_errors=True)
    for path, volume in mounts.items():
        here = Path(f"{folder}{path}")
        here.mkdir(parents=True)
        for file, text in _files(objects, volume, secrets):
            (here / file).write_text(mapped(text), "utf-8")
    env = {entry["name"]: mapped(_value(entry, secrets)) for entry in container["env"]}
    return LaidOut([*container["command"], *container["args"]], {**env, **_HERE})


def _files(objects: Objects, volume: Object, secrets: Secrets) -> Iterator[tuple[str, str]]:
    """Name and content of each file that a volume brings."""
    if "configMap" in volume:
        yield from _config_map(objects, volume["configMap"]["name"]).items()
    elif "projected" in volume:
        for source in volume["projected"]["sources"]:
            for item in source["secret"]["items"]:
                yield item["path"], _secret(secrets, source["secret"]["name"], item["key"])
    else:
        raise LookupError(f"what the volume {volume} brings is not known here; add it to {__name__}")


def _config_map(objects: Objects, name: str) -> dict[str, str]:
    for found in of_kind(objects, "ConfigMap"):
        if found["metadata"]["name"] == name:
            return dict(found["data"])
    raise LookupError(f"the ConfigMap {name} is not there")


def _value(entry: Mapping[str, Any], secrets: Secrets) -> str:
    if "valueFrom" not in entry:
        return str(entry["value"])
    reference = entry["valueFrom"]["secretKeyRef"]
    return _secret(secrets, reference["name"], reference["key"])


def _secret(secrets: Secrets, name: str, key: str) -> str:
    if (name, key) not in secrets:
        raise LookupError(f"the Secret {name} has no key {key}")
    return secrets[name, key]
