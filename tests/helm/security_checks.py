"""Checks of what a pod may do: the Pod Security Standard "restricted", and what this chart promises beyond it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import yaml
from manifests import Objects, containers, of_kind, pods, title

from shotgun_runtime.secret import is_secret_property, password_of

_VOLUMES = frozenset(
    {
        "configMap",
        "csi",
        "downwardAPI",
        "emptyDir",
        "ephemeral",
        "image",  # from Kubernetes 1.33 on
        "persistentVolumeClaim",
        "projected",
        "secret",
    }
)
_SYSCTLS = frozenset({"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ping_group_range"})
_SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
_SECRET_WORD = re.compile(r"password|passwd|passphrase|secret|token|api_?key|private_?key", re.IGNORECASE)
_ADDRESSES = ("url", "http_proxy")
_ELSEWHERE = re.compile(r"(_file|_path|_name|_ref|\.location)$", re.IGNORECASE)


def restricted_pods(objects: Objects) -> Iterator[str]:
    """Every pod, of hooks and tests too, is admitted where Pod Security enforces "restricted"."""
    for pod in pods(objects):
        for name in ("hostNetwork", "hostPID", "hostIPC"):
            if pod.spec.get(name):
                yield f"{pod}: {name}"
        for volume in pod.spec.get("volumes") or []:
            for kind in sorted(set(volume) - {"name"} - _VOLUMES):
                yield f"{pod}: volume {volume.get('name')} of kind {kind}"
        for sysctl in (pod.spec.get("securityContext") or {}).get("sysctls") or []:
            if sysctl.get("name") not in _SYSCTLS:
                yield f"{pod}: sysctl {sysctl.get('name')}"
        for problem in _labelled(pod.spec.get("securityContext") or {}):
            yield f"{pod}: {problem}"
    for where, pod, container in containers(objects):
        own, of_pod = container.get("securityContext") or {}, pod.spec.get("securityContext") or {}
        for problem in [*_unrestricted(own, of_pod), *_labelled(own)]:
            yield f"{where}: {problem}"
        if any(port.get("hostPort") for port in container.get("ports") or []):
            yield f"{where}: hostPort"


def _unrestricted(own: Mapping[str, Any], of_pod: Mapping[str, Any]) -> Iterator[str]:
    if own.get("privileged"):
        yield "privileged"
    if own.get("allowPrivilegeEscalation") is not False:
        yield "allowPrivilegeEscalation must be false"
    capabilities = own.get("capabilities") or {}
    if "ALL" not in (capabilities.get("drop") or []):
        yield "capabilities.drop must hold ALL"
    if set(capabilities.get("add") or []) - {"NET_BIND_SERVICE"}:
        yield f"capabilities.add {capabilities['add']}"
    if own.get("runAsNonRoot", of_pod.get("runAsNonRoot")) is not True:
        yield "runAsNonRoot must be true"
    seccomp = own.get("seccompProfile") or of_pod.get("seccompProfile") or {}
    if seccomp.get("type") not in ("RuntimeDefault", "Localhost"):
        yield "seccompProfile.type must be RuntimeDefault or Localhost"
    if own.get("procMount", "Default") != "Default":
        yield f"procMount {own['procMount']}"


def _labelled(context: Mapping[str, Any]) -> Iterator[str]:
    selinux = context.get("seLinuxOptions") or {}
    if selinux.get("type", "") not in _SELINUX_TYPES or selinux.get("user") or selinux.get("role"):
        yield f"seLinuxOptions {selinux}"
    if (context.get("appArmorProfile") or {}).get("type") == "Unconfined":
        yield "appArmorProfile Unconfined"
    if (context.get("windowsOptions") or {}).get("hostProcess"):
        yield "windowsOptions.hostProcess"


def non_root_users(objects: Objects) -> Iterator[str]:
    """Nobody is told to be root, least of all where root is forbidden: the node refuses to start such a container."""
    for where, pod, container in containers(objects):
        of_pod = pod.spec.get("securityContext") or {}
        user = (container.get("securityContext") or {}).get("runAsUser", of_pod.get("runAsUser"))
        if user == 0:
            yield f"{where}: runs as user 0"


def privileges(objects: Objects) -> Iterator[str]:
    """A container that may not gain privileges has none already: the server refuses the contradiction."""
    for where, _, container in containers(objects):
        context = container.get("securityContext") or {}
        added = set((context.get("capabilities") or {}).get("add") or [])
        if context.get("allowPrivilegeEscalation") is False and (
            context.get("privileged") or added & {"SYS_ADMIN", "CAP_SYS_ADMIN"}
        ):
            yield f"{where}: is privileged, or has SYS_ADMIN, and allowPrivilegeEscalation is false"


def read_only_roots(objects: Objects) -> Iterator[str]:
    """Nothing writes to the image's own files."""
    for where, _, container in containers(objects):
        if (container.get("securityContext") or {}).get("readOnlyRootFilesystem") is not True:
            yield f"{where}: readOnlyRootFilesystem must be true"


def no_api_token(objects: Objects) -> Iterator[str]:
    """No pod gets a token for the Kubernetes API, and nothing is granted there."""
    for pod in pods(objects):
        if pod.spec.get("automountServiceAccountToken") is not False:
            yield f"{pod}: automountServiceAccountToken must be false"
        for volume in pod.spec.get("volumes") or []:
            for source in (volume.get("projected") or {}).get("sources") or []:
                if "serviceAccountToken" in source:
                    yield f"{pod}: the volume {volume.get('name')} holds a token"
    for found in of_kind(objects, "ServiceAccount"):
        if found.get("automountServiceAccountToken") is not False:
            yield f"{title(found)}: automountServiceAccountToken must be false"
    for found in of_kind(objects, "Role", "ClusterRole", "RoleBinding", "ClusterRoleBinding"):
        yield f"{title(found)}: grants rights in the Kubernetes API"


def no_plain_secrets(objects: Objects) -> Iterator[str]:
    """Secrets stand in Secrets that somebody else makes: not in the chart's objects, variables or configuration."""
    for found in of_kind(objects, "Secret"):
        yield f"{title(found)}: the chart makes a Secret, so its value stands in the values"
    for where, _, container in containers(objects):
        for entry in container.get("env") or []:
            if entry.get("value") and _is_secret(str(entry.get("name"))):
                yield f"{where}: the variable {entry['name']} holds its value in plain text"
    for found in of_kind(objects, "ConfigMap"):
        for name, text in (found.get("data") or {}).items():
            if name.endswith((".yaml", ".yml")):
                for path in _plain_secrets(yaml.safe_load(text), ()):
                    yield f"{title(found)}: {name} holds {'.'.join(path)} in plain text"


def _is_secret(name: str) -> bool:
    return bool(_SECRET_WORD.search(name)) and not _ELSEWHERE.search(name)


def _plain_secrets(values: Any, path: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    if isinstance(values, list):
        for number, value in enumerate(values):
            yield from _plain_secrets(value, (*path, str(number)))
    if not isinstance(values, dict):
        return
    for name, value in values.items():
        here = (*path, str(name))
        secret = (_is_secret(str(name)) or is_secret_property(str(name))) and not _ELSEWHERE.search(str(name))
        if secret and isinstance(value, str | int) and value:
            yield here
        # As in `proxy_user:password@proxy:3128`. Only addresses: an @ in other texts begins no host.
        if name in _ADDRESSES and isinstance(value, str) and password_of(value):
            yield here
        yield from _plain_secrets(value, here)
