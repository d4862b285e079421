"""Checks of containers: what stands twice, what is named and not there, and amounts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from manifests import Object, Objects, containers, duplicates, of_kind, pods, title
from quantity import is_quantity, quantity

_PORT_NAME = re.compile(r"(?=.*[a-z])[a-z0-9]+(-[a-z0-9]+)*")
_PROBES = ("startupProbe", "readinessProbe", "livenessProbe")


def duplicate_containers(objects: Objects) -> Iterator[str]:
    """Init and other containers of a pod share one set of names."""
    for pod in pods(objects):
        for name in duplicates([container.get("name") for container in pod.containers]):
            yield f"{pod}: two containers are named {name}"


def duplicate_env(objects: Objects) -> Iterator[str]:
    """A variable stands once in a container; Helm 4 refuses an upgrade otherwise."""
    for where, _, container in containers(objects):
        for name in duplicates([entry.get("name") for entry in container.get("env") or []]):
            yield f"{where}: the variable {name} stands twice"


def duplicate_ports(objects: Objects) -> Iterator[str]:
    """A port's name stands once in a pod, its number and protocol once in a container."""
    for where, _, container in containers(objects):
        for port in duplicates([_number(port) for port in container.get("ports") or []]):
            yield f"{where}: the port {port} stands twice"
    for pod in pods(objects):
        ports = [port for container in pod.containers for port in container.get("ports") or []]
        for name in duplicates([port["name"] for port in ports if port.get("name")]):
            yield f"{pod}: two ports are named {name}"


def _number(port: Object) -> str:
    return f"{port.get('containerPort')}/{port.get('protocol', 'TCP')}"


def duplicate_volumes(objects: Objects) -> Iterator[str]:
    """A volume's name stands once in a pod."""
    for pod in pods(objects):
        for name in duplicates([volume.get("name") for volume in pod.spec.get("volumes") or []]):
            yield f"{pod}: two volumes are named {name}"


def duplicate_mounts(objects: Objects) -> Iterator[str]:
    """One thing is mounted at a path."""
    for where, _, container in containers(objects):
        paths = [str(mount.get("mountPath")).rstrip("/") for mount in container.get("volumeMounts") or []]
        for path in duplicates(paths):
            yield f"{where}: two volumes are mounted at {path}"


def volumes_exist(objects: Objects) -> Iterator[str]:
    """Each mount names a volume of its pod."""
    for where, pod, container in containers(objects):
        there = {volume.get("name") for volume in pod.spec.get("volumes") or []}
        for mount in container.get("volumeMounts") or []:
            if mount.get("name") not in there:
                yield f"{where}: mounts the volume {mount.get('name')}, which the pod does not have"


def port_names(objects: Objects) -> Iterator[str]:
    """A port's name has at most 15 characters: lower-case letters, digits and single dashes, one letter at least."""
    for where, _, container in containers(objects):
        for port in container.get("ports") or []:
            name = port.get("name")
            if name is not None and (len(name) > 15 or not _PORT_NAME.fullmatch(name)):
                yield f"{where}: the port name {name} must have at most 15 lower-case letters, digits, dashes"
    for found in of_kind(objects, "Service"):
        ports = found["spec"].get("ports") or []
        for name in duplicates([port.get("name") for port in ports]):
            yield f"{title(found)}: two ports are named {name}"


def probe_ports(objects: Objects) -> Iterator[str]:
    """Probes, hooks of a container, Services and monitors ask ports that are declared."""
    for where, _, container in containers(objects):
        declared = _declared([container])
        actions = [(name, container.get(name) or {}) for name in _PROBES]
        actions += [(name, action) for name, action in (container.get("lifecycle") or {}).items()]
        for name, action in actions:
            for way in ("httpGet", "tcpSocket", "grpc"):
                port = (action.get(way) or {}).get("port")
                if port is not None and port not in declared:
                    yield f"{where}: {name} asks the port {port}, which the container does not declare"
    named = {port for pod in pods(objects) for port in _declared(pod.containers) if isinstance(port, str)}
    for found in of_kind(objects, "PodMonitor"):
        for endpoint in found["spec"].get("podMetricsEndpoints") or []:
            if endpoint.get("port") is not None and endpoint["port"] not in named:
                yield f"{title(found)}: scrapes the port {endpoint['port']}, which no pod declares"
    for found in of_kind(objects, "Service"):
        for port in found["spec"].get("ports") or []:
            target = port.get("targetPort", port.get("port"))
            if isinstance(target, str) and target not in named:
                yield f"{title(found)}: leads to the port {target}, which no pod declares"


def _declared(found: list[Object]) -> set[Any]:
    ports = [port for container in found for port in container.get("ports") or []]
    return {port.get(key) for port in ports for key in ("name", "containerPort")} - {None}


def quantities(objects: Objects) -> Iterator[str]:
    """Amounts of memory, processor and disk are quantities."""
    for where, amount in _amounts(objects):
        if not is_quantity(amount):
            yield f"{where}: {amount!r} is no quantity such as 500m or 256Mi"


def _amounts(objects: Objects) -> Iterator[tuple[str, Any]]:
    for where, _, container in containers(objects):
        for part in ("requests", "limits"):
            for name, amount in ((container.get("resources") or {}).get(part) or {}).items():
                yield f"{where}: {part}.{name}", amount
    for pod in pods(objects):
        for volume in pod.spec.get("volumes") or []:
            size = (volume.get("emptyDir") or {}).get("sizeLimit")
            if size is not None:
                yield f"{pod}: size of the volume {volume.get('name')}", size


def limits_cover_requests(objects: Objects) -> Iterator[str]:
    """No limit is smaller than what is asked for."""
    for where, _, container in containers(objects):
        resources = container.get("resources") or {}
        for name, asked in (resources.get("requests") or {}).items():
            limit = (resources.get("limits") or {}).get(name)
            known = is_quantity(limit) and is_quantity(asked)
            if known and quantity(limit) < quantity(asked):
                yield f"{where}: asks for {name} {asked} and is limited to {limit}"


def resources_named(objects: Objects) -> Iterator[str]:
    """Every container, also of hooks and tests, says what memory and processor it needs, and limits its memory."""
    for where, _, container in containers(objects):
        resources = container.get("resources") or {}
        for part, name in (("requests", "cpu"), ("requests", "memory"), ("limits", "memory")):
            if name not in (resources.get(part) or {}):
                yield f"{where}: has no resources.{part}.{name}"


def images(objects: Objects) -> Iterator[str]:
    """An image names the very version that is meant."""
    for where, _, container in containers(objects):
        image = str(container.get("image") or "")
        tag = image.rpartition("/")[2].partition(":")[2]
        if "@sha256:" not in image and tag in ("", "latest"):
            yield f"{where}: image {image!r} needs a tag (not latest) or a digest"
