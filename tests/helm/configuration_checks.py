"""Checks of the configuration that a pod is given: our own services read it, as they would in that pod."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from manifests import Object, Objects, Pod, containers, of_kind

from shotgun_runtime.errors import ConfigurationError
from shotgun_runtime.settings import (
    Settings,
    load_settings,
    require_consumer,
    require_kafka,
    require_producer,
)

_PREFIX = "SHOTGUN_STREAM_"
_CONFIG = "SHOTGUN_STREAM_CONFIG"
_NEEDS = {
    "shotgun-producer": require_producer,
    "shotgun-consumer": require_consumer,
    "shotgun-producer topics": lambda settings: require_kafka(settings.kafka),
}
_DEFAULT_GRACE = 30  # seconds, of Kubernetes


@dataclass(frozen=True, slots=True)
class _Given:
    """What a container is given: the service that it runs, its configuration file, and our variables."""

    command: str
    file: str
    environment: tuple[tuple[str, str], ...]


class _NotGivenError(Exception):
    """A file is named that the container does not have."""


def own_configuration(objects: Objects) -> Iterator[str]:
    """Each service accepts the configuration that its pod mounts, and finds there every file that it names."""
    for where, pod, container in _services(objects):
        try:
            problem = _read(_given(objects, pod, container))[1]
        except _NotGivenError as error:
            problem = str(error)
        if problem:
            yield f"{where}: {problem}"


def grace_exceeds_drain(objects: Objects) -> Iterator[str]:
    """A pod is given more time than its service takes to stop; with less it is killed in the midst of its work."""
    for where, pod, container in _services(objects):
        try:
            settings, _ = _read(_given(objects, pod, container))
        except _NotGivenError:
            continue  # told by `own_configuration`
        if settings is None or pod.owner.get("kind") != "Deployment":
            continue
        sleeping = ((container.get("lifecycle") or {}).get("preStop") or {}).get("sleep") or {}
        needed = settings.shutdown_timeout + sleeping.get("seconds", 0)
        grace = pod.spec.get("terminationGracePeriodSeconds", _DEFAULT_GRACE)
        if grace <= needed:
            yield f"{where}: terminationGracePeriodSeconds {grace} is not more than the {needed:g} s of a clean stop"


def settings_of(objects: Objects, pod: Pod) -> Settings:
    """The configuration of the service in a pod. Raises LookupError when there is none, or none that it accepts."""
    for _, found, container in _services(objects):
        if found.owner is pod.owner:
            settings, problem = _read(_given(objects, pod, container))
            if settings is None:
                raise LookupError(f"{pod}: {problem}")
            return settings
    raise LookupError(f"{pod}: runs no service of ours")


def _services(objects: Objects) -> Iterator[tuple[str, Pod, Object]]:
    for where, pod, container in containers(objects):
        if _command(container):
            yield where, pod, container


def _command(container: Object) -> str | None:
    words = " ".join(map(str, [*(container.get("command") or []), *(container.get("args") or [])]))
    return max((command for command in _NEEDS if command in words), key=len, default=None)


def _given(objects: Objects, pod: Pod, container: Object) -> _Given:
    environment = {}
    for entry in container.get("env") or []:
        if str(entry.get("name")).startswith(_PREFIX):
            environment[entry["name"]] = str(
                entry.get("value") or ("elsewhere" if "valueFrom" in entry else "")
            )
    words = [str(word) for word in [*(container.get("command") or []), *(container.get("args") or [])]]
    path = environment.pop(_CONFIG, None)
    if "--config" in words[:-1]:
        path = words[words.index("--config") + 1]
    if path is None:
        raise _NotGivenError(f"neither --config nor {_CONFIG} names a configuration")
    values = yaml.safe_load(_content(objects, pod, container, path)) or {}
    _check_files(values, pod, container)
    command = _command(container)
    assert command is not None
    return _Given(command, json.dumps(values), tuple(sorted(environment.items())))


def _content(objects: Objects, pod: Pod, container: Object, path: str) -> str:
    """The text of a file that a ConfigMap of the chart brings into the container."""
    mount = _mount(container, path)
    if mount is None:
        raise _NotGivenError(f"nothing is mounted at {path}")
    volume = next((one for one in pod.spec.get("volumes") or [] if one.get("name") == mount["name"]), {})
    source = volume.get("configMap") or {}
    data = next((one.get("data") or {} for one in _config_maps(objects, source.get("name"))), {})
    inside = mount.get("subPath") or path.removeprefix(mount["mountPath"].rstrip("/")).lstrip("/")
    keys = {item["path"]: item["key"] for item in source.get("items") or []}
    key = keys.get(inside) if keys else inside
    if key not in data:
        raise _NotGivenError(f"no ConfigMap of the chart holds {path}")
    return str(data[key])


def _config_maps(objects: Objects, name: Any) -> Iterator[Object]:
    return (found for found in of_kind(objects, "ConfigMap") if found["metadata"]["name"] == name)


def _mount(container: Object, path: str) -> Object | None:
    mounts = [
        mount
        for mount in container.get("volumeMounts") or []
        if path == mount["mountPath"] or path.startswith(mount["mountPath"].rstrip("/") + "/")
    ]
    return max(mounts, key=lambda mount: len(mount["mountPath"]), default=None)


def _check_files(values: Any, pod: Pod, container: Object) -> None:
    for path, value in _files(values):
        mount = _mount(container, value)
        if mount is None:
            raise _NotGivenError(f"{path} is {value}, where nothing is mounted")
        volume = next((one for one in pod.spec.get("volumes") or [] if one.get("name") == mount["name"]), {})
        _check_item(path, value, mount, volume)


def _check_item(path: str, value: str, mount: Object, volume: Object) -> None:
    """A volume that picks single keys of a Secret has the file only if it is among them."""
    source = volume.get("secret") or volume.get("configMap") or {}
    sources = (volume.get("projected") or {}).get("sources") or [{"secret": source}]
    picked: set[str] = set()
    for one in sources:
        items = (one.get("secret") or one.get("configMap") or {}).get("items")
        if not items:
            return
        picked |= {item["path"] for item in items}
    inside = mount.get("subPath") or value.removeprefix(mount["mountPath"].rstrip("/")).lstrip("/")
    if inside not in picked:
        raise _NotGivenError(
            f"{path} is {value}, but the volume {volume.get('name')} brings only {sorted(picked)}"
        )


def _files(values: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Every value that names a file which must be there at the start, with its key."""
    if not isinstance(values, dict):
        return
    for key, value in values.items():
        here = f"{path}.{key}" if path else str(key)
        if isinstance(value, str) and value and str(key).endswith(("_file", "ca_certs", ".location")):
            yield here, value
        else:
            yield from _files(value, here)


@cache
def _read(given: _Given) -> tuple[Settings | None, str | None]:
    """The settings that the service makes of it, or what it says against it."""
    with tempfile.TemporaryDirectory() as folder:
        stand_in = Path(folder, "file")
        stand_in.write_text("stand-in")
        config = Path(folder, "stream.yaml")
        config.write_text(yaml.safe_dump(_standing_in(json.loads(given.file), str(stand_in))))
        environment = {
            name: str(stand_in) if name.endswith(("_FILE", "CA_CERTS", "_LOCATION")) else value
            for name, value in given.environment
        }
        try:
            settings = load_settings(config, {}, environment)
            _NEEDS[given.command](settings)
        except ConfigurationError as error:
            return None, str(error).replace(folder, "")
        return settings, None


def _standing_in(values: Any, path: str) -> Any:
    if not isinstance(values, Mapping):
        return values
    found = dict(values)
    for key, value in values.items():
        is_file = isinstance(value, str) and value and str(key).endswith(("_file", "ca_certs", ".location"))
        found[key] = path if is_file else _standing_in(value, path)
    return found
