"""What an upgrade from the last released chart must find again; `make chart-released` writes it anew.

Kept are the values of the cases as they were then, and of each object what cannot be changed without losing something:
names and selectors, which the API server does not let change, and what the positions of plugins hang on.
Write it anew when a chart is released, and not before: a difference until then is what users' upgrades would meet.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import Any

import yaml
from configuration_checks import settings_of
from manifests import Object, hooks_of, pods, title
from rendering import CASES, case, rendered

FOLDER = Path(__file__).with_name("released")
KEPT = FOLDER / "kept.yaml"
COMMAND = "make chart-released"

Kept = dict[str, dict[str, Any]]
"""By object: what must stay."""


_FIXED = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"),
    "Job": ("selector", "template"),
    "KafkaTopic": ("topicName", "partitions"),
    "KafkaUser": ("authentication",),
    "PersistentVolumeClaim": ("accessModes", "storageClassName", "volumeName"),
    "ServiceAccount": (),
}
"""The kinds whose name others rely on, or whose deletion loses something, and what cannot be changed in their spec."""


def kept_of(objects: list[Object]) -> Kept:
    """What an upgrade must find again of these objects. Hooks are made anew each time, so they are left out."""
    found: Kept = {}
    for one in objects:
        if one["kind"] in _FIXED and not hooks_of(one):
            spec = one.get("spec") or {}
            found[title(one)] = {key: spec[key] for key in _FIXED[one["kind"]] if key in spec}
    for pod in pods(objects):
        if pod.owner["kind"] == "Deployment":
            found[title(pod.owner)] |= _positions(settings_of(objects, pod))
    return found


def _positions(settings: Any) -> dict[str, Any]:
    consumer, stream = settings.consumer, settings.stream
    topics = [stream.topic, stream.checkpoint_topic, stream.control_topic, stream.dead_letter_topic]
    return {"groups": f"{consumer.group_prefix}{consumer.team}", "topics": topics}


def released_cases() -> list[Path]:
    """The values of the last release's cases."""
    return sorted(FOLDER.glob("*-values.yaml"))


def released() -> dict[str, Kept]:
    """By case: what was kept at the last release."""
    return yaml.safe_load(KEPT.read_text("utf-8")) or {}


def _write() -> None:
    for old in released_cases():
        old.unlink()
    whole = {}
    for name in CASES:
        shutil.copyfile(case(name), FOLDER / name)
        whole[name] = kept_of(rendered("4", case(name)))
    KEPT.write_text(f"# Written by: {COMMAND}\n{yaml.safe_dump(whole, width=110)}", "utf-8")
    sys.stdout.write(f"{KEPT}: {sum(map(len, whole.values()))} objects of {len(whole)} cases\n")


if __name__ == "__main__":
    _write()
